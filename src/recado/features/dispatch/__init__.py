"""Driving channels: who drives which, what is claimed, when it may leave, and what became of it.

The way of a delivery: leases.py and fleet.py (which worker drives the channel) → driver.py (the
loop, whose every word with PostgreSQL and Redis is in ledger.py) → claims.py (pending → sending,
an attempt on record) → plans.py (its text, its hours, its limits: paths.py) → turnstile.py (it
waits for its turn) → limiter.py and reserve.lua (may it leave now?; books.py fills what they count
by) → departures.py and sender.py (the request) → recorder.py and records.py (the outcome) →
consequences.py (what that means for others). takeover.py settles what a
dead driver left, finishing.py ends a run, jobs.py finds what was forgotten. What may not live here:
what a campaign says, and how a provider is spoken to.
"""
