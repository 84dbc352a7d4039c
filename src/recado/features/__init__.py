"""What Recado does, one folder a feature.

Each folder holds its tables (models.py), its rules (service.py), its plain SQL (queries.sql), its
shapes (schemas.py) and its background jobs (jobs.py). Functions take the caller's transaction:
one request or job is one transaction. What may not live here: HTTP, pages, commands.
"""
