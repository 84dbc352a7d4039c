"""What Meta says of numbers and accounts changes channels, limits and notes, once and in order."""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.integration.api.product import Api
from tests.integration.webhooks.calling import (
    Number,
    callback,
    connect,
    entry,
    of_account,
)

from recado.domain.ids import WorkspaceId
from recado.features.connections import standing
from recado.features.dispatch.plans import load_plan
from recado.features.webhooks.applying import apply_waiting
from recado.platform import clock
from recado.platform.runtime import Runtime

_accounts = itertools.count(320_000_000_000_001)
NOW = int(time.time())
DISPLAY = "+55 31 90000-4567"
DIGITS = "5531900004567"


@dataclass(frozen=True, slots=True)
class Account:
    """An account with two numbers here; the first one's is `DISPLAY`."""

    api: Api
    runtime: Runtime
    id: str
    numbers: tuple[Number, Number]

    async def says(self, field: str, at: int = NOW, **value: Any) -> None:
        """Have something said of the account, of each of its numbers, and applied."""
        told = callback(entry(of_account(field, **value), account=self.id, at=at))
        await self.apply(told)

    async def apply(self, *bodies: bytes) -> None:
        """Keep callbacks for each number, as their intake does, and apply them."""
        workspace = self.numbers[0].workspace
        async with self.runtime.db.workspace(workspace) as tx:
            for number, body in itertools.product(self.numbers, bodies):
                await tx.run(
                    "INSERT INTO callback (workspace_id, channel_id, body)"
                    " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
                    channel=number.channel,
                    body=body,
                )
        await apply_waiting(self.runtime, workspace)

    def errs(self, code: int) -> bytes:
        """A callback that something is wrong with the first number."""
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"phone_number_id": self.numbers[0].phone_number_id},
            "errors": [{"code": code, "title": "x"}],
        }
        return callback(entry({"field": "messages", "value": value}))

    async def shown(self, place: int = 0) -> Any:
        """One of its numbers as the API shows it."""
        return await self.api("GET", f"channels/{self.numbers[place].channel}")

    async def paused(self) -> list[str | None]:
        """Why its numbers are paused."""
        return [(await self.shown(place))["paused_reason"] for place in (0, 1)]

    async def told(self) -> list[str]:
        """The kinds of its notifications, the oldest first."""
        items = (await self.api("GET", "notifications"))["items"]
        return [item["kind"] for item in reversed(items)]

    async def execute(self, statement: Any) -> None:
        """Change rows of the workspace."""
        async with self.runtime.db.workspace(self.numbers[0].workspace) as tx:
            await tx.run(statement)


@pytest.fixture
async def account(api: Api, runtime: Runtime, workspace: WorkspaceId) -> Account:
    name = str(next(_accounts))
    first, second = [await connect(api, workspace, account=name) for _ in range(2)]
    made = Account(api, runtime, name, (first, second))
    await made.execute(
        "UPDATE channel SET display_number = CASE WHEN id = (SELECT min(id) FROM channel)"
        f" THEN '{DISPLAY}' ELSE '+1 555 000 0000' END"
    )
    return made


def restriction(**more: Any) -> Mapping[str, Any]:
    kind = "RESTRICTED_BIZ_INITIATED_MESSAGING"
    told = {"restriction_type": kind, **more}
    return {"event": "ACCOUNT_RESTRICTION", "restriction_info": [told]}


def ban(state: str) -> Mapping[str, Any]:
    return {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state}}


async def test_a_flag_is_the_number_s_alone_and_told_once(account: Account) -> None:
    for _ in range(2):
        await account.says(
            "phone_number_quality_update", display_phone_number=DIGITS, event="FLAGGED"
        )
    assert [(await account.shown(place))["quality"] for place in (0, 1)] == ["RED", None]
    assert await account.told() == ["quality_low"]
    assert (await account.api("GET", "notifications"))["items"][0]["times"] == 1


async def test_a_number_that_a_channel_may_have_is_asked_for(account: Account) -> None:
    await account.execute("UPDATE channel SET display_number = NULL")
    await account.says("phone_number_quality_update", display_phone_number=DIGITS, event="FLAGGED")
    async with account.runtime.db.system() as tx, tx.taking("recado_jobs", schema="procrastinate"):
        jobs = await tx.all(
            "SELECT args FROM procrastinate_jobs WHERE task_name = 'connections:ask'"
            " ORDER BY args -> 'channel_id'"
        )
    asked = {job["args"]["channel_id"] for job in jobs}
    assert asked >= {number.channel for number in account.numbers}
    assert await account.told() == []


async def test_a_new_tier_is_that_of_all_numbers_and_holds_for_the_next_message(
    account: Account,
) -> None:
    await account.says("business_capability_update", max_daily_conversations_per_business=250)
    await account.says(
        "phone_number_quality_update",
        NOW + 10,
        display_phone_number=DIGITS,
        event="UPGRADE",
        current_limit="TIER_2K",
    )
    assert [(await account.shown(place))["tier"] for place in (0, 1)] == [2000, 2000]
    # Old news, said again: nothing is what it was.
    await account.says("business_capability_update", max_daily_conversations_per_business=250)
    assert [(await account.shown(place))["tier"] for place in (0, 1)] == [2000, 2000]
    assert await account.told() == ["tier_raised"]
    number = account.numbers[1]
    plan = await load_plan(account.runtime, number.workspace, number.channel)
    assert (plan.channel.portfolio, plan.channel.tier) == (account.id, 2000)
    async with account.runtime.db.workspace(number.workspace) as tx:
        assert await tx.value("SELECT bool_and(due_at <= now()) FROM drive")
    await account.says(
        "business_capability_update", NOW + 20, max_daily_conversations_per_business=-1
    )
    assert (await account.shown())["tier"] is None
    await account.says(
        "business_capability_update", NOW + 30, max_daily_conversations_per_business=250
    )
    assert (await account.told())[-1] == "tier_lowered"


