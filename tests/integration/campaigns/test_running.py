"""A campaign on real processes: it goes out through the simulator and ends by itself."""

import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests import factories
from tests.integration.api.product import Api, until
from tests.support.processes import Installation

from recado.bootstrap import open_runtime
from recado.domain.ids import WorkspaceId
from recado.platform.runtime import Runtime

COUNT = 30
PARTS = ("pending", "sending", "sent", "failed", "unknown", "suppressed", "cancelled", "expired")


@pytest.fixture
async def real(installation: Installation) -> AsyncIterator[tuple[Api, Runtime, WorkspaceId]]:
    """A workspace of the running installation, and the API as it is served there."""
    runtime = open_runtime()
    workspace = await factories.workspace(runtime)
    async with aiohttp.ClientSession(installation.url) as http:
        yield Api(http, await factories.api_key(runtime, workspace)), runtime, workspace
    await runtime.close()


async def accepted(installation: Installation, number: str) -> list[dict[str, Any]]:
    """What the simulator took from one number, in order."""
    async with (
        aiohttp.ClientSession(installation.simulator_url) as http,
        http.get("/_sim/log") as answer,
    ):
        log = await answer.json()
    return [entry for entry in log if entry["channel"] == number]


async def test_a_started_campaign_reaches_everyone_once_and_completes_by_itself(
    real: tuple[Api, Runtime, WorkspaceId], installation: Installation
) -> None:
    api, runtime, workspace = real
    channel = await api("POST", "channels", {"name": "c", "provider": "simulator"}, status=201)
    assert channel["status"] == "connected"
    people = await factories.contacts(runtime, workspace, COUNT)
    await api("POST", f"contacts/{people[0]}/opt-out")
    given = {
        "name": "Assembleia",
        "channel_ids": [channel["id"]],
        "audience": {"contact_ids": people},
        "content": {"type": "text", "text": "Olá {nome}, {{assembleia}} do {condominio|prédio}"},
    }
    campaign = f"campaigns/{(await api('POST', 'campaigns', given, status=201))['id']}"
    await api("POST", f"{campaign}/start", status=202)

    async def everyone_has_it() -> bool:
        found = await api("GET", f"{campaign}/progress")
        assert found["total"] == sum(found[part] for part in PARTS)
        assert found["read"] <= found["delivered"] <= found["sent"]
        return bool(found["status"] == "completed" and found["delivered"] == COUNT - 1)

    await until(everyone_has_it)
    found = await api("GET", f"{campaign}/progress")
    assert (found["status"], found["suppressed"], found["success_rate"]) == ("completed", 1, 1.0)
    assert found["finished_at"] is not None

    taken = await accepted(installation, channel["config"]["phone_number_id"])
    assert max(Counter(entry["to"] for entry in taken).values()) == 1
    texts = {entry["text"] for entry in taken}
    assert len(texts) == len(taken) == COUNT - 1
    assert all(re.fullmatch(r"Olá Pessoa \d+, \{assembleia\} do Jardim \d", one) for one in texts)

    async with api.request("GET", f"{campaign}/report.csv") as answer:
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
    assert Counter(row["status"] in {"delivered", "read"} for row in rows) == {
        True: COUNT - 1,
        False: 1,
    }
    assert {row["provider_id"] for row in rows if row["provider_id"]} == {
        entry["id"] for entry in taken
    }


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (
            {
                "type": "template",
                "name": "recado_aviso",
                "language": "pt_BR",
                "parameters": ["{nome}", "reunião\nno  salão"],
            },
            "template",
            "Olá {nome}, temos um recado para você: reunião no  salão. Até breve!",
        ),
        (
            {
                "type": "media",
                "media_type": "document",
                "link": "https://example.com/boleto.pdf",
                "caption": "Para {nome}",
                "filename": "boleto.pdf",
            },
            "document",
            "Para {nome}",
        ),
    ],
    ids=["template", "media"],
)
async def test_a_template_or_a_file_reaches_each_contact_with_their_own_values(
    real: tuple[Api, Runtime, WorkspaceId],
    installation: Installation,
    content: dict[str, Any],
    kind: str,
    said: str,
) -> None:
    api, runtime, workspace = real
    channel = await api("POST", "channels", {"name": "c", "provider": "simulator"}, status=201)
    people = await factories.contacts(runtime, workspace, 3)
    given = {
        "name": "Aviso",
        "channel_ids": [channel["id"]],
        "audience": {"contact_ids": people},
        "content": content,
    }
    campaign = f"campaigns/{(await api('POST', 'campaigns', given, status=201))['id']}"
    await api("POST", f"{campaign}/start", status=202)

    async def over() -> bool:
        return bool((await api("GET", f"{campaign}/progress"))["status"] == "completed")

    await until(over)
    taken = await accepted(installation, channel["config"]["phone_number_id"])
    names = [(await api("GET", f"contacts/{person}"))["name"] for person in people]
    assert {entry["kind"] for entry in taken} == {kind}
    assert sorted(entry["text"] for entry in taken) == sorted(
        said.replace("{nome}", name) for name in names
    )
