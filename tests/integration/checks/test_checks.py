"""Which numbers are on WhatsApp is asked for slowly, and what was told is kept."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api, FinishJobs
from tests.support.processes import Installation

from recado.domain.ids import CheckId, ContactId, WorkspaceId
from recado.features.checks import service, work
from recado.features.contacts import reach
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.exchange import HttpAnswer, HttpRequest
from recado.providers.transport import AiohttpTransport

_names = itertools.count(1)


@dataclass
class Moment:
    """The time, as a test drives it."""

    now: datetime = datetime(2027, 3, 1, 13, tzinfo=UTC)

    def pass_by(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def moment() -> Iterator[Moment]:
    found = Moment()
    with clock.driven_by(lambda: found.now):
        yield found


@dataclass
class Counting:
    """The network, with what has left by it; breaks off after a call if told to."""

    inner: AiohttpTransport
    calls: list[HttpRequest] = field(default_factory=list)
    dies: bool = False

    async def send(
        self, request: HttpRequest, *, write_before: float | None = None, timeout: float
    ) -> HttpAnswer:
        self.calls.append(request)
        answer = await self.inner.send(request, write_before=write_before, timeout=timeout)
        if self.dies:
            raise ZeroDivisionError
        return answer


@dataclass(frozen=True)
class Line:
    """A channel whose provider can be asked, in a workspace of its own."""

    provider: str
    api: Api
    runtime: Runtime
    workspace: WorkspaceId
    simulator: str
    instance: str
    channel: int
    network: Counting

    async def begin(self, people: list[ContactId], *, status: int = 202) -> Any:
        asked = {"channel_id": self.channel, "audience": {"contact_ids": people}}
        return await self.api("POST", "contacts/checks", asked, status=status)

    async def step(self, check: int) -> dict[str, Any]:
        """A step, if it is time for one; how the check stands then."""
        await work.step(self.runtime, self.network, self.workspace, CheckId(check))
        found: dict[str, Any] = await self.api("GET", f"contacts/checks/{check}")
        return found

    async def simulate(self, what: str, **given: Any) -> None:
        url = f"{self.simulator}/_sim/{what}"
        async with self.api.http.post(url, json=given) as answer:
            assert answer.ok, await answer.text()

    async def known(self) -> dict[int, str | None]:
        async with self.runtime.db.workspace(self.workspace) as tx:
            rows = await tx.all("SELECT id, wa_status FROM contact ORDER BY id")
        return {row["id"]: row["wa_status"] for row in rows}

    async def update(self, statement: Any) -> None:
        async with self.runtime.db.workspace(self.workspace) as tx:
            await tx.run(statement)


@pytest.fixture(params=["evolution", "uazapi"])
async def line(
    api: Api,
    runtime: Runtime,
    workspace: WorkspaceId,
    installation: Installation,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Line]:
    provider, simulator = request.param, installation.simulator_url
    name = f"verifica-{next(_names)}"
    config = {"instance": name, "api_key": "chave"} if provider == "evolution" else {"token": name}
    known = {"provider": provider, "name": name, **config} if provider == "uazapi" else config
    async with aiohttp.ClientSession() as outside:
        registration = {"provider": provider, "state": "open", **known}
        async with outside.post(f"{simulator}/_sim/channels", json=registration) as answer:
            assert answer.status == 201, await answer.text()
    wanted = {
        "name": name,
        "provider": provider,
        "config": config | {"base_url": f"{simulator}/{provider}"},
    }
    made = await api("POST", "channels", wanted, status=201)
    network = AiohttpTransport()
    found = Line(provider, api, runtime, workspace, simulator, name, made["id"], Counting(network))
    yield found
    await found.simulate("settings", missing_share=0.0)
    await network.close()


async def test_numbers_are_asked_for_in_small_calls_with_pauses_and_each_answer_is_kept(
    line: Line, moment: Moment
) -> None:
    await line.simulate("settings", missing_share=0.4)
    people = await factories.contacts(line.runtime, line.workspace, 122)
    await line.api("POST", f"contacts/{people[0]}/opt-out")
    await reach.note(line.runtime.db, line.workspace, [people[1]], "valid")
    check = (await line.begin(people))["id"]
    found = await line.api("GET", f"contacts/checks/{check}")
    assert (found["status"], found["total"], found["skipped"]) == ("pending", 120, 1)
    progress = []
    for _ in range(3):
        progress.append((await line.step(check))["checked"])
        progress.append((await line.step(check))["checked"])  # too early: nothing is asked
        moment.pass_by(work.PAUSE)
    assert progress == [50, 50, 100, 100, 120, 120]
    assert len(line.network.calls) == 3
    done = await line.step(check)
    assert (done["status"], done["unknown"], done["detail"]) == ("completed", 0, None)
    known = await line.known()
    assert known.pop(people[0]) is None
    assert known.pop(people[1]) == "valid"
    assert list(known.values()).count("dead") == done["dead"] > 20
    assert list(known.values()).count("valid") == done["valid"] > 20
    async with line.runtime.db.workspace(line.workspace) as tx:
        learned = await tx.value("SELECT count(*) FROM identity")
        named = await tx.value("SELECT count(*) FROM contact WHERE wa_id IS NOT NULL")
    assert named == done["valid"]
    assert 0 < learned <= done["valid"]  # some people hide their number
    moment.pass_by(service.FRESH - timedelta(days=1))
    again = (await line.begin(people))["id"]
    shown = await line.api("GET", f"contacts/checks/{again}")
    assert (shown["status"], shown["total"], shown["skipped"]) == ("completed", 0, 121)
    listed = await line.api("GET", "contacts/checks")
    assert [one["id"] for one in listed["items"]] == [again, check]


async def test_a_call_that_fails_loses_nothing_and_is_made_again_later(
    line: Line, moment: Moment
) -> None:
    people = await factories.contacts(line.runtime, line.workspace, 3)
    check = (await line.begin(people))["id"]
    await line.simulate(
        "connection", provider=line.provider, channel=line.instance, state="close", reason=428
    )
    failed = await line.step(check)
    assert (failed["status"], failed["checked"]) == ("running", 0)
    assert failed["detail"]
    assert (await line.step(check))["checked"] == 0
    assert len(line.network.calls) == 1
    await line.simulate("connection", provider=line.provider, channel=line.instance, state="open")
    moment.pass_by(work.BACK_OFF)
    assert (await line.step(check))["status"] == "completed"
    assert set((await line.known()).values()) == {"valid"}


async def test_after_some_failures_in_a_row_a_check_gives_up_and_another_asks_for_the_rest(
    line: Line, moment: Moment
) -> None:
    people = await factories.contacts(line.runtime, line.workspace, 60)
    check = (await line.begin(people))["id"]
    assert (await line.step(check))["checked"] == 50
    await line.simulate(
        "connection", provider=line.provider, channel=line.instance, state="close", reason=428
    )
    for _ in range(work.MOST_FAILURES):
        moment.pass_by(timedelta(hours=1))
        shown = await line.step(check)
    assert (shown["status"], shown["checked"], shown["total"]) == ("failed", 50, 60)
    await line.simulate("connection", provider=line.provider, channel=line.instance, state="open")
    again = (await line.begin(people))["id"]
    done = await line.step(again)
    assert (done["status"], done["total"], done["skipped"]) == ("completed", 10, 50)


async def test_a_step_that_was_cut_short_is_made_again(line: Line, moment: Moment) -> None:
    people = await factories.contacts(line.runtime, line.workspace, 2)
    check = (await line.begin(people))["id"]
    line.network.dies = True
    with pytest.raises(ZeroDivisionError):
        await line.step(check)
    line.network.dies = False
    assert (await line.step(check))["checked"] == 0  # somebody may be at it
    moment.pass_by(work.LEASE + timedelta(minutes=1))
    async with line.runtime.db.system() as tx:
        forgotten = await tx.all(service.SQL["forgotten"], before=moment.now)
    assert {"workspace_id": line.workspace, "id": check} in forgotten
    assert (await line.step(check))["status"] == "completed"


async def test_a_check_waits_for_its_channel_and_ends_with_it(line: Line, moment: Moment) -> None:
    people = await factories.contacts(line.runtime, line.workspace, 2)
    check = (await line.begin(people))["id"]
    await line.update("UPDATE channel SET paused_reason = '131031'")
    assert (await line.step(check))["status"] == "running"
    assert line.network.calls == []
    await line.api("DELETE", f"channels/{line.channel}", status=204)
    moment.pass_by(work.AWAY)
    ended = await line.step(check)
    assert (ended["status"], ended["checked"]) == ("cancelled", 0)
    assert line.network.calls == []


async def test_contacts_deleted_or_with_another_phone_meanwhile_are_not_mistaken(
    line: Line, moment: Moment
) -> None:
    people = await factories.contacts(line.runtime, line.workspace, 52)
    check = (await line.begin(people))["id"]
    await line.step(check)
    await line.api("DELETE", f"contacts/{people[50]}", status=204)
    moment.pass_by(work.PAUSE)
    done = await line.step(check)
    assert (done["status"], done["valid"], done["unknown"]) == ("completed", 51, 1)


async def test_a_channel_makes_one_check_at_a_time_until_it_is_cancelled(line: Line) -> None:
    people = await factories.contacts(line.runtime, line.workspace, 2)
    check = (await line.begin(people))["id"]
    assert (await line.begin(people, status=409))["error"]["code"] == "check_running"
    ended = await line.api("POST", f"contacts/checks/{check}/cancel", status=202)
    assert ended["status"] == "cancelled"
    again = await line.api("POST", f"contacts/checks/{check}/cancel", status=409)
    assert again["error"]["code"] == "check_ended"
    assert (await line.step(check))["checked"] == 0
    assert await line.begin(people)


async def test_jobs_make_the_steps(line: Line, finish_jobs: FinishJobs) -> None:
    people = await factories.contacts(line.runtime, line.workspace, 2)
    check = (await line.begin(people))["id"]
    await finish_jobs()
    assert (await line.api("GET", f"contacts/checks/{check}"))["status"] == "completed"


async def test_a_provider_that_cannot_be_asked_is_not(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    channel = await factories.bare_channel(runtime, workspace)
    [person] = await factories.contacts(runtime, workspace, 1)
    asked = {"channel_id": channel, "audience": {"contact_ids": [person]}}
    refused = await api("POST", "contacts/checks", asked, status=409)
    assert refused["error"]["code"] == "unsupported_by_provider"
    asked["channel_id"] = channel + 1000
    await api("POST", "contacts/checks", asked, status=404)
