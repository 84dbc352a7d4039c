"""A workspace's own settings: rows that hold from the moment they are saved."""
