"""Conversations: what people write to a workspace's numbers, and what is answered."""
