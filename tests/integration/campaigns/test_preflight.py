"""What a campaign would come to, told before it starts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.integration.campaigns.asking import wish

from recado.domain.ids import ChannelId, ContactId, WorkspaceId
from recado.features.contacts import reach
from recado.features.settings import rate_limits
from recado.platform import clock
from recado.platform.runtime import Runtime

MONDAY = datetime(2027, 3, 1, 13, 0, tzinfo=UTC)  # 10 o'clock in São Paulo
OFFICE = {
    "weekdays": [1, 2, 3, 4, 5],
    "from": "09:00",
    "to": "18:00",
    "timezone": "America/Sao_Paulo",
}
SAME_TEXT = {"type": "text", "text": "Assembleia amanhã."}


@pytest.fixture(autouse=True)
def on_a_monday() -> Iterator[None]:
    with clock.driven_by(lambda: MONDAY):
        yield


async def look(api: Api, given: dict[str, Any], **headers: str) -> dict[str, Any]:
    """A draft's preflight."""
    campaign = (await api("POST", "campaigns", given, status=201))["id"]
    found: dict[str, Any] = await api("POST", f"campaigns/{campaign}/preflight", headers=headers)
    return found | {"campaign": campaign}


def codes(found: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in found["warnings"]]


async def many(runtime: Runtime, workspace: WorkspaceId, count: int) -> list[ContactId]:
    """So many contacts, made in one statement."""
    async with runtime.db.workspace(workspace) as tx:
        rows = await tx.all(
            "INSERT INTO contact (workspace_id, name, phone, phone_key)"
            " SELECT current_workspace_id(), 'Pessoa ' || n, '+5511' || 900000000 + n,"
            " '5511' || 900000000 + n FROM generate_series(1, %(count)s) n RETURNING id",
            count=count,
        )
    return [ContactId(row["id"]) for row in rows]


async def listed(runtime: Runtime, workspace: WorkspaceId, people: list[ContactId]) -> int:
    """A list with these on it."""
    async with runtime.db.workspace(workspace) as tx:
        made = await tx.value(
            "WITH made AS (INSERT INTO list (workspace_id, name)"
            " VALUES (current_workspace_id(), 'Todos') RETURNING id), members AS ("
            " INSERT INTO list_member (workspace_id, list_id, contact_id)"
            " SELECT current_workspace_id(), made.id, person"
            " FROM made, unnest(%(people)s::bigint[]) AS person) SELECT id FROM made",
            people=people,
        )
        await tx.run("SELECT refresh_contact_statistics()")  # as an import does
    return int(made)


async def used(runtime: Runtime, workspace: WorkspaceId, channel: ChannelId, requests: int) -> None:
    """So many requests left the channel two hours ago."""
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "INSERT INTO usage (workspace_id, channel_id, minute, requests) VALUES"
            " (current_workspace_id(), %(channel)s, %(at)s, %(requests)s)",
            at=MONDAY - timedelta(hours=2),
            channel=channel,
            requests=requests,
        )


