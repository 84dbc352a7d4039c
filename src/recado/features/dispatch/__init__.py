"""Driving channels: who drives which, what is claimed, when it may leave, and what became of it.

The way of a delivery: leases.py and fleet.py (which worker drives the channel) → driver.py (the
loop, whose every word with PostgreSQL and Redis is in ledger.py) → supply.py and claims.py (pending
→ sending, an attempt on record) → plans.py (its text, its hours.py, its limits) → turnstile.py (it
waits for its turn) → the limiter of features/limits (may it leave now?) → departures.py and
sender.py (the request) → recorder.py and records.py (the outcome) → consequences.py (what that
means for others).

Beside it: mood.py backs off from a provider that fails, rota.py and failover.py share the work
among runs and numbers, sleepers.py and unknowns.py see to what must wait, takeover.py settles what
a dead driver left, finishing.py ends a run, jobs.py finds what was forgotten. What may not live
here: what a campaign says, and how a provider is spoken to.
"""
