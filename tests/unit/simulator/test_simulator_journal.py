"""What the journal counts."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.simulator.journal import Accepted, Journal, Peak, identity


def message(
    at: float = 0.0,
    *,
    channel: str = "1",
    to: str = "5511999990001",
    text: str = "Olá",
    reference: str | None = None,
) -> Accepted:
    return Accepted(at, "meta", channel, to, text, reference, "wamid.x", "text")


@given(st.lists(st.integers(min_value=0, max_value=5000), min_size=1, max_size=60))
def test_a_peak_is_the_fullest_of_all_windows(milliseconds: list[int]) -> None:
    times = sorted(milliseconds)
    peak = Peak(1.0)
    for time in times:
        peak.add(time / 1000)
    fullest = max(
        sum(start / 1000 <= t / 1000 < start / 1000 + 1.0 for t in times) for start in times
    )
    # Floats may disagree about events exactly a window apart.
    apart = any(b - a == 1000 for a in times for b in times)
    assert peak.most == fullest or apart


def test_events_exactly_a_window_apart_do_not_share_it() -> None:
    peak = Peak(1.0)
    for at in (10.0, 10.5, 11.0, 12.0):
        peak.add(at)
    assert peak.most == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (message(reference="1.2.1"), message(reference="1.2.9", text="anything"), True),
        (message(reference="1.2.1"), message(reference="1.3.1"), False),
        (message(reference="1.2.1"), message(reference="1.2.1", to="551"), False),
        (message(), message(), True),
        (message(), message(text="Oi"), False),
        (message(reference="r:1"), message(reference="r:2"), True),
        (message(reference="1.2"), message(reference="1.2", text="Oi"), False),
    ],
)
def test_a_message_is_known_by_its_delivery_and_part_or_else_by_its_text(
    one: Accepted, other: Accepted, same: bool
) -> None:
    assert (identity(one) == identity(other)) is same


def test_the_totals_add_up_over_the_channels() -> None:
    journal = Journal()
    for n in range(4):
        for channel in ("1", "2"):
            journal.request(channel, n / 10)
            journal.accept(message(n / 10, channel=channel, text=str(n % 2)))
    journal.request("2", 1.0)
    journal.reject("131026")
    stats = journal.stats()
    channels = stats["channels"]
    assert isinstance(channels, dict)
    assert (stats["accepted"], stats["distinct"], stats["duplicates"]) == (8, 4, 4)
    assert stats["requests"] == 9
    assert stats["max_per_window"] == {"1s": 8, "60s": 8}
    assert stats["rejected"] == {"131026": 1}
    assert channels["2"]["accepted"] == 4
    assert channels["2"]["max_per_window"] == {"1s": 4, "60s": 4}
    assert channels["2"]["max_requests_per_window"] == {"1s": 4, "60s": 5}


def test_the_log_keeps_the_order_of_acceptance() -> None:
    journal = Journal()
    for n in range(10):
        at = float(n // 2)
        journal.request(str(n % 3), at)
        journal.accept(message(at, channel=str(n % 3), text=str(n)))

    def texts(
        channel: str | None = None, since: float | None = None, limit: int | None = None
    ) -> str:
        rows = json.loads(journal.log(channel=channel, since=since, limit=limit))
        assert all(a["at"] <= b["at"] for a, b in pairwise(rows))
        return "".join(row["text"] for row in rows)

    assert texts() == "0123456789"
    assert texts(since=3.0) == "6789"
    assert texts(limit=3) == "012"
    assert texts(channel="1") == "147"
    assert texts(channel="1", since=1.0, limit=1) == "4"
    assert texts(channel="9") == ""
