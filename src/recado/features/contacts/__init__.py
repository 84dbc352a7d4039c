"""People: their data, tags and consent, how they are found, and how a file of them is imported.

What may not live here: lists and audiences (features/audiences), and whatever is sent to people.
"""
