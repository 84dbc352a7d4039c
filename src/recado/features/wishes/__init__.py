"""What people say about being written to: by a word, a button, or a switch at the provider.

Heard in what callbacks tell, and put on record with the contact (features/contacts/consent.py).
What may not live here: what a wish comes to.
"""
