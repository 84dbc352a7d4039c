"""What is known of a template, whatever order its news come in."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recado.domain import templates
from recado.domain.templates import Template

BEGIN = datetime(2027, 3, 1, tzinfo=UTC)


def after(minutes: int) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


@given(st.permutations([(at, word) for at, word in enumerate("ABCA", 1)]))
def test_the_youngest_news_hold_in_any_order(news: list[tuple[int, str]]) -> None:
    known = Template()
    for at, word in news * 2:
        known = templates.with_status(known, word, after(at))
        known = templates.with_category(known, word, after(at))
        known = templates.with_quality(known, word, after(at))
    assert (known.status, known.category, known.quality) == ("A", "A", "A")
    assert known.status_at == known.category_at == known.quality_at == after(4)


def test_a_status_that_is_told_again_holds_since_it_was_told_first() -> None:
    known = templates.with_status(Template(), "PAUSED", after(1), reason="x", paused_until=after(9))
    again = templates.with_status(known, "PAUSED", after(2))
    assert (again.since, again.status_at, again.reason) == (after(1), after(2), "x")
    assert again.paused_until == after(9)
    longer = templates.with_status(again, "PAUSED", after(3), reason="y", paused_until=after(20))
    assert (longer.reason, longer.paused_until) == ("y", after(20))
    ended = templates.with_status(longer, "UNPAUSE", after(4))
    assert (ended.status, ended.since, ended.reason, ended.paused_until) == (
        "APPROVED",
        after(4),
        "",
        None,
    )
    assert (
        templates.with_status(ended, "APPROVED", after(5), paused_until=after(9)).paused_until
        is None
    )


def test_nothing_told_says_nothing() -> None:
    known = Template(category="UTILITY", quality="GREEN")
    assert templates.with_category(known, "", after(1)) == known
    assert templates.with_quality(known, "", after(1)) == known


@pytest.mark.parametrize(
    ("status", "now", "later"),
    [
        ("APPROVED", True, True),
        ("FLAGGED", True, True),
        ("A_WORD_OF_TOMORROW", True, True),
        ("PENDING", False, True),
        ("IN_APPEAL", False, True),
        ("PAUSED", False, True),
        ("LIMIT_EXCEEDED", False, True),
        ("REJECTED", False, False),
        ("DISABLED", False, False),
        ("DELETED", False, False),
        ("ARCHIVED", False, False),
    ],
)
def test_what_may_be_sent_now_or_later(status: str, now: bool, later: bool) -> None:
    assert templates.may_be_sent(status) is now
    assert templates.may_be_sent_later(status) is later


def test_the_first_two_pauses_end_by_themselves() -> None:
    ends = [templates.pause_ends(title, BEGIN) for title in ("FIRST_PAUSE", "second_pause", "")]
    assert ends == [after(180), after(360), None]
