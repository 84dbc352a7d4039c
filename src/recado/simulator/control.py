"""The ``/_sim`` endpoints: register channels, set faults, look at what happened, start over."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from recado.domain.errors import InvalidInput, NotFound, RecadoError
from recado.simulator import faults
from recado.simulator.settings import changed
from recado.simulator.wire import Answer, Request, json_answer
from recado.simulator.world import Linked, Provider, Telling, World


class NoSuchEndpoint(NotFound):
    sentence = "The simulator has no such endpoint. GET /_sim lists those it has."


class Control:
    """Answers the endpoints that no provider has."""

    def __init__(self, world: World, providers: Mapping[str, Provider]) -> None:
        self._world = world
        self._providers = providers
        self._calls: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", ""): lambda _: json_answer(
                [f"{way} /_sim/{name}" for way, name in self._calls]
            ),
            ("GET", "channels"): self._channels,
            ("POST", "channels"): self._register,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._set_faults,
            ("GET", "settings"): self._settings,
            ("POST", "settings"): self._change_settings,
            ("GET", "log"): self._log,
            ("GET", "stats"): self._stats,
            ("POST", "inbound"): self._inbound,
            ("POST", "event"): self._event,
            ("POST", "connection"): self._connection,
            ("POST", "reset"): self._reset,
        }

    def handle(self, request: Request) -> Answer:
        """Answer a request below ``/_sim``: 422 for bad input, 404 for an unknown path."""
        call = self._calls.get((request.method, "/".join(request.parts[1:])))
        try:
            if call is None:
                raise NoSuchEndpoint
            return call(request)
        except RecadoError as error:
            status = 404 if isinstance(error, NotFound) else 422
            body = {"error": {"code": error.code, "message": error.message()}}
            return json_answer(body, status=status)

    def _channels(self, _: Request) -> Answer:
        listed = [c for provider in self._providers.values() for c in provider.channels()]
        return json_answer(listed)

    def _register(self, request: Request) -> Answer:
        fields = _object(request)
        return json_answer(self._provider(fields).register(fields), status=201)

    def _inbound(self, request: Request) -> Answer:
        fields = _object(request)
        return json_answer(self._provider(fields).write_inbound(fields), status=201)

    def _event(self, request: Request) -> Answer:
        fields = _object(request)
        provider = self._provider(fields)
        if not isinstance(provider, Telling):
            raise InvalidInput("{name} tells of no accounts and templates.", name=provider.name)
        return json_answer(provider.tell(fields), status=201)

    def _connection(self, request: Request) -> Answer:
        fields = _object(request)
        provider = self._provider(fields)
        if not isinstance(provider, Linked):
            raise InvalidInput("The numbers of {name} hang on no telephone.", name=provider.name)
        return json_answer(provider.connection(fields))

    def _faults(self, _: Request) -> Answer:
        return json_answer({"rules": self._world.faults.report()})

    def _set_faults(self, request: Request) -> Answer:
        wanted = faults.parse(request.body)
        self._world.faults.replace(wanted.rules, append=wanted.append)
        return self._faults(request)

    def _settings(self, _: Request) -> Answer:
        return json_answer(self._world.settings)

    def _change_settings(self, request: Request) -> Answer:
        changes = _object(request)
        self._world.settings = changed(self._world.settings, changes)
        if "seed" in changes:
            self._world.repeat()
        return self._settings(request)

    def _log(self, request: Request) -> Answer:
        query = request.query()
        rows = self._world.journal.log(
            channel=query.get("channel"),
            since=_number(query, "since"),
            limit=_count(query, "limit"),
        )
        return Answer(200, rows)

    def _stats(self, _: Request) -> Answer:
        callbacks = self._world.outbox.stats()
        return json_answer({**self._world.journal.stats(), "callbacks": callbacks})

    def _reset(self, request: Request) -> Answer:
        fields = _object(request) if request.body else {}
        channels = fields.pop("channels", False)
        if fields or not isinstance(channels, bool):
            raise InvalidInput('A reset takes {{"channels": true}} or nothing.')
        self._world.reset()
        for provider in self._providers.values():
            provider.reset(channels=channels)
        return json_answer({"reset": True})

    def _provider(self, fields: Mapping[str, Any]) -> Provider:
        name = fields.get("provider") or _owner(self._providers, fields.get("channel"))
        provider = self._providers.get(name) if isinstance(name, str) else None
        if provider is None:
            raise InvalidInput(
                "There is no provider {name}: give one of {known}.",
                name=name,
                known=", ".join(self._providers),
            )
        return provider


def _owner(providers: Mapping[str, Provider], channel: object) -> str:
    """Which provider has a channel of this name; Meta where none that goes by names does."""
    for provider in providers.values():
        if isinstance(provider, Linked) and provider.has(channel):
            return provider.name
    return "meta"


def _object(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(request.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput("The body must be a JSON object: {reason}.", reason=error) from None


def _number(query: Mapping[str, str], name: str) -> float | None:
    if name not in query:
        return None
    try:
        return float(query[name])
    except ValueError:
        raise InvalidInput("{name} must be a number.", name=name) from None


def _count(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", text):
        raise InvalidInput("{name} must be a whole number of at most nine digits.", name=name)
    return int(text)
