"""At which hours messages may leave."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recado.domain.windows import (
    CONTACT,
    EVERY_DAY,
    HORIZON,
    Window,
    closes_at,
    contact_zone,
    is_country,
    is_open,
    is_zone,
    next_open,
    open_seconds,
    spans,
    zone,
)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
HOUR = 3600
WORKDAYS = frozenset({1, 2, 3, 4, 5})


def window(
    start: str = "09:00",
    end: str = "18:00",
    *,
    weekdays: frozenset[int] = EVERY_DAY,
    timezone: str = CONTACT,
    holidays: str | None = None,
) -> Window:
    begins, ends = time.fromisoformat(start), time.fromisoformat(end)
    return Window(weekdays, begins, ends, timezone, holidays)


def local(text: str, tz: tzinfo = SAO_PAULO, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=tz, fold=fold)


def on_the_wall(
    window: Window, since: datetime, until: datetime, tz: tzinfo
) -> list[tuple[str, str]]:
    """The open stretches as a clock in the zone shows them."""
    return [
        (f"{a.astimezone(tz):%d %H:%M}", f"{b.astimezone(tz):%d %H:%M}")
        for a, b in spans(window, since, until, tz)
    ]


def test_a_window_is_open_from_its_first_minute_until_before_its_last() -> None:
    office = window(weekdays=WORKDAYS)
    assert not is_open(office, local("2026-03-02 08:59:59"), SAO_PAULO)
    assert is_open(office, local("2026-03-02 09:00"), SAO_PAULO)
    assert is_open(office, local("2026-03-02 17:59:59.999999"), SAO_PAULO)
    assert not is_open(office, local("2026-03-02 18:00"), SAO_PAULO)


def test_after_hours_on_a_friday_the_next_opening_is_on_monday() -> None:
    office = window(weekdays=WORKDAYS)
    assert next_open(office, local("2026-03-06 18:00"), SAO_PAULO) == local("2026-03-09 09:00")


def test_inside_the_next_opening_is_now() -> None:
    now = local("2026-03-06 12:34:56.789")
    assert next_open(window(), now, SAO_PAULO) == now


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    fridays = window("22:00", "06:00", weekdays=frozenset({5}))
    assert is_open(fridays, local("2026-03-06 23:00"), SAO_PAULO)
    assert is_open(fridays, local("2026-03-07 05:59"), SAO_PAULO)
    assert not is_open(fridays, local("2026-03-06 05:59"), SAO_PAULO)
    assert not is_open(fridays, local("2026-03-07 22:00"), SAO_PAULO)
    assert closes_at(fridays, local("2026-03-06 23:00"), SAO_PAULO) == local("2026-03-07 06:00")


def test_a_window_of_five_minutes_is_found_again_the_next_day() -> None:
    short = window("10:00", "10:05")
    assert is_open(short, local("2026-03-02 10:04:59"), SAO_PAULO)
    assert next_open(short, local("2026-03-02 10:05"), SAO_PAULO) == local("2026-03-03 10:00")
    assert open_seconds(short, local("2026-03-02 00:00"), local("2026-03-12 00:00"), SAO_PAULO) == (
        10 * 300
    )


def test_a_window_of_its_own_zone_does_not_ask_for_the_contacts() -> None:
    own = window(timezone="America/New_York")
    moment = local("2026-01-05 09:30", NEW_YORK)
    assert is_open(own, moment, ZoneInfo("Asia/Tokyo"))
    assert not is_open(window(), moment, ZoneInfo("Asia/Tokyo"))
    assert zone(own, UTC) == NEW_YORK
    assert zone(window(), UTC) is UTC
    assert zone(None, UTC) is UTC


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "America", "../etc/passwd", "x" * 999])
def test_a_contact_whose_zone_is_not_known_goes_by_the_campaigns(name: str | None) -> None:
    assert contact_zone(name, SAO_PAULO) is SAO_PAULO
    assert contact_zone("Asia/Kolkata", SAO_PAULO) == ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("code", "known"), [("BR", True), ("US", True), ("XX", False), ("BRA", False), (7, False)]
)
def test_only_countries_whose_holidays_are_known_are_taken(*, code: object, known: bool) -> None:
    assert is_country(code) is known


@pytest.mark.parametrize("value", [None, 3, b"UTC", "a\0b"])
def test_only_a_name_of_a_zone_is_one(value: object) -> None:
    assert not is_zone(value)


@pytest.mark.parametrize(
    ("tz", "moment"),
    [
        ("Asia/Kolkata", "2026-03-02 09:00"),
        ("Asia/Kathmandu", "2026-03-02 09:00"),
        ("America/St_Johns", "2026-07-02 09:00"),
        ("Australia/Eucla", "2026-03-02 09:00"),
        ("Pacific/Kiritimati", "2026-03-02 09:00"),
        ("Pacific/Niue", "2026-03-02 09:00"),
    ],
)
def test_hours_are_local_also_in_zones_off_by_half_hours_or_a_day(tz: str, moment: str) -> None:
    there = ZoneInfo(tz)
    opens = local(moment, there)
    assert next_open(window(), opens - timedelta(hours=8), there) == opens
    assert not is_open(window(), opens - MINUTE, there)
    assert is_open(window(), opens, there)


# Clock changes ----------------------------------------------------------------------------------


def test_a_window_that_starts_in_the_skipped_hour_opens_right_after_it() -> None:
    # New York, 2026-03-08: 02:00 became 03:00.
    early = window("02:30", "05:00")
    opens = next_open(early, local("2026-03-08 00:00", NEW_YORK), NEW_YORK)
    assert opens == local("2026-03-08 03:00", NEW_YORK)
    assert opens == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    assert not is_open(early, opens - MINUTE, NEW_YORK)
    day = local("2026-03-08 00:00", NEW_YORK)
    assert open_seconds(early, day, day + DAY, NEW_YORK) == 2 * HOUR


def test_a_window_inside_the_skipped_hour_waits_for_the_next_day() -> None:
    skipped = window("02:05", "02:55")
    opens = next_open(skipped, local("2026-03-08 00:00", NEW_YORK), NEW_YORK)
    assert opens == local("2026-03-09 02:05", NEW_YORK)


def test_a_repeated_hour_is_open_both_times() -> None:
    # New York, 2026-11-01: 02:00 became 01:00 again.
    one_to_two = window("01:00", "02:00")
    first = local("2026-11-01 01:30", NEW_YORK)
    again = local("2026-11-01 01:30", NEW_YORK, fold=1)
    assert again.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=1)
    assert is_open(one_to_two, first, NEW_YORK)
    assert is_open(one_to_two, again, NEW_YORK)
    assert closes_at(one_to_two, first, NEW_YORK) == local("2026-11-01 02:00", NEW_YORK)
    day = local("2026-11-01 00:00", NEW_YORK)
    assert open_seconds(one_to_two, day, day + DAY, NEW_YORK) == 2 * HOUR


def test_a_window_half_in_the_repeated_hour_opens_twice_and_never_outside_its_hours() -> None:
    half = window("01:30", "02:30")
    day = local("2026-11-01 00:00", NEW_YORK)
    assert on_the_wall(half, day, day + DAY, NEW_YORK) == [
        ("01 01:30", "01 01:00"),
        ("01 01:30", "01 02:30"),
    ]
    assert open_seconds(half, day, day + DAY, NEW_YORK) == 1.5 * HOUR


def test_a_clock_changed_by_half_an_hour_is_followed() -> None:
    # Lord Howe, 2026-04-05: 02:00 became 01:30 again; 2026-10-04: 02:00 became 02:30.
    early = window("01:30", "03:00")
    autumn, spring = local("2026-04-05 00:00", LORD_HOWE), local("2026-10-04 00:00", LORD_HOWE)
    assert open_seconds(early, autumn, autumn + DAY, LORD_HOWE) == 2 * HOUR
    assert open_seconds(early, spring, spring + DAY, LORD_HOWE) == 1 * HOUR
    assert next_open(window("02:10", "03:00"), spring, LORD_HOWE) == local(
        "2026-10-04 02:30", LORD_HOWE
    )


def test_a_day_that_began_at_one_oclock_is_open_from_then() -> None:
    # São Paulo, 2018-11-04: 00:00 became 01:00.
    night = window("00:00", "02:00")
    assert next_open(night, local("2018-11-03 12:00"), SAO_PAULO) == datetime(
        2018, 11, 4, 3, 0, tzinfo=UTC
    )
    assert open_seconds(night, local("2018-11-03 12:00"), local("2018-11-04 12:00"), SAO_PAULO) == (
        HOUR
    )


def test_an_evening_that_was_repeated_belongs_to_its_own_day_both_times() -> None:
    # São Paulo, 2018-02-18: 00:00 became 23:00 of Saturday the 17th again.
    saturdays = window("23:00", "23:30", weekdays=frozenset({6}))
    noon = local("2018-02-17 12:00")
    assert on_the_wall(saturdays, noon, noon + DAY, SAO_PAULO) == [
        ("17 23:00", "17 23:30"),
        ("17 23:00", "17 23:30"),
    ]
    sundays = window("00:00", "01:00", weekdays=frozenset({7}))
    assert next_open(sundays, noon, SAO_PAULO) == datetime(2018, 2, 18, 3, 0, tzinfo=UTC)


def test_brazil_has_changed_no_clocks_since_2019() -> None:
    year = local("2026-01-01 00:00")
    assert open_seconds(window(), year, year + 365 * DAY, SAO_PAULO) == 365 * 9 * HOUR


# Holidays ---------------------------------------------------------------------------------------


def test_a_national_holiday_is_skipped() -> None:
    office = window(holidays="BR")
    assert not is_open(office, local("2026-09-07 12:00"), SAO_PAULO)
    assert is_open(window(), local("2026-09-07 12:00"), SAO_PAULO)
    assert next_open(office, local("2026-09-06 18:00"), SAO_PAULO) == local("2026-09-08 09:00")


def test_the_first_of_january_is_a_holiday_of_the_new_year() -> None:
    office = window(holidays="BR")
    assert next_open(office, local("2026-12-31 18:00"), SAO_PAULO) == local("2027-01-02 09:00")


def test_a_holiday_is_one_of_the_zones_own_date() -> None:
    always = window("00:00", "00:00", holidays="BR")
    # 22:00 of the 6th in São Paulo is the 7th in UTC.
    assert is_open(always, datetime(2026, 9, 7, 1, 0, tzinfo=UTC), SAO_PAULO)
    assert not is_open(always, datetime(2026, 9, 8, 1, 0, tzinfo=UTC), SAO_PAULO)


def test_a_window_over_midnight_stops_before_a_holiday_and_does_not_start_on_one() -> None:
    night = window("22:00", "06:00", holidays="BR")
    days = local("2026-09-06 12:00"), local("2026-09-08 23:00")
    assert on_the_wall(night, *days, SAO_PAULO) == [
        ("06 22:00", "07 00:00"),
        ("08 22:00", "08 23:00"),
    ]
    assert not is_open(night, local("2026-09-07 05:00"), SAO_PAULO)
    assert not is_open(night, local("2026-09-08 05:00"), SAO_PAULO)


# What never opens, and what never closes --------------------------------------------------------


def test_a_window_of_the_whole_week_never_closes() -> None:
    always = window("00:00", "00:00")
    now = local("2026-03-02 12:00")
    assert next_open(always, now, SAO_PAULO) == now
    assert closes_at(always, now, SAO_PAULO) is None
    assert open_seconds(always, now, now + 30 * DAY, SAO_PAULO) == 30 * 24 * HOUR


def test_whole_days_that_touch_are_one_stretch() -> None:
    weekend = window("00:00", "00:00", weekdays=frozenset({6, 7}))
    assert closes_at(weekend, local("2026-03-07 12:00"), SAO_PAULO) == local("2026-03-09 00:00")


def test_a_closed_window_has_closed() -> None:
    moment = local("2026-03-07 03:00")
    assert closes_at(window(), moment, SAO_PAULO) == moment


def test_an_opening_is_looked_for_only_so_far() -> None:
    never = Window(frozenset(), time(9), time(18), CONTACT)
    moment = local("2026-03-07 03:00")
    assert next_open(never, moment, SAO_PAULO) is None
    assert closes_at(never, moment, SAO_PAULO) == moment
    assert list(spans(never, moment, moment + HORIZON, SAO_PAULO)) == []


def test_without_a_window_every_second_counts_and_a_span_that_ends_before_it_begins_has_none() -> (
    None
):
    now = local("2026-03-02 12:00")
    assert open_seconds(None, now, now + DAY, SAO_PAULO) == 24 * HOUR
    assert open_seconds(None, now, now - DAY, SAO_PAULO) == 0
    changed = local("2026-03-08 00:00", NEW_YORK)
    assert open_seconds(None, changed, changed + DAY, NEW_YORK) == 23 * HOUR
    assert open_seconds(window(), now, now - DAY, SAO_PAULO) == 0


# Always -----------------------------------------------------------------------------------------

ZONES = (
    "America/Sao_Paulo",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Europe/Lisbon",
    "UTC",
)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
any_window = st.builds(
    Window,
    weekdays=st.frozensets(st.integers(1, 7), min_size=1),
    start=times,
    end=times,
    timezone=st.just(CONTACT),
    skip_holidays=st.sampled_from([None, None, "BR", "US"]),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
# 2018 has clock changes in Brazil; Samoa skipped a whole day at the end of 2011.
moments = st.datetimes(datetime(2011, 12, 20), datetime(2027, 12, 31), timezones=st.just(UTC)) | (  # noqa: DTZ001 - the strategy adds the zone
    st.sampled_from(
        [
            datetime(2018, 2, 17, tzinfo=UTC),
            datetime(2018, 11, 3, tzinfo=UTC),
            datetime(2026, 3, 7, tzinfo=UTC),
            datetime(2026, 4, 4, tzinfo=UTC),
            datetime(2026, 10, 3, tzinfo=UTC),
            datetime(2026, 10, 31, tzinfo=UTC),
        ]
    ).flatmap(lambda at: st.timedeltas(timedelta(), 2 * DAY).map(lambda more: at + more))
)


def as_the_clock_says(window: Window, moment: datetime, tz: tzinfo) -> bool:
    """The same question answered from the words of the window alone."""
    now = moment.astimezone(tz)

    def works(day: date) -> bool:
        return day.isoweekday() in window.weekdays and not off(day)

    def off(day: date) -> bool:
        # From the library, by way of a window that is closed on holidays alone.
        noon = datetime.combine(day, time(12), UTC)
        every = Window(EVERY_DAY, time(), time(), CONTACT, window.skip_holidays)
        return not is_open(every, noon, UTC)

    today, yesterday = now.date(), now.date() - DAY
    at = now.time()
    if window.start < window.end:
        return works(today) and window.start <= at < window.end
    return (works(today) and at >= window.start) or (
        works(yesterday) and not off(today) and at < window.end
    )


@given(any_window, moments, zones)
@example(window("23:30", "00:30"), datetime(2018, 2, 18, 1, 45, tzinfo=UTC), SAO_PAULO)
def test_a_moment_is_inside_exactly_when_the_clock_on_the_wall_says_so(
    window: Window, moment: datetime, tz: ZoneInfo
) -> None:
    assert is_open(window, moment, tz) == as_the_clock_says(window, moment, tz)


@given(any_window, moments, zones)
@example(window("02:05", "02:55"), datetime(2026, 3, 8, 5, 0, tzinfo=UTC), NEW_YORK)
def test_the_next_opening_is_open_and_nothing_before_it_is(
    window: Window, moment: datetime, tz: ZoneInfo
) -> None:
    opens = next_open(window, moment, tz)
    assert opens is not None
    assert opens >= moment
    assert is_open(window, opens, tz)
    # By the minute over the last two days before it, and by the hour over the time before that.
    step, at = timedelta(hours=1), moment
    while at < opens:
        assert not is_open(window, at, tz)
        step = MINUTE if opens - at < 2 * DAY else step
        at += step


@given(any_window, moments, zones)
def test_a_window_stays_open_until_it_closes(
    window: Window, moment: datetime, tz: ZoneInfo
) -> None:
    closes = closes_at(window, moment, tz)
    if closes is None:
        assert is_open(window, moment + HORIZON, tz)
    elif closes == moment:
        assert not is_open(window, moment, tz)
    else:
        assert not is_open(window, closes, tz)
        at = moment
        while at < min(closes, moment + 2 * DAY):
            assert is_open(window, at, tz)
            at += 7 * MINUTE


@given(any_window, moments, zones, st.integers(1, 60))
def test_the_open_seconds_are_those_of_all_open_minutes(
    window: Window, moment: datetime, tz: ZoneInfo, hours: int
) -> None:
    # Windows, clock changes and the ends of days all fall on whole minutes.
    since = moment.replace(second=0, microsecond=0)
    until = since + timedelta(hours=hours)
    minutes = sum(is_open(window, since + n * MINUTE, tz) for n in range(hours * 60))
    assert open_seconds(window, since, until, tz) == 60 * minutes


@given(any_window, moments, zones)
def test_stretches_come_in_order_and_apart(window: Window, moment: datetime, tz: ZoneInfo) -> None:
    found = list(spans(window, moment, moment + 21 * DAY, tz))
    ends = [moment - MINUTE]
    for opens, closes in found:
        assert ends[-1] < opens < closes <= moment + 21 * DAY
        ends.append(closes)
