"""How each provider is spoken to: one interface, one folder a provider, identical inside.

adapter.py sends and checks, payloads.py shapes requests and reads answers, webhook.py verifies and
reads callbacks. What may not live here: the database, limits, or any decision about a campaign.
"""
