"""The simulator as a provider: Meta's shapes, credentials of its own making, no account needed."""
