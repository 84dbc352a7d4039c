"""Workspaces, the tenants."""

import pytest
from tests.integration.api.product import Api

from recado.domain.errors import InvalidInput
from recado.domain.ids import WorkspaceId
from recado.features.workspaces import service
from recado.platform.runtime import Runtime


async def test_a_key_tells_whose_it_is(api: Api, workspace: WorkspaceId) -> None:
    found = await api("GET", "workspace")
    assert (found["id"], found["role"]) == (workspace, "owner")
    assert (found["country"], found["timezone"]) == ("BR", "America/Sao_Paulo")


@pytest.mark.parametrize(
    "wrong",
    [
        {"timezone": "Mars/Base"},
        {"timezone": ""},
        {"timezone": "../etc/passwd"},
        {"country": "XX"},
        {"country": ""},
        {"country": "Brasil"},
        {"name": ""},
        {"name": "  "},
        {"name": "\x00"},
    ],
)
async def test_a_workspace_of_nowhere_is_refused(wrong: dict[str, str], runtime: Runtime) -> None:
    with pytest.raises(InvalidInput):
        async with runtime.db.system() as tx:
            await service.create(tx, **{"name": "Vila", **wrong})


async def test_phones_without_a_country_are_of_the_workspace_s(runtime: Runtime) -> None:
    async with runtime.db.system() as tx:
        made = await service.create(tx, name="Lisboa", country="pt", timezone="Europe/Lisbon")
        assert made.country == "PT"
        found = await service.named(tx, "Lisboa")
        assert found is not None
        assert found.id == made.id
        assert made.id in [one.id for one in await service.everyone(tx)]
