"""Seeing channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recado.features.channels import service
from recado.features.channels.models import Channel
from recado.platform.i18n import mark
from recado.web.templating import language_of, render
from recado.web.visit import runtime_of, signed_in, visit_of

PER_PAGE: Final = 50
_DIGITS: Final = 18  # of a bigint, any of them

STATUS: Final[Mapping[str, str]] = {
    "connected": mark("Connected"),
    "connecting": mark("Connecting"),
    "disconnected": mark("Disconnected"),
    "blocked": mark("Blocked"),
    "paused": mark("Paused"),
}
QUALITY: Final[Mapping[str, str]] = {
    "GREEN": mark("High"),
    "YELLOW": mark("Medium"),
    "RED": mark("Low"),
}
# What the dots of campaigns' states look like, which these share.
_DOTS: Final[Mapping[str, str]] = {
    "connected": "completed",
    "connecting": "running",
    "disconnected": "failed",
    "blocked": "failed",
    "paused": "paused",
}
_PROVIDERS: Final[Mapping[str, str]] = {
    "meta": "Meta Cloud API",
    "evolution": "Evolution API",
    "uazapi": "uazapi",
    "simulator": mark("Simulator"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One channel as the list shows it; empty where there is nothing to tell."""

    name: str
    provider: str
    number: str
    dot: str
    status: str
    detail: str
    until: datetime | None
    quality: str
    tier: int | None
    preset: str


async def index(request: Request) -> Response:
    """The channels, the oldest first."""
    runtime, visit, language = runtime_of(request), visit_of(request), language_of(request)
    if visit is None:
        raise LookupError("this view must stand behind signed_in")
    after = _position(request.query_params.get("after"))
    async with runtime.db.workspace(visit.person.workspace_id) as tx:
        found = await service.everyone(tx, limit=PER_PAGE + 1, after=after)
    shown = found[:PER_PAGE]

    def words(table: Mapping[str, str], value: str) -> str:
        return language.gettext(table[value]) if value in table else value

    def row(channel: Channel) -> Row:
        state = "paused" if _only_paused(channel) else channel.status
        return Row(
            name=channel.name,
            provider=words(_PROVIDERS, channel.provider),
            number=channel.display_number or "",
            dot=_DOTS[state],
            status=words(STATUS, state),
            detail=channel.paused_reason or _beside(channel),
            until=channel.paused_until if channel.paused_reason else None,
            quality=words(QUALITY, channel.quality or ""),
            tier=channel.tier,
            preset=channel.pacing.get("preset", ""),
        )

    return render(
        request,
        "channels/list.html",
        channels=[row(channel) for channel in shown],
        next=f"/channels?after={shown[-1].id}" if len(found) > PER_PAGE else None,
        later=after is not None,
    )


def _beside(channel: Channel) -> str:
    """What the provider says of the state, where that is more than its name."""
    detail = channel.status_detail or ""
    return "" if detail.lower() == channel.status else detail


def _only_paused(channel: Channel) -> bool:
    return channel.status == "connected" and channel.paused_reason is not None


def _position(text: str | None) -> int | None:
    """Where a page of the list begins; anything that is no number means its start."""
    known = text and text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if text and known else None


def routes() -> list[Route]:
    """The address of this page."""
    return [Route("/channels", signed_in(index), methods=["GET"])]
