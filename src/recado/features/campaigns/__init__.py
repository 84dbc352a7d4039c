"""Campaigns and their runs: what to say and to whom, starting, pausing, cancelling, progress.

What may not live here: how messages leave (dispatch) and how an upload becomes contacts.
"""
