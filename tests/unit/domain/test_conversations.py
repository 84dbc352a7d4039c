"""When a conversation is open."""

from datetime import UTC, datetime, timedelta

from recado.domain.conversations import WINDOW, is_open, open_until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_it_is_open_for_a_day_after_the_last_message_to_us() -> None:
    written = NOW - WINDOW + timedelta(microseconds=1)
    assert is_open(written, NOW)
    assert not is_open(written, NOW + timedelta(microseconds=1))
    assert open_until(written) == written + timedelta(hours=24)


def test_it_is_not_where_nobody_has_written() -> None:
    assert not is_open(None, NOW)
    assert open_until(None) is None
