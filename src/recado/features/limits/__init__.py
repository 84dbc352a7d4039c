"""Limits: which stand in the way of a request, what they hold, and whether it may leave now.

paths.py says which limits a campaign's requests on a channel must pass. limiter.py asks for several
requests at once: asks.py puts the question together, reserve.lua answers it, books.py fills what it
counts by from what is on record. installation.py keeps the limits of the whole installation,
meters.py shows what all of them hold. What may not live here: what is sent, and to whom.
"""
