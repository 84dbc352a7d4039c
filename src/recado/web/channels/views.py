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
from recado.web.channels import labels
from recado.web.templating import language_of, render
from recado.web.visit import runtime_of, signed_in, visit_of

PER_PAGE: Final = 50
_DIGITS: Final = 18  # of a bigint, any of them

# What the dots of campaigns' states look like, which these share.
_DOTS: Final[Mapping[str, str]] = {
    "connected": "completed",
    "connecting": "pending",
    "disconnected": "failed",
    "blocked": "failed",
    "paused": "paused",
}
_QUALITY_DOTS: Final[Mapping[str, str]] = {"YELLOW": "paused", "RED": "failed"}


@dataclass(frozen=True, slots=True)
class Row:
    """One channel as the list shows it; empty where there is nothing to tell."""

    name: str
    provider: str
    number: str
    dot: str
    status: str
    said: list[str]
    advice: str
    until: datetime | None
    quality: str
    quality_dot: str
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
        return Row(
            name=channel.name,
            provider=words(labels.PROVIDERS, channel.provider),
            number=_number(channel),
            dot=_DOTS[labels.state(channel)],
            status=labels.state_name(language, channel),
            said=labels.said(language, channel),
            advice=labels.advice(language, channel),
            until=channel.paused_until if channel.paused_reason else None,
            quality=words(labels.QUALITY, channel.quality or ""),
            quality_dot=_QUALITY_DOTS.get(channel.quality or "", ""),
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


def _number(channel: Channel) -> str:
    """The number as the provider writes it; bare digits are one with its country's code."""
    number = channel.display_number or ""
    return f"+{number}" if number.isdigit() else number


def _position(text: str | None) -> int | None:
    """Where a page of the list begins; anything that is no number means its start."""
    known = text and text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if text and known else None


def routes() -> list[Route]:
    """The address of this page."""
    return [Route("/channels", signed_in(index), methods=["GET"])]
