"""Workspaces, the tenants: making one and reading its own row. Members are users' business."""
