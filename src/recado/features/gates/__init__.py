"""Gates in Redis: what pause, cancel and opt-out have closed, seen by the very next reservation.

PostgreSQL is the truth. Whoever closes something writes its gate after the commit and before the
caller is answered. A gate matters to messages claimed before that commit, which wait in some
worker's memory for their turn; it vanishes by itself long after the last of them has gone. Only a
worker opens a gate again: the very one that shut its messages out, and only after PostgreSQL has
told it that nothing is closed. Where Redis is away nothing can be reserved, and no run or channel
that PostgreSQL knows as closed is claimed from: so a gate that cannot be written is a warning, not
a failure.
"""
