"""A number at a simulated server, and the table of what is promised of every adapter."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from tests.contract.providers.rows import Row

from recado.platform import clock
from recado.providers.base import (
    Accepted,
    CallbackEvent,
    Capabilities,
    Config,
    Content,
    Message,
    Outcome,
    Refused,
    Transport,
    Unsupported,
)
from recado.simulator.testing import Receiver, Simulator

TO = "5531999990001"
SHORT = "553199990001"
DEAD = "5511900000404"
REFERENCE = "7.1.1"
Event = TypeVar("Event", bound=CallbackEvent)


@dataclass(frozen=True)
class Stage:
    """A number at a simulated server, and who listens to its callbacks."""

    row: Row
    simulator: Simulator
    receiver: Receiver
    transport: Transport
    config: Config
    patch: pytest.MonkeyPatch

    def elsewhere(self, url: str) -> Config:
        return self.row.server.elsewhere(self.config, url, self.patch)

    async def send(
        self, content: Content, *, config: Config | None = None, seconds: float = 10.0, **more: Any
    ) -> Outcome:
        message = Message(more.pop("to", TO), REFERENCE, content, **more)
        return await self.row.adapter.send(
            self.transport, config or self.config, message, write_before=None, timeout=seconds
        )

    def befall(self, kind: str, **fault: object) -> None:
        self.simulator.control("faults", {"rules": [{"fault": {"kind": kind, **fault}}]})

    def written(self, **more: object) -> str:
        """Have a person write; returns the message's id."""
        told = {"provider": self.row.played_as, "channel": self.row.server.named(self.config)}
        done: Any = self.simulator.control("inbound", {**told, "from": TO, **more})
        return str(done["id"])

    def becomes(self, state: str, **more: object) -> None:
        """Have the connection to the phone change."""
        told = {"provider": self.row.played_as, "channel": self.row.server.named(self.config)}
        self.simulator.control("connection", {**told, "state": state, **more})

    def arrived(self) -> list[dict[str, Any]]:
        """The messages that the server took."""
        log: Any = self.simulator.control("log")
        return list(log["items"] if isinstance(log, dict) else log)

    def events(self, kind: type[Event]) -> list[Event]:
        """What was called back; all of it must be genuine."""
        found: list[Event] = []
        for callback in list(self.receiver.callbacks):
            assert self.row.adapter.verify(self.config, callback.headers, callback.body)
            events = self.row.adapter.parse(callback.body, arrived=clock.now())
            found += [event for event in events if isinstance(event, kind)]
        return found

    def heard(self, kind: type[Event], count: int) -> list[Event]:
        """Wait for so many events of a kind."""
        self.receiver.wait(lambda: len(self.events(kind)) >= count)
        return self.events(kind)


@dataclass(frozen=True)
class Promise:
    """A behaviour, and what a provider must be able to do for it.

    ``lacking``: what happens where it cannot.
    """

    name: str
    check: Callable[[Stage], Awaitable[None]]
    needs: Callable[[Capabilities], bool]
    lacking: Callable[[Stage], Awaitable[None]] | None


PROMISES: list[Promise] = []


def promise(
    *,
    needs: Callable[[Capabilities], bool] = lambda _: True,
    lacking: Callable[[Stage], Awaitable[None]] | None = None,
) -> Callable[[Callable[[Stage], Awaitable[None]]], Callable[[Stage], Awaitable[None]]]:
    """Add a behaviour to the table."""

    def add(check: Callable[[Stage], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
        PROMISES.append(Promise(check.__name__, check, needs, lacking))
        return check

    return add


def refuses(content: Content) -> Callable[[Stage], Awaitable[None]]:
    """Where a content cannot be sent, it is refused and nothing leaves."""

    async def check(stage: Stage) -> None:
        outcome = await stage.send(content)
        assert isinstance(outcome, Refused)
        assert outcome.fault.code == "unsupported_by_provider"
        assert stage.arrived() == []

    return check


def raises(call: Callable[[Stage], Awaitable[object]]) -> Callable[[Stage], Awaitable[None]]:
    """Where a call cannot be made, one clear error says so."""

    async def check(stage: Stage) -> None:
        with pytest.raises(Unsupported) as caught:
            await call(stage)
        assert caught.value.params["provider"] == stage.row.name

    return check


async def taken(stage: Stage, content: Content, kind: str, *, to: str = TO) -> None:
    outcome = await stage.send(content, to=to)
    assert isinstance(outcome, Accepted), outcome
    (seen,) = stage.arrived()
    digits = to.partition("@")[0]
    assert (seen["id"], seen["to"], seen["kind"]) == (outcome.provider_id, digits, kind)
