"""Gates in Redis: what pause, cancel and opt-out have closed, seen by the very next reservation.

PostgreSQL is the truth. A gate is written after the commit that closes it and before the caller is
answered; after a flush each driver writes those of its runs again. Where Redis is away nothing can
be reserved, and no run that PostgreSQL knows as closed is claimed from: so a gate that cannot be
written is a warning, not a failure.
"""
