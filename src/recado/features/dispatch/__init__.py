"""Driving channels: who drives which, what is claimed, when it may leave, and what became of it.

The way of a delivery: leases.py (which worker drives the channel) → driver.py (the loop) →
claims.py (pending → sending, an attempt on record) → limiter.py and reserve.lua (may it leave
now?) → sender.py (the request) → records.py (the outcome). takeover.py settles what a dead driver
left. What may not live here: what a campaign says, and how a provider is spoken to.
"""
