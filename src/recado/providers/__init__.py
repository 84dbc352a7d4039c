"""How each provider is spoken to: one interface, one folder a provider, identical inside.

base.py is the interface, content.py what a message may say, exchange.py what goes into calls and
comes out of them, events.py what callbacks tell. In each folder: adapter.py sends and asks,
payloads.py shapes requests and reads answers, webhook.py verifies and reads callbacks, errors.py
classes the provider's codes; further files where one of these would grow too long. What may not
live here: the database, limits, or any decision about a campaign.
"""
