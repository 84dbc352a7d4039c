"""What became of each contact: pages of deliveries, and the report as a spreadsheet reads it."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import pytest
from tests.integration.api.product import Api
from tests.integration.campaigns.asking import wish

from recado.domain.deliveries import DeliveryState
from recado.domain.ids import WorkspaceId
from recado.features.reports import service
from recado.platform.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign whose latest run has deliveries in every state, and an earlier run."""

    id: int
    path: str


@pytest.fixture
async def campaign(api: Api, runtime: Runtime, workspace: WorkspaceId) -> Campaign:
    made = (await api("POST", "campaigns", await wish(runtime, workspace), status=201))["id"]
    async with runtime.db.workspace(workspace) as tx:
        for number in (1, 2):
            await tx.run(
                "INSERT INTO run (workspace_id, campaign_id, number, status)"
                " VALUES (current_workspace_id(), %(campaign)s, %(number)s, 'running')",
                campaign=made,
                number=number,
            )
        await tx.run(
            "INSERT INTO delivery (workspace_id, run_id, phone, phone_key, status)"
            " SELECT workspace_id, id, 'old', 'old', 'read' FROM run WHERE number = 1"
        )
        await tx.run(
            "INSERT INTO delivery (workspace_id, run_id, phone, phone_key, status)"
            " SELECT r.workspace_id, r.id, '+55319' || lpad(n::text, 8, '0'), n::text, s.status"
            " FROM run r CROSS JOIN unnest(%(states)s::text[]) WITH ORDINALITY AS s (status, n)"
            " WHERE r.number = 2 ORDER BY s.n",
            states=[state.value for state in DeliveryState],
        )
    return Campaign(made, f"campaigns/{made}")


async def csv_of(api: Api, path: str) -> tuple[str, list[dict[str, str]]]:
    async with api.request("GET", f"{path}/report.csv") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["Content-Disposition"]
        text = (await answer.read()).decode("utf-8")
    return text, list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


async def test_deliveries_of_the_latest_run_come_in_pages(api: Api, campaign: Campaign) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await api("GET", f"{campaign.path}/deliveries", limit=4, cursor=cursor)
        seen += [item["status"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [state.value for state in DeliveryState]


@pytest.mark.parametrize("state", DeliveryState)
async def test_deliveries_are_filtered_by_their_state(
    state: DeliveryState, api: Api, campaign: Campaign
) -> None:
    async with api.request("GET", f"{campaign.path}/deliveries?status={state.value}") as answer:
        page = await answer.json()
    assert [item["status"] for item in page["items"]] == [state.value]


async def test_a_state_that_there_is_not_is_refused_with_those_there_are(
    api: Api, campaign: Campaign
) -> None:
    async with api.request("GET", f"{campaign.path}/deliveries?status=lost") as answer:
        assert answer.status == 422
        error = (await answer.json())["error"]
    assert error["code"] == "unknown_status"
    assert all(state.value in error["message"] for state in DeliveryState)


async def test_the_report_has_a_line_per_contact(api: Api, campaign: Campaign) -> None:
    text, rows = await csv_of(api, campaign.path)
    assert text.startswith("\ufeff")  # without which Excel would not read the accents
    assert tuple(rows[0]) == service.REPORT_COLUMNS
    assert [row["status"] for row in rows] == [state.value for state in DeliveryState]


async def test_the_report_is_whole_however_many_pieces_it_is_read_in(
    api: Api, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await csv_of(api, campaign.path)
    monkeypatch.setattr(service, "REPORT_BATCH", 3)
    assert await csv_of(api, campaign.path) == whole


async def test_a_report_s_times_are_the_workspace_s_and_its_cells_are_no_formulas(
    api: Api, campaign: Campaign, runtime: Runtime, workspace: WorkspaceId
) -> None:
    contact = await api(
        "POST",
        "contacts",
        {"phone": "31 98888-0001", "name": '=HYPERLINK("http://x"), "José"\nda Silva'},
        status=201,
    )
    async with runtime.db.workspace(workspace) as tx:
        await tx.run(
            "UPDATE delivery SET contact_id = %(contact)s, sent_at = '2026-01-05T12:00:00Z',"
            " error_detail = '@SUM(A1)', error_code = '131026', attempts = 2"
            " WHERE run_id = (SELECT max(id) FROM run) AND status = 'failed'",
            contact=contact["id"],
        )
    _, rows = await csv_of(api, campaign.path)
    [row] = [row for row in rows if row["contact_id"] == str(contact["id"])]
    assert row["sent_at"] == "2026-01-05T09:00:00-03:00"
    assert row["name"] == '\'=HYPERLINK("http://x"), "José"\nda Silva'
    assert row["error_detail"] == "'@SUM(A1)"
    assert (row["error_code"], row["attempts"]) == ("131026", "2")
    assert row["phone"].startswith("+55")
    shown: dict[str, Any] = next(
        item
        for item in (await api("GET", f"{campaign.path}/deliveries"))["items"]
        if item["contact_id"] == contact["id"]
    )
    assert shown["name"].startswith("=HYPERLINK")
    assert shown["sent_at"] == "2026-01-05T12:00:00Z"


async def test_a_campaign_that_never_ran_has_a_report_without_lines(
    api: Api, runtime: Runtime, workspace: WorkspaceId
) -> None:
    made = await api("POST", "campaigns", await wish(runtime, workspace), status=201)
    text, rows = await csv_of(api, f"campaigns/{made['id']}")
    assert rows == []
    assert text.startswith("\ufeffcontact_id,name,phone,status")
