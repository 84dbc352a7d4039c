"""Seeing campaigns, and starting, pausing, resuming and cancelling one."""

import json
from collections.abc import Awaitable, Callable
from datetime import tzinfo
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from recado.domain.errors import Conflict, NotFound
from recado.domain.ids import CampaignId
from recado.domain.runs import RunState
from recado.domain.transitions import NotAllowed
from recado.features.campaigns import preflight, service
from recado.features.campaigns import progress as progress_of
from recado.features.campaigns.schemas import Progress
from recado.features.channels import service as channels
from recado.features.reports import pace
from recado.features.reports.pace import Pace
from recado.features.users.roles import Role
from recado.platform import clock
from recado.platform.i18n import Translator
from recado.platform.postgres import Transaction
from recado.web.campaigns import deliveries, labels, models
from recado.web.templating import language_of, render, wants_fragment
from recado.web.visit import Visit, runtime_of, signed_in, visit_of

PER_PAGE: Final = 20
_ALL: Final = 1000  # channels; a campaign names a hundred at most
_LARGEST_ID: Final = 2**63 - 1
_NOT_BEGUN: Final = frozenset({RunState.DRAFT, RunState.SCHEDULED})
_DIGITS: Final = 18  # of a bigint, any of them

_ACTIONS: Final[dict[str, Callable[..., Awaitable[object]]]] = {
    "start": service.start,
    "pause": service.pause,
    "resume": service.resume,
    "cancel": service.cancel,
}


class TooLate(Conflict):
    code = "too_late"
    sentence = "The campaign is in the state “{state}” by now, so this is no longer possible."


async def index(request: Request) -> Response:
    """The campaigns, the newest first."""
    runtime, language, visit = runtime_of(request), language_of(request), _visit(request)
    before = _position(request.query_params.get("before"))
    status = request.query_params.get("status", "")
    status = status if status in labels.CAMPAIGN else ""
    workspace = visit.person.workspace_id
    async with runtime.db.workspace(workspace) as tx:
        found = await service.everyone(tx, limit=PER_PAGE + 1, before=before, status=status or None)
    shown = found[:PER_PAGE]
    ids = [CampaignId(campaign.id) for campaign in shown]
    now = clock.now()
    progress = {
        one.campaign_id: one for one in await progress_of.of_many(runtime, workspace, ids, now)
    }
    rows = [
        models.row(language, campaign, progress[campaign.id])
        for campaign in shown
        if campaign.id in progress
    ]
    first = f"/campaigns?status={status}" if status else "/campaigns"
    join = "&" if status else "?"
    page = models.Campaigns(
        status=status,
        rows=rows,
        first=first,
        next=f"{first}{join}before={shown[-1].id}" if len(found) > PER_PAGE else None,
        later=before is not None,
    )
    return render(
        request,
        "campaigns/list.html",
        block="campaigns" if wants_fragment(request) else None,
        campaigns=page,
        campaign_labels=models.translated(language, labels.CAMPAIGN),
    )


async def show(request: Request) -> Response:
    """One campaign; only its table of deliveries where the page's script asks for that."""
    runtime, language, visit = runtime_of(request), language_of(request), _visit(request)
    campaign_id, fragment = _campaign_id(request), wants_fragment(request)
    async with runtime.db.workspace(visit.person.workspace_id) as tx:
        heading = await _heading(tx, campaign_id, language, visit.timezone)
        place = deliveries.Place.read(request.query_params)
        table = await deliveries.page(tx, campaign_id, place, language)
        so_far = Pace() if fragment else await pace.so_far(tx, campaign_id, clock.now())
        ahead = models.Ahead()
        if heading.status in _NOT_BEGUN and not fragment:
            found = await preflight.of(tx, campaign_id, clock.now())
            ahead = models.ahead(language, found)
    progress = await _progress(request, visit)
    return render(
        request,
        "campaigns/detail.html",
        block="deliveries" if fragment else None,
        campaign=heading,
        deliveries=table,
        waiting_text=models.waiting_text(language, progress, visit.timezone, clock.now()),
        ahead=ahead,
        **models.progress_context(language, progress, so_far),
    )


async def act(request: Request, *, action: str) -> Response:
    """Start, pause, resume or cancel; the page's script gets the progress that results."""
    runtime, visit = runtime_of(request), _visit(request)
    campaign_id = _campaign_id(request)
    try:
        async with runtime.db.workspace(visit.person.workspace_id) as tx:
            await _ACTIONS[action](tx, runtime, campaign_id, clock.now())
    except NotAllowed as error:
        state = language_of(request).gettext(labels.CAMPAIGN[error.state.value])
        raise TooLate(state=state) from error
    if "hx-request" not in request.headers:
        return RedirectResponse(f"/campaigns/{campaign_id}", status_code=303)
    progress = await _progress(request, visit)
    # One level down: htmx takes a detail with the key "cancelled" for an event that was cancelled.
    event = {"campaign-progress": {"progress": progress.model_dump(mode="json")}}
    return Response(status_code=204, headers={"HX-Trigger": json.dumps(event)})


async def _heading(
    tx: Transaction, campaign_id: CampaignId, language: Translator, zone: tzinfo
) -> models.Heading:
    campaign = await service.get(tx, campaign_id)
    used = [
        await channels.get(tx, channel) for channel in await service.channels_of(tx, campaign_id)
    ]
    return models.heading(language, campaign, used, zone)


async def _progress(request: Request, visit: Visit) -> Progress:
    return await progress_of.of(
        runtime_of(request), visit.person.workspace_id, _campaign_id(request), clock.now()
    )


def _visit(request: Request) -> Visit:
    visit = visit_of(request)
    if visit is None:
        raise LookupError("this view must stand behind signed_in")
    return visit


def _campaign_id(request: Request) -> CampaignId:
    number: int = request.path_params["campaign_id"]
    if number > _LARGEST_ID:
        raise NotFound("campaign")
    return CampaignId(number)


def _position(text: str | None) -> int | None:
    """Where a page of the list begins; anything that is no number means its start."""
    return (
        int(text) if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
    )


def routes() -> list[Route]:
    """The addresses of these pages."""
    one = "/campaigns/{campaign_id:int}"
    actions = [
        Route(
            f"{one}/{action}",
            signed_in(partial(act, action=action), role=Role.OPERATOR),
            methods=["POST"],
        )
        for action in _ACTIONS
    ]
    return [
        Route("/campaigns", signed_in(index), methods=["GET"]),
        Route(one, signed_in(show), methods=["GET"]),
        *actions,
    ]
