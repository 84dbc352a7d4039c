"""What a workspace's people are told: pauses, ends and faults, written with the change itself.

What may not live here: deciding that something happened. Whoever changes a state writes the note in
the same transaction, so that neither is there without the other.
"""
