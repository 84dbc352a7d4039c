"""Conversations: what people write to a workspace's numbers, and what is answered.

receiving.py takes in what people did, people.py says who they are, outgoing.py puts an answer into
a conversation and sending.py hands it over, receipts.py follows what becomes of it, reading.py
shows all of it. What may not live here: the shapes of any one provider, and what a campaign sends.
"""
