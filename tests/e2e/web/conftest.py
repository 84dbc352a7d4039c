"""A workspace of its own for each test of the pages, with campaigns that really go out."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import aiohttp
import pytest
from playwright.async_api import Page, expect
from tests import factories
from tests.support.processes import Installation

from recado.domain.ids import CampaignId, WorkspaceId
from recado.features.campaigns import service as campaigns
from recado.features.campaigns.schemas import Audience, NewCampaign, TextContent
from recado.features.channels.models import Channel
from recado.features.users.roles import Role
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.base import Transport

HOSTILE_NAMES = (
    "<script>document.title='taken'</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} ${7*7} {nome}",
    "مرحبا \u202eesrever",
    "🎉👩‍👩‍👧‍👦" * 12,
    "Semespaçoalgum" * 12,
    "",
)
"""Names as files really have them; a page must show each as what it is: text."""

_numbers = itertools.count(1)


@dataclass
class Site:
    """One workspace on the running installation, seen by one person."""

    runtime: Runtime
    installation: Installation
    workspace_id: WorkspaceId
    channel: Channel
    email: str
    password: str

    async def sign_in(self, page: Page, target: str = "/campaigns") -> None:
        await page.goto(f"/login?next={target}")
        await page.fill("#email", self.email)
        await page.fill("#password", self.password)
        await page.click("form button[type=submit]")
        await expect(page.locator("h1")).to_be_visible()

    async def person(self, role: Role) -> tuple[str, str]:
        """Another member's e-mail and password."""
        return await factories.user(self.runtime, self.workspace_id, role)

    async def phones(self, names: Sequence[str]) -> list[str]:
        """Contacts of these names, each with a generated phone; the phones in the same order."""
        phones = [factories.phone(500_000 + next(_numbers)) for _ in names]
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            await tx.run(
                "INSERT INTO contact (workspace_id, name, phone, phone_key)"
                " SELECT %(workspace_id)s, n, p, ltrim(p, '+')"
                " FROM unnest(%(names)s::text[], %(phones)s::text[]) AS t (n, p)",
                workspace_id=self.workspace_id,
                names=list(names),
                phones=phones,
            )
        return phones

    async def campaign(
        self, phones: Sequence[str], *, name: str = "Assembleia", per_second: int = 80
    ) -> CampaignId:
        """A draft for the contacts with these phones."""
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            rows = await tx.all(
                "SELECT id FROM contact WHERE workspace_id = %(workspace_id)s"
                " AND phone = ANY(%(phones)s) ORDER BY id",
                workspace_id=self.workspace_id,
                phones=list(phones),
            )
            made = await campaigns.create(
                tx,
                NewCampaign(
                    name=name,
                    channel_ids=[self.channel.id],
                    audience=Audience(contact_ids=[row["id"] for row in rows]),
                    content=TextContent(text="Olá {nome|amigo}"),
                    pacing={"perSecond": per_second},
                ),
                clock.now(),
            )
        return CampaignId(made.id)

    async def start(self, campaign_id: CampaignId) -> None:
        await self._move(campaigns.start, campaign_id)

    async def running(self, campaign_id: CampaignId) -> None:
        """Return once the audience is written down; the test's own time limit ends the wait."""
        while await self.status(campaign_id) != "running":  # noqa: ASYNC110 - a worker moves it
            await asyncio.sleep(0.05)

    async def pause(self, campaign_id: CampaignId) -> None:
        await self._move(campaigns.pause, campaign_id)

    async def cancel(self, campaign_id: CampaignId) -> None:
        await self._move(campaigns.cancel, campaign_id)

    async def status(self, campaign_id: CampaignId) -> str:
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            return (await campaigns.get(tx, campaign_id)).status

    async def fail_for(self, phone: str, code: int) -> None:
        """Have the provider refuse messages to a phone."""
        rule = {
            "match": {"channel": self.channel.config["phone_number_id"], "to": phone.lstrip("+")},
            "fault": {"kind": "error", "code": code},
        }
        address = f"{self.installation.simulator_url}/_sim/faults"
        async with (
            aiohttp.ClientSession() as session,
            session.post(address, json={"rules": [rule], "append": True}) as answer,
        ):
            assert answer.status < 300, await answer.text()

    async def _move(self, step: object, campaign_id: CampaignId) -> None:
        assert callable(step)
        now: datetime = clock.now()
        async with self.runtime.db.workspace(self.workspace_id) as tx:
            await step(tx, self.runtime, campaign_id, now)


@pytest.fixture
async def site(
    runtime: Runtime, transport: Transport, installation: Installation, workspace: WorkspaceId
) -> Site:
    channel = await factories.simulator_channel(runtime, transport, workspace)
    email, password = await factories.user(runtime, workspace)
    return Site(runtime, installation, workspace, channel, email, password)
