"""Which fault befalls which message: rules in, a verdict out; no clock, no chance of its own.

A rule fires for the messages it matches, after the first ``after`` of them, ``count`` times at
most, and for a share ``rate`` of the rest. Of each family (answer, delay, outcome, and each kind of
callback fault) the first rule that fires decides; rules of different families add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec

from recado.domain.errors import InvalidInput

Status = Literal["sent", "delivered", "read", "failed"]
Kind = Literal[
    "error",  # refused with `code`
    "rate_limited",  # refused with 429, `code` and Retry-After
    "error_in_200",  # refused, but under HTTP 200
    "html",  # refused with a page of HTML
    "empty",  # not accepted: the answer has no body
    "drop",  # not accepted: the connection is closed without an answer
    "hang",  # not accepted: no answer for `ms`, then the connection is closed
    "disconnect",  # refused, and so is all else of the channel until it is registered again
    "accept_then_drop",  # accepted: the connection is closed without an answer
    "accept_then_hang",  # accepted: the answer comes after `ms`
    "server_error_after_accept",  # accepted: the answer is a 500
    "latency",  # the answer comes `ms` later
    "async_error",  # accepted and answered: fails with `code` by callback
    "held",  # accepted, but held back for quality assessment: all statuses `ms` later
    "callback_lost",
    "callback_late",  # by `ms`
    "callback_doubled",
    "callback_reordered",  # the last status first
]

_FAMILIES: dict[str, str] = {
    "latency": "delay",
    "async_error": "outcome",
    "held": "held",
    "callback_lost": "lost",
    "callback_late": "late",
    "callback_doubled": "doubled",
    "callback_reordered": "reordered",
}


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which messages a rule is for: all of what is given must hold; numbers are digits."""

    provider: str | None = None
    channel: str | None = None
    to: str | None = None
    to_prefix: str | None = None
    to_suffix: str | None = None
    kind: str | None = None
    text_contains: str | None = None


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What happens: times are milliseconds, ``retry_after`` seconds."""

    kind: Kind
    code: int | None = None
    details: str | None = None
    http: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    ms: Annotated[int, msgspec.Meta(ge=0, le=86_400_000)] | None = None
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    # Meta: Retry-After is that moment's date; the wait stands in its header of what was used.
    retry_date: bool = False
    regain_minutes: Annotated[int, msgspec.Meta(ge=0)] | None = None
    # Callback faults: only for these statuses.
    statuses: list[Status] | None = None
    # async_error: a status `sent` goes ahead of `failed`.
    after_sent: bool = False


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault and when it happens."""

    fault: Fault
    match: Match = Match()
    rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    count: Annotated[int, msgspec.Meta(ge=0)] | None = None
    after: Annotated[int, msgspec.Meta(ge=0)] = 0


class RuleSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /_sim/faults`` and the content of a faults file."""

    rules: list[Rule]
    append: bool = False


class Candidate(NamedTuple):
    """What rules look at: ``numbers`` are the recipient as sent and as the provider knows them."""

    provider: str
    channel: str
    numbers: tuple[str, ...]
    kind: str
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """The faults of one message, by family."""

    faults: dict[str, Fault] = {}

    @property
    def answer(self) -> Fault | None:
        """What happens to the answer."""
        return self.faults.get("answer")

    @property
    def delay(self) -> Fault | None:
        """By how much the answer is late."""
        return self.faults.get("delay")

    @property
    def outcome(self) -> Fault | None:
        """How the message fails after it was accepted."""
        return self.faults.get("outcome")

    @property
    def held(self) -> Fault | None:
        """Whether the message waits before it goes out."""
        return self.faults.get("held")

    def callback(self, family: str, status: str) -> Fault | None:
        """The callback fault of a family (lost, late, doubled, reordered) for a status."""
        fault = self.faults.get(family)
        if fault is None or (fault.statuses is not None and status not in fault.statuses):
            return None
        return fault


SPARED = Verdict()


class Faults:
    """The rules in force, with how often each matched and fired."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = list(rules)
        self._matched = [0] * len(rules)
        self._hits = [0] * len(rules)

    def replace(self, rules: Sequence[Rule], *, append: bool = False) -> None:
        """Set the rules, or add to them; counts of rules that stay go on."""
        if not append:
            self._rules, self._matched, self._hits = [], [], []
        self._rules += rules
        self._matched += [0] * len(rules)
        self._hits += [0] * len(rules)

    def decide(
        self, candidate: Candidate, chance: Callable[[int], float], *, named: bool = False
    ) -> Verdict:
        """What befalls this message.

        Args:
            candidate: The message as rules see it.
            chance: A number in [0, 1) for a rule's place in the list, the same each time it is
                asked about this message.
            named: Only rules that name the kind count, as for calls that send nothing.

        """
        if not self._rules:
            return SPARED
        found: dict[str, Fault] = {}
        for place, rule in enumerate(self._rules):
            family = _FAMILIES.get(rule.fault.kind, "answer")
            if family in found or not _matches(rule.match, candidate):
                continue
            if named and rule.match.kind is None:
                continue
            self._matched[place] += 1
            if self._matched[place] <= rule.after:
                continue
            if rule.count is not None and self._hits[place] >= rule.count:
                continue
            if rule.rate < 1 and chance(place) >= rule.rate:
                continue
            self._hits[place] += 1
            found[family] = rule.fault
        return Verdict(found) if found else SPARED

    def report(self) -> list[dict[str, object]]:
        """The rules with their counts."""
        return [
            {**msgspec.to_builtins(rule), "matched": matched, "hits": hits}
            for rule, matched, hits in zip(self._rules, self._matched, self._hits, strict=True)
        ]


def parse(body: bytes) -> RuleSet:
    """Rules from JSON.

    Raises:
        InvalidInput: It is not JSON, or not rules.

    """
    try:
        return msgspec.json.decode(body, type=RuleSet)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            'The fault rules are not valid: {reason}. Give {{"rules": [{{"fault": '
            '{{"kind": "error", "code": 131026}}}}]}}.',
            reason=error,
        ) from None


def _matches(match: Match, candidate: Candidate) -> bool:
    numbers = candidate.numbers
    return (
        match.provider in (None, candidate.provider)
        and match.channel in (None, candidate.channel)
        and match.kind in (None, candidate.kind)
        and (match.to is None or match.to.lstrip("+") in numbers)
        and (match.to_prefix is None or any(n.startswith(match.to_prefix) for n in numbers))
        and (match.to_suffix is None or any(n.endswith(match.to_suffix) for n in numbers))
        and (match.text_contains is None or match.text_contains in candidate.text)
    )
