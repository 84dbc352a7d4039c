"""What carries the features: PostgreSQL, Redis, the job queue, secrets, settings, logs, metrics.

What may live here: technical means that know nothing of campaigns. What may not: business rules,
HTTP endpoints, or an import from features, providers or anything above them.
"""
