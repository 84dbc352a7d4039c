"""The list of channels: the numbers, how they are connected, and what their providers think."""