async def test_what_is_told_beforehand_is_what_a_start_writes_down(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    people = await factories.contacts(runtime, workspace, 9)
    for person, tag in zip(people, ("dnc", "Opt-Out", "Síndico", "síndico"), strict=False):
        await api("PATCH", f"contacts/{person}", {"tags": [tag]})
    for person in (people[0], people[4]):
        await api("POST", f"contacts/{person}/opt-out")
    everyone = await listed(runtime, workspace, people[:6])
    await api("DELETE", f"contacts/{people[7]}", status=204)
    audience = {
        "list_ids": [everyone, everyone],
        "tags": ["SÍNDICO"],
        "contact_ids": [people[1], people[6], people[6]],
    }
    found = await look(api, await wish(runtime, workspace, audience=audience))
    assert found["audience"] == 4
    assert found["suppressed"] == {"opted_out": 2, "tag:Opt-Out": 1}
    named = {one["contact_id"]: one["reason"] for one in found["suppressed_contacts"]}
    assert named == {people[0]: "opted_out", people[1]: "tag:Opt-Out", people[4]: "opted_out"}
    first = await api("GET", f"campaigns/{found['campaign']}/suppressed", limit=2)
    second = await api(
        "GET", f"campaigns/{found['campaign']}/suppressed", cursor=first["next_cursor"]
    )
    assert first["items"] + second["items"] == found["suppressed_contacts"]

    await api("POST", f"campaigns/{found['campaign']}/start", status=202)
    await finish_jobs()
    page = await api("GET", f"campaigns/{found['campaign']}/deliveries", limit=200)
    written = {item["contact_id"]: item["reason"] for item in page["items"]}
    assert {one: why for one, why in written.items() if why} == named
    assert len(written) == found["audience"] + len(named)


async def test_of_a_plain_campaign_there_is_nothing_to_warn(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    found = await look(api, await wish(runtime, workspace))
    assert (found["audience"], found["suppressed"], found["dead"]) == (3, {}, 0)
    assert codes(found) == []
    estimate = found["estimate"]
    assert (estimate["per_day"], estimate["expires"]) == ({"2027-03-01": 3}, 0)
    assert datetime.fromisoformat(estimate["starts_at"]) == MONDAY
    end = datetime.fromisoformat(estimate["ends_at"])
    assert MONDAY <= end < MONDAY + timedelta(seconds=5)


async def test_a_campaign_that_needs_days_is_told_by_day(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    """Tens of thousands of contacts are counted by the database, and not one of them is read."""
    people = await many(runtime, workspace, 40_000)
    channels = [await factories.bare_channel(runtime, workspace) for _ in range(2)]
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "UPDATE channel SET pacing = %(pacing)s", pacing=Jsonb({"preset": "aggressive"})
        )
    await used(runtime, workspace, channels[0], 5000)
    given = await wish(
        runtime,
        workspace,
        contacts=0,
        channel_ids=channels,
        audience={"list_ids": [await listed(runtime, workspace, people)]},
        content=SAME_TEXT,
        pacing={"messageInterval": 2},
    )
    found = await look(api, given)
    assert found["audience"] == 40_000
    estimate = found["estimate"]
    assert estimate["limited_by"] == "capDaily"
    days = list(estimate["per_day"].values())
    assert sum(days) == 40_000
    assert max(days) <= 10_000
    assert days[0] <= 5000  # the first channel has had its day
    assert {"many_contacts", "same_text", "night"} <= set(codes(found))


async def test_a_window_a_start_and_an_end_are_kept_to(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    """From Friday evening on, every 33 seconds in the hours of the office, until Tuesday noon."""
    schedule = {
        "start_at": "2027-03-05T17:30:00-03:00",
        "end_at": "2027-03-09T12:00:00-03:00",
        "window": OFFICE,
    }
    pacing = {"messageInterval": 30}
    given = await wish(runtime, workspace, contacts=1600, schedule=schedule, pacing=pacing)
    found = await look(api, given)
    estimate = found["estimate"]
    assert datetime.fromisoformat(estimate["starts_at"]) == datetime(2027, 3, 5, 20, 30, tzinfo=UTC)
    per_day = {"2027-03-05": 55, "2027-03-08": 982, "2027-03-09": 328}
    assert estimate["per_day"] == per_day
    assert estimate["expires"] == 1600 - sum(per_day.values())
    assert codes(found) == []
    at_night = {**given, "schedule": {"start_at": "2027-03-06T22:30:00-03:00"}}
    assert codes(await look(api, at_night)) == ["night", "weekend"]


async def test_numbers_known_dead_are_counted_and_warned_of(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    people = await factories.contacts(runtime, workspace, 10)
    await reach.note(runtime.db, workspace, people[:3], "dead")
    await reach.note(runtime.db, workspace, people[2:4], "valid")
    given = await wish(
        runtime, workspace, audience={"contact_ids": people}, skip_dead_numbers=False
    )
    found = await look(api, given, **{"Accept-Language": "en"})
    assert (found["audience"], found["dead"], found["unchecked"]) == (10, 2, 6)
    assert codes(found)[0] == "dead_numbers"
    assert found["warnings"][0]["message"].startswith("2 of 10 numbers are known")
    told = (await look(api, given, **{"Accept-Language": "pt-BR"}))["warnings"][0]["message"]
    assert told.startswith("Sabe-se que 2 de 10")
    # A new number is another one.
    await api("PATCH", f"contacts/{people[0]}", {"phone": factories.phone()})
    assert (await api("GET", f"contacts/{people[0]}"))["wa_status"] is None
    assert (await api("GET", f"contacts/{people[1]}"))["wa_status"] == "dead"


async def test_numbers_known_dead_are_left_out_unless_a_campaign_wants_them(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    people = await factories.contacts(runtime, workspace, 10)
    await reach.note(runtime.db, workspace, people[:3], "dead")
    await reach.note(runtime.db, workspace, people[3:5], "valid")
    await api("POST", f"contacts/{people[0]}/opt-out")
    given = await wish(runtime, workspace, audience={"contact_ids": people})
    found = await look(api, given)
    assert (found["audience"], found["dead"], found["unchecked"]) == (7, 0, 5)
    assert found["suppressed"] == {"dead_number": 2, "opted_out": 1}
    assert codes(found)[0] == "dead_left_out"
    await api("POST", f"campaigns/{found['campaign']}/start", status=202)
    await finish_jobs()
    page = await api("GET", f"campaigns/{found['campaign']}/deliveries", limit=200)
    reasons = {item["contact_id"]: item["reason"] for item in page["items"] if item["reason"]}
    expected = {people[0]: "opted_out", people[1]: "dead_number", people[2]: "dead_number"}
    assert reasons == expected
    wanted = await api("POST", "campaigns", given, status=201)
    changed = await api("PATCH", f"campaigns/{wanted['id']}", {"skip_dead_numbers": False})
    assert (wanted["skip_dead_numbers"], changed["skip_dead_numbers"]) == (True, False)
    looked = await api("POST", f"campaigns/{wanted['id']}/preflight")
    assert (looked["audience"], looked["dead"]) == (9, 2)
    await api("POST", f"campaigns/{wanted['id']}/start", status=202)
    await finish_jobs()
    progress = await api("GET", f"campaigns/{wanted['id']}/progress")
    assert (progress["pending"], progress["suppressed"]) == (9, 1)


async def test_a_channel_that_stands_still_sends_nothing(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    given = await wish(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE channel SET paused_reason = '131031: account locked'")
    found = await look(api, given, **{"Accept-Language": "en"})
    assert (found["estimate"]["starts_at"], found["estimate"]["per_day"]) == (None, {})
    assert codes(found) == ["stopped_channel"]
    assert "131031: account locked" in found["warnings"][0]["message"]
    await api("DELETE", f"channels/{given['channel_ids'][0]}", status=204)
    gone = await api("POST", f"campaigns/{found['campaign']}/preflight")
    assert (gone["audience"], gone["warnings"]) == (3, [])
    assert gone["estimate"]["ends_at"] is None


async def test_what_other_campaigns_send_through_the_channel_is_reckoned_with(
    api: Api, runtime: Runtime, workspace: WorkspaceId, finish_jobs: FinishJobs
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    pace = {"pacing": {"messageInterval": 10}, "channel_ids": [channel]}
    other = await wish(runtime, workspace, contacts=100, **pace)
    alone = await look(api, await wish(runtime, workspace, contacts=60, **pace))
    running = (await api("POST", "campaigns", other, status=201))["id"]
    await api("POST", f"campaigns/{running}/start", status=202)
    await finish_jobs()
    beside = await look(api, await wish(runtime, workspace, contacts=60, **pace))
    lasts = [
        (
            datetime.fromisoformat(found["estimate"]["ends_at"])
            - datetime.fromisoformat(found["estimate"]["starts_at"])
        ).total_seconds()
        for found in (alone, beside)
    ]
    assert round(lasts[0]) == 59 * 11
    assert round(lasts[1]) == 119 * 11


async def test_the_people_that_a_portfolio_may_reach_and_the_workspaces_day_are_reckoned_with(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channels = [await factories.bare_channel(runtime, workspace) for _ in range(2)]
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE channel SET portfolio = '1', tier = 100")
    given = await wish(runtime, workspace, contacts=150, channel_ids=channels)
    estimate = (await look(api, given))["estimate"]
    assert estimate["limited_by"] == "tier"
    assert list(estimate["per_day"].values()) == [100, 50]
    async with runtime.db.workspace(workspace) as tx:
        await rate_limits.save(tx, {"perDay": 60})
    estimate = (await look(api, given))["estimate"]
    assert estimate["limited_by"] == "perDay"
    assert list(estimate["per_day"].values()) == [60, 60, 30]


async def test_a_text_in_parts_takes_as_many_requests(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    text = "Bom dia, {nome}. A assembleia é amanhã.\n\nTraga a pauta que lhe demos na segunda."
    given = await wish(runtime, workspace, contacts=40, pacing={"messageInterval": 10})
    given["content"] = {"type": "text", "text": text, "max_split_parts": 2}
    found = await look(api, given)
    end = datetime.fromisoformat(found["estimate"]["ends_at"])
    assert (end - MONDAY).total_seconds() == pytest.approx(79 * 11)


async def test_a_new_channel_is_warned_of_and_warms_up(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    """A channel of its first day, of an unofficial provider; then with a warm-up of its own."""
    channel = await factories.bare_channel(runtime, workspace)
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE channel SET created_at = %(at)s", at=MONDAY - timedelta(hours=1))
    given = await wish(
        runtime, workspace, contacts=150, channel_ids=[channel], schedule={"window": OFFICE}
    )
    found = await look(api, given)
    assert (codes(found), found["estimate"]["per_day"]) == ([], {"2027-03-01": 150})
    campaign = await api("POST", "campaigns", given, status=201)
    again = f"campaigns/{campaign['id']}/preflight"
    async with runtime.db.workspace(workspace) as tx:
        await tx.run("UPDATE channel SET provider = 'uazapi', pacing = '{\"preset\": \"cloud\"}'")
        await tx.run("UPDATE contact SET wa_status = 'valid'")
    found = await api("POST", again, headers={"Accept-Language": "en"})
    assert codes(found) == ["warm_up", "short_interval"]
    assert (
        "at most 50 messages a day; this campaign gives it 150."
        in (found["warnings"][0]["message"])
    )
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "UPDATE channel SET pacing = pacing || %(pacing)s",
            pacing=Jsonb({"warmUpDaily": 40, "messageInterval": 5}),
        )
    found = await api("POST", again)
    assert codes(found) == ["warm_up"]
    assert found["estimate"]["limited_by"] == "warmUpDaily"
    assert list(found["estimate"]["per_day"].values()) == [40, 80, 30]
