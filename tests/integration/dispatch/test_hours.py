"""Nothing leaves outside a campaign's hours; whatever waits for them goes out when they begin."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests.integration.dispatch.driving import Number
from tests.integration.dispatch.transports import Answering

from recado.domain.ids import RunId
from recado.features.dispatch import sleepers
from recado.platform import clock
from recado.providers.base import HttpAnswer, HttpRequest

HOURS = {"weekdays": [1, 2, 3, 4, 5], "from": "09:00", "to": "18:00"}
SAO_PAULO = {**HOURS, "timezone": "America/Sao_Paulo", "skip_holidays": "BR"}
HOUR = 3600.0
# Their zones, and the numbers of those who have said none. Acre is two hours behind.
PEOPLE = [
    ("Sao Paulo", None, None),
    ("Lisbon", "Europe/Lisbon", None),
    ("Tokyo", "Asia/Tokyo", None),
    ("Nowhere", "no/where", None),
    ("Acre", None, "+5568999990001"),
    ("Paris", None, "+33612345678"),
]


class Watch:
    """The time as a test tells it."""

    def __init__(self) -> None:
        self.now = datetime(2031, 3, 3, 12, 0, tzinfo=UTC)

    def at(self, text: str) -> datetime:
        """Set it: a date and time with its offset."""
        self.now = datetime.fromisoformat(text).astimezone(UTC)
        return self.now


@pytest.fixture
def watch() -> Iterator[Watch]:
    told = Watch()
    with clock.driven_by(lambda: told.now):
        yield told


class Provider:
    """Takes every message, and notes the time; each takes as long as a test wants."""

    def __init__(self, watch: Watch, each: timedelta = timedelta()) -> None:
        self.watch = watch
        self.each = each
        self.times: list[datetime] = []
        self.bodies: list[bytes] = []

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        self.times.append(self.watch.now)
        self.bodies.append(request.body or b"")
        self.watch.now += self.each
        body = b'{"messages": [{"id": "wamid.%d"}]}' % len(self.times)
        return HttpAnswer(200, {}, body)

    def names(self) -> list[str]:
        """Who got a message, in the order of the alphabet."""
        texts = [json.loads(body)["text"]["body"] for body in self.bodies]
        return sorted(text.removeprefix("Olá ") for text in texts)


async def scheduled(number: Number, count: int, **schedule: Any) -> RunId:
    run_id = await number.run(count)
    await number.execute(
        "UPDATE campaign SET schedule = %(schedule)s WHERE id = %(id)s",
        schedule=Jsonb(schedule),
        id=await number.campaign_of(run_id),
    )
    return run_id


async def drive(number: Number, provider: Provider) -> float | None:
    """Drive the channel until it is given back; in how many seconds it is due again."""
    async with asyncio.timeout(30):
        return await number.driver(transport=Answering(provider.answer)).drive()


@pytest.mark.parametrize(
    ("now", "opens", "window"),
    [
        # New York's clock goes from 02:00 to 03:00 on this night.
        pytest.param(
            "2031-03-09T01:30:00-05:00",
            "2031-03-09T03:00:00-04:00",
            {"weekdays": [7], "from": "02:30", "to": "05:00", "timezone": "America/New_York"},
            id="a clock put forward",
        ),
        # Lisbon's goes back from 02:00 to 01:00: what closed at two opens again at half past one.
        pytest.param(
            "2031-10-26T01:10:00+00:00",
            "2031-10-26T01:30:00+00:00",
            {"weekdays": [7], "from": "01:30", "to": "02:30", "timezone": "Europe/Lisbon"},
            id="a clock put back",
        ),
        # A Monday, the 21st of April: Tiradentes.
        pytest.param(
            "2031-04-21T10:00:00-03:00", "2031-04-22T09:00:00-03:00", SAO_PAULO, id="a holiday"
        ),
        pytest.param(
            "2031-03-07T18:00:00-03:00", "2031-03-10T09:00:00-03:00", SAO_PAULO, id="a weekend"
        ),
    ],
)
async def test_a_run_outside_its_window_waits_and_goes_out_when_it_opens(
    now: str, opens: str, window: dict[str, Any], number: Number, watch: Watch
) -> None:
    run_id, provider = await scheduled(number, 3, window=window), Provider(watch)
    opening = datetime.fromisoformat(opens)
    wait = (opening - watch.at(now)).total_seconds()
    assert await drive(number, provider) == pytest.approx(wait)
    watch.now = opening - timedelta(seconds=3)
    assert await drive(number, provider) == pytest.approx(3)
    assert provider.times == []
    assert [row["claims"] for row in await number.deliveries(run_id)] == [0, 0, 0]

    watch.at(opens)
    assert await drive(number, provider) is None
    assert len(provider.times) == 3
    assert (await number.run_row(run_id))["status"] == "completed"


async def test_nothing_leaves_before_the_start_nor_at_or_after_the_end(
    number: Number, watch: Watch
) -> None:
    start, end = "2031-03-03T10:00:00-03:00", "2031-03-03T10:00:10-03:00"
    run_id = await scheduled(number, 40, start_at=start, end_at=end)
    provider = Provider(watch, each=timedelta(seconds=1))
    watch.at("2031-03-03T09:00:00-03:00")
    assert await drive(number, provider) == pytest.approx(HOUR)
    begins = watch.at(start)
    # Requests that are written at once share a moment here; each then takes a second.
    await number.execute("""UPDATE channel SET pacing = pacing || '{"inFlight": 1}'""")
    assert await drive(number, provider) is None
    assert provider.times == [begins + timedelta(seconds=n) for n in range(10)]
    assert (await number.statuses(run_id))["pending"] == 30


async def test_a_window_of_five_minutes_sends_for_five_minutes_a_day(
    number: Number, watch: Watch
) -> None:
    window = {**SAO_PAULO, "from": "09:00", "to": "09:05", "weekdays": list(range(1, 8))}
    run_id = await scheduled(number, 9, window=window)
    await number.execute("""UPDATE channel SET pacing = pacing || '{"inFlight": 1}'""")
    provider = Provider(watch, each=timedelta(minutes=1))
    watch.at("2031-03-03T08:00:00-03:00")
    assert await drive(number, provider) == pytest.approx(HOUR)
    monday = watch.at("2031-03-03T09:00:00-03:00")
    due = await drive(number, provider)
    assert due == pytest.approx(24 * HOUR - 5 * 60)
    watch.now += timedelta(seconds=due or 0)
    assert await drive(number, provider) is None
    expected = [monday + timedelta(minutes=n) for n in range(5)]
    expected += [monday + timedelta(days=1, minutes=n) for n in range(4)]
    assert provider.times == expected
    assert (await number.run_row(run_id))["status"] == "completed"


async def test_a_window_that_is_changed_on_the_way_holds_for_the_next_message(
    number: Number, watch: Watch
) -> None:
    await number.execute("""UPDATE channel SET pacing = pacing || '{"inFlight": 1}'""")
    run_id, watch.now = await number.run(20), datetime(2031, 3, 3, 12, tzinfo=UTC)
    provider, campaign = Provider(watch), await number.campaign_of(run_id)
    driver = number.driver(transport=Answering(provider.answer))
    schedules: list[dict[str, Any]] = [
        {"window": {**SAO_PAULO, "from": "10:00"}},
        {"start_at": "2031-03-03T11:00:00-03:00"},
        {},
    ]

    async def answer(request: HttpRequest) -> HttpAnswer:
        if len(provider.times) % 5 == 4:
            await reschedule(schedules[0])
            driver.notice()
        return await provider.answer(request)

    async def reschedule(schedule: dict[str, Any]) -> None:
        await number.execute(
            "UPDATE campaign SET schedule = %(schedule)s WHERE id = %(id)s",
            schedule=Jsonb(schedule),
            id=campaign,
        )

    for sent, hours_off in ((5, 1.0), (10, 2.0)):
        driver = number.driver(transport=Answering(answer))
        assert await driver.drive() == pytest.approx(hours_off * HOUR)
        assert len(provider.times) == sent
        await reschedule({})
        schedules.pop(0)
    driver = number.driver(transport=Answering(answer))
    assert await driver.drive() is None
    assert len(provider.times) == 20


async def test_a_cap_that_is_free_again_at_night_is_waited_for_until_the_morning(
    number: Number, watch: Watch
) -> None:
    await number.execute("""UPDATE channel SET pacing = pacing || '{"capHourly": 2}'""")
    await scheduled(number, 5, window={**SAO_PAULO, "to": "17:30"})
    provider = Provider(watch)
    watch.at("2031-03-03T17:00:00-03:00")
    assert await drive(number, provider) == pytest.approx(16 * HOUR)
    assert len(provider.times) == 2


async def test_each_contact_gets_it_in_the_hours_of_its_own_zone(
    number: Number, watch: Watch
) -> None:
    run_id = await scheduled(number, len(PEOPLE), window={**HOURS, "timezone": "contact"})
    for row, (name, zone, phone) in zip(await number.deliveries(run_id), PEOPLE, strict=True):
        await number.execute(
            "UPDATE contact SET name = %(name)s, timezone = %(zone)s WHERE id = %(id)s",
            name=name,
            zone=zone,
            id=row["contact_id"],
        )
        if phone:
            await number.execute(
                "UPDATE delivery SET phone = %(phone)s WHERE id = %(id)s", phone=phone, id=row["id"]
            )
    provider = Provider(watch)
    watch.at("2031-03-03T10:30:00+00:00")  # in Lisbon too; 07:30 in Sao Paulo, 19:30 in Tokyo
    assert await drive(number, provider) == pytest.approx(1.5 * HOUR)
    assert provider.names() == ["Lisbon", "Paris"]
    watch.at("2031-03-03T12:00:00+00:00")
    assert await drive(number, provider) == pytest.approx(2 * HOUR)
    assert provider.names() == ["Lisbon", "Nowhere", "Paris", "Sao Paulo"]
    watch.at("2031-03-03T14:00:00+00:00")
    assert await drive(number, provider) == pytest.approx(10 * HOUR)
    watch.at("2031-03-04T00:00:00+00:00")
    assert await drive(number, provider) is None
    assert provider.names() == sorted(name for name, _, _ in PEOPLE)
    assert {row["attempts"] for row in await number.deliveries(run_id)} == {1}


async def test_contacts_who_are_asleep_are_put_off_in_bulk_and_not_claimed_one_by_one(
    number: Number, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sleepers, "PAGE", 200)
    run_id, provider = (
        await scheduled(number, 900, window={**HOURS, "timezone": "contact"}),
        Provider(watch),
    )
    watch.at("2031-03-03T03:00:00-03:00")
    assert await drive(number, provider) == pytest.approx(6 * HOUR)
    rows = await number.deliveries(run_id)
    assert {row["due_at"] for row in rows} == {datetime(2031, 3, 3, 12, tzinfo=UTC)}
    # Three rounds of two pages: what one leaves is found by the next one's claim.
    assert sum(row["claims"] for row in rows) <= 150
    assert await drive(number, provider) == pytest.approx(6 * HOUR)
    assert sum(row["claims"] for row in await number.deliveries(run_id)) <= 150
