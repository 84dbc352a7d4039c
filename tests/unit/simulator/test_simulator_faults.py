"""Which fault rules fire for which message."""

import msgspec
import pytest

from recado.domain.errors import InvalidInput
from recado.simulator.faults import (
    Candidate,
    Fault,
    Faults,
    Match,
    Rule,
    Verdict,
    parse,
)

MESSAGE = Candidate("meta", "100001", ("5531999990001", "553199990001"), "text", "Olá, Ana")


def never(place: int) -> float:
    return 1.0


def fired(match: Match) -> bool:
    rules = Faults([Rule(Fault("error"), match)])
    return rules.decide(MESSAGE, never).answer is not None


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(provider="meta"),
        Match(channel="100001"),
        Match(to="+5531999990001"),
        Match(to="553199990001"),
        Match(to_prefix="5531"),
        Match(to_suffix="0001"),
        Match(kind="text"),
        Match(text_contains="Ana"),
        Match(provider="meta", to_suffix="0001", kind="text"),
    ],
)
def test_a_rule_fires_when_all_it_names_holds(match: Match) -> None:
    assert fired(match)


@pytest.mark.parametrize(
    "match",
    [
        Match(provider="evolution"),
        Match(channel="100002"),
        Match(to="5531999990002"),
        Match(to_prefix="5511"),
        Match(to_suffix="0002"),
        Match(kind="template"),
        Match(text_contains="Bia"),
        Match(provider="meta", to_suffix="0002"),
    ],
)
def test_a_rule_spares_whom_it_does_not_name(match: Match) -> None:
    assert not fired(match)


def test_the_first_rule_of_a_family_decides_and_families_add_up() -> None:
    rules = Faults(
        [
            Rule(Fault("latency", ms=5)),
            Rule(Fault("error", code=1)),
            Rule(Fault("html")),
            Rule(Fault("callback_lost", statuses=["read"])),
            Rule(Fault("callback_doubled")),
        ]
    )
    verdict = rules.decide(MESSAGE, never)
    assert verdict.answer == Fault("error", code=1)
    assert verdict.delay == Fault("latency", ms=5)
    assert verdict.outcome is None
    assert verdict.callback("lost", "read")
    assert not verdict.callback("lost", "sent")
    assert verdict.callback("doubled", "sent")
    assert [rule["hits"] for rule in rules.report()] == [1, 1, 0, 1, 1]


def test_a_rule_waits_and_stops_by_its_counts() -> None:
    rules = Faults([Rule(Fault("error"), after=2, count=3)])
    outcomes = [rules.decide(MESSAGE, never).answer is not None for _ in range(7)]
    assert outcomes == [False, False, True, True, True, False, False]


def test_a_rate_compares_with_the_chance_of_its_own_place() -> None:
    rules = Faults([Rule(Fault("error"), rate=0.5), Rule(Fault("latency"), rate=0.5)])
    verdict = rules.decide(MESSAGE, lambda place: [0.49, 0.5][place])
    assert verdict.answer
    assert not verdict.delay


def test_without_rules_everyone_is_spared() -> None:
    assert Faults().decide(MESSAGE, never) == Verdict()


def test_replaced_rules_count_anew_and_appended_ones_go_behind() -> None:
    rules = Faults([Rule(Fault("error"))])
    rules.decide(MESSAGE, never)
    rules.replace([Rule(Fault("latency"))], append=True)
    rules.decide(MESSAGE, never)
    assert [rule["hits"] for rule in rules.report()] == [2, 1]
    rules.replace([Rule(Fault("error"))])
    assert [rule["hits"] for rule in rules.report()] == [0]


def test_a_report_can_be_sent_back_as_rules() -> None:
    rules = Faults([Rule(Fault("error", code=2), Match(to_suffix="1"), rate=0.5, count=3)])
    (reported,) = rules.report()
    reported.pop("matched")
    reported.pop("hits")
    body = msgspec.json.encode({"rules": [reported]})
    assert Faults(parse(body).rules).report() == rules.report()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"rules": [{}]}', b'{"rules": 1}'])
def test_what_are_no_rules_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not valid"):
        parse(body)