async def test_a_restricted_account_pauses_all_its_numbers_until_the_end(
    account: Account,
) -> None:
    end = NOW + 3600
    for _ in range(2):
        await account.says("account_update", **restriction(expiration=end))
    shown = await account.shown(1)
    assert shown["paused_reason"].startswith("ACCOUNT_RESTRICTION: RESTRICTED_BIZ")
    assert json.loads(json.dumps(shown["paused_until"]))[:4] == time.strftime("%Y", time.gmtime())
    (note,) = (await account.api("GET", "notifications"))["items"]
    assert (note["kind"], note["times"]) == ("account_stopped", 1)
    for number in account.numbers:
        assert str(number.phone_number_id) in note["message"]
    await account.says("account_update", NOW + 5, **ban("DISABLE"))
    await account.says("account_update", NOW + 6, **restriction(expiration=end))
    assert (await account.shown())["paused_until"] is None  # never sooner than what was said


async def test_what_has_ended_or_does_not_stop_sending_pauses_nothing(account: Account) -> None:
    await account.says("account_update", **restriction(expiration=NOW - 60))
    await account.says("account_update", NOW + 1, **ban("SCHEDULE_FOR_DISABLE"))
    other = {"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION"}
    update = {"event": "ACCOUNT_RESTRICTION", "restriction_info": [other]}
    for _ in range(2):
        await account.says("account_update", NOW + 2, **update)
    assert await account.paused() == [None, None]
    (note,) = (await account.api("GET", "notifications"))["items"]
    assert (note["kind"], note["times"]) == ("account_news", 2)  # two things, unread
    assert "RESTRICTED_ADD_PHONE_NUMBER_ACTION" in note["message"]


async def test_reinstated_an_account_goes_on_but_for_what_else_is_wrong(account: Account) -> None:
    second = account.numbers[1].channel
    await account.execute(f"UPDATE channel SET paused_reason = '190: token' WHERE id = {second}")
    await account.says("account_update", **ban("DISABLE"))
    assert await account.paused() == ["DISABLED_UPDATE: DISABLE", "190: token"]
    await account.says("account_update", NOW + 1, **ban("REINSTATE"))
    assert await account.paused() == [None, "190: token"]
    await account.says("account_update", **ban("DISABLE"))  # comes late, or again
    assert await account.paused() == [None, "190: token"]
    assert await account.told() == ["account_stopped", "account_freed"]


async def test_people_hear_of_an_account_though_its_numbers_are_at_fault_already(
    account: Account,
) -> None:
    await account.execute("UPDATE channel SET paused_reason = '131031: locked'")
    for _ in range(2):
        await account.says("account_update", **ban("DISABLE"))
    assert await account.paused() == ["131031: locked"] * 2
    assert await account.told() == ["account_stopped"]
    for _ in range(2):
        await account.says("account_update", NOW + 1, **ban("REINSTATE"))
    assert await account.paused() == ["131031: locked"] * 2
    assert await account.told() == ["account_stopped", "account_news"]
    items = (await account.api("GET", "notifications"))["items"]
    assert [item["times"] for item in items] == [1, 1]


async def test_what_a_person_has_checked_is_not_paused_by_old_news(
    account: Account, runtime: Runtime
) -> None:
    workspace, channel = account.numbers[0].workspace, account.numbers[0].channel
    await account.says("account_update", **ban("DISABLE"))
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(  # as a check does
            "UPDATE channel SET paused_reason = NULL, paused_by = NULL, account_at = now()"
        )
    await account.says("account_update", **ban("DISABLE"))
    assert await account.paused() == [None, None]
    later = clock.now()
    await standing.stop_account(
        runtime, workspace, [channel], because="again", until=None, at=later
    )
    assert await account.paused() == ["again", None]


@pytest.mark.parametrize(
    ("code", "paused", "kind"),
    [(131031, True, "channel_paused"), (130429, False, "channel_fault")],
)
async def test_a_fault_of_the_account_pauses_and_others_are_told(
    code: int, paused: bool, kind: str, account: Account
) -> None:
    await account.apply(account.errs(code))
    await account.execute("UPDATE callback SET processed_at = NULL")  # as a crash leaves it
    await account.apply()
    assert [reason is not None for reason in await account.paused()] == [paused, paused]
    assert set(await account.told()) == {kind}
    notes = (await account.api("GET", "notifications"))["items"]
    assert [note["times"] for note in notes] == [1, 1], "it came to both channels, once"


async def test_a_fault_that_pauses_is_not_lost_behind_a_later_one(account: Account) -> None:
    await account.apply(account.errs(131031), account.errs(130429))
    assert all(reason and reason.startswith("131031") for reason in await account.paused())
