"""Callbacks of providers: taken in and stored before they are answered, applied in bulk by a job.

intake.py routes and verifies, store.py makes durable, applying.py turns stored callbacks into
states of deliveries. What may not live here: the shapes of any one provider (providers/).
"""
