"""Whom a campaign is aimed at: lists of contacts, and what selects people from them.

What may not live here: a contact's own data (features/contacts) or a run's deliveries.
"""
