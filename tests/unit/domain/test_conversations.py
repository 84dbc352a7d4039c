"""When a conversation is open."""

from datetime import UTC, datetime, timedelta

from recado.domain.conversations import WINDOW, Shut, is_open, open_until, shut

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_it_is_open_for_a_day_after_the_last_message_to_us() -> None:
    written = NOW - WINDOW + timedelta(microseconds=1)
    assert is_open(written, NOW)
    assert not is_open(written, NOW + timedelta(microseconds=1))
    assert open_until(written) == written + timedelta(hours=24)


def test_it_is_not_where_nobody_has_written() -> None:
    assert not is_open(None, NOW)
    assert open_until(None) is None


def test_who_is_talking_to_us_may_be_answered_whatever_else_holds() -> None:
    assert shut(is_open=True, opted_out=True, needs_template=True) is None


def test_others_must_not_have_opted_out_and_may_need_a_template() -> None:
    assert shut(is_open=False, opted_out=True, needs_template=True) is Shut.OPTED_OUT
    assert shut(is_open=False, opted_out=True, needs_template=False) is Shut.OPTED_OUT
    assert shut(is_open=False, opted_out=False, needs_template=True) is Shut.WINDOW
    assert shut(is_open=False, opted_out=False, needs_template=False) is None
