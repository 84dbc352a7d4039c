"""Asking a provider which contacts' numbers are on WhatsApp: slowly, in the background.

service.py begins, shows and cancels a check, work.py does a step of it, jobs.py has the steps done.
What the answers mean for a contact is said in features/contacts/reach.py.
"""
