"""Importing a file of contacts: stored in pieces, then read and merged by a job, on any machine.

The job goes over the file twice. It first reads all of it, reports what is wrong with its lines and
spools the rest on disk, brought together by person. Then it merges the people into the base, some
thousands in a transaction, which also notes how far it has come. What may not live here: what a
file looks like (features/contacts/reading).
"""
