"""Numbers of Meta's accounts on a simulated server, with templates of the test's own."""

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.integration.api.product import Api

from recado.domain.ids import ChannelId, WorkspaceId
from recado.features.webhooks.applying import apply_waiting
from recado.platform.runtime import Runtime
from recado.simulator.testing import Simulator

_numbers = itertools.count(400_000_000_000_001)
TEXT = "Olá {{1}}, até {{2}}."


def template(name: str, text: str = TEXT, **more: Any) -> dict[str, Any]:
    """A template as Meta has it; ``more`` components come under ``extra``."""
    extra = more.pop("extra", [])
    components = [*extra, {"type": "BODY", "text": text}]
    return {"name": name, "language": "pt_BR", "components": components, **more}


@dataclass
class Account:
    """A business account with a number in a workspace, and what it is called back with."""

    api: Api
    simulator: Simulator
    workspace: WorkspaceId
    waba: str
    number: str
    channel: ChannelId
    told: int = field(default_factory=lambda: int(time.time()) + 100)  # after any list

    @property
    def path(self) -> str:
        return f"channels/{self.channel}"

    def lists(self, *templates: Mapping[str, Any]) -> None:
        """Have it list these from now on."""
        registered = {**self.registration(), "templates": templates}
        self.simulator.control("channels", registered)

    def registration(self) -> dict[str, Any]:
        return {
            "phone_number_id": self.number,
            "waba_id": self.waba,
            "access_token": "token",
            "app_secret": "segredo",
        }

    async def sync(self) -> list[dict[str, Any]]:
        """Ask for the templates now."""
        found: list[dict[str, Any]] = (await self.api("GET", f"{self.path}/templates"))["items"]
        return found

    async def stored(self) -> dict[str, dict[str, Any]]:
        """The templates as they are stored, by name."""
        found = await self.api("GET", f"{self.path}/templates", refresh="false")
        return {one["name"]: one for one in found["items"]}

    async def hears(self, runtime: Runtime, *changes: Mapping[str, Any]) -> None:
        """Store callbacks as if they had just been taken in, and apply them."""
        entries = [
            {"id": self.waba, "time": change["time"], "changes": [change]} for change in changes
        ]
        body = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
        async with runtime.db.workspace(self.workspace) as tx:
            await tx.run(
                "INSERT INTO callback (workspace_id, channel_id, body)"
                " VALUES (current_workspace_id(), %(channel)s, %(body)s)",
                channel=self.channel,
                body=body,
            )
        await apply_waiting(runtime, self.workspace)

    def news(self, name: str, event: str, *, after: int, **more: Any) -> dict[str, Any]:
        """That a template's status has changed, so many seconds after ``told``."""
        value = {
            "event": event,
            "message_template_name": name,
            "message_template_language": "pt-BR",
            **more,
        }
        return {
            "field": "message_template_status_update",
            "time": self.told + after,
            "value": value,
        }


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
async def account(api: Api, workspace: WorkspaceId, simulator: Simulator) -> Account:
    """One that lists a template of two variables, and has not been asked yet."""
    number = next(_numbers)
    made = Account(api, simulator, workspace, str(number + 10**14), str(number), ChannelId(0))
    made.lists(template("aviso"))
    config = {
        **made.registration(),
        "verify_token": "confere",
        "base_url": f"{simulator.url}/meta",
    }
    new = {"name": str(number), "provider": "meta", "config": config}
    made.channel = ChannelId((await api("POST", "channels", new, status=201))["id"])
    return made
