"""Channels: the numbers of a workspace, their credentials, their state and where callbacks go."""
