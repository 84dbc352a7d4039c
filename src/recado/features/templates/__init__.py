"""Message templates as their provider lists them, stored by account and kept in step with its news.

The list is asked for when a channel is connected, every few hours, and when somebody wants it
fresh; callbacks tell of changes in between. What may not live here: campaigns. Whoever changes a
template's status has a job deferred that lets campaigns follow (features/campaigns).
"""
