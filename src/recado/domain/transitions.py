"""What every table of states and events is made of."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from recado.domain.errors import Conflict

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class Actor(StrEnum):
    """Who makes an event happen."""

    PERSON = "person"
    WORKER = "worker"
    SCHEDULER = "scheduler"
    PROVIDER = "provider"


class NotAllowed(Conflict):
    """The table has no way from this ``state`` by this ``event``."""

    code = "not_allowed_in_state"
    sentence = "'{event}' is not possible while the state is '{state}'. Reload and try again."

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        self.state = state
        self.event = event
        super().__init__(state=state.value, event=event.value)


def follow(table: Mapping[E, Mapping[S, S]], state: S, event: E) -> S:
    """The state after the event.

    Raises:
        NotAllowed: The table has no such way.
    """
    after = table[event].get(state)
    if after is None:
        raise NotAllowed(state, event)
    return after
