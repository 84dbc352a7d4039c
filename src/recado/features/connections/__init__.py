"""What providers say of numbers and accounts, and what follows: pauses, tiers, notes, pictures.

standing.py applies it, each word by the time it was said, so that what is old changes nothing;
numbers.py asks for it; sessions.py connects and disconnects phones. What may not live here: the
shapes of any one provider (providers/), and taking callbacks in (features/webhooks).
"""
