"""What is asked of a channel's provider for a person: files, templates, the number itself."""

import asyncio
import mimetypes
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.status import HTTP_201_CREATED

from recado.api import uploads
from recado.api.access import Access, Operator, Viewer
from recado.domain.errors import InvalidInput
from recado.domain.ids import ChannelId
from recado.features.channels import files, service
from recado.features.channels.service import OpenChannel, opened_channel
from recado.features.templates import service as templates
from recado.platform import clock
from recado.providers.base import Transport, Upload
from recado.providers.content import MediaKind

MOST_MEGABYTES = 100  # Meta: the largest document

router = APIRouter(prefix="/api/v1/channels", tags=["channels"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "media_type"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "media_type": {"type": "string", "enum": list(get_args(MediaKind))},
                        "mime_type": {
                            "type": "string",
                            "description": "what the file is; else told by its name",
                        },
                    },
                }
            }
        },
    }
}


class Uploaded(BaseModel):
    """A file that is with the provider."""

    id: str = Field(description="the media_id of contents sent through this channel")
    expires_at: datetime
    reused: bool = Field(description="the same file was there already")


class TemplateShown(BaseModel):
    """A template as the provider lists it, and what a campaign must give it."""

    id: str
    name: str
    language: str
    status: str = Field(description="APPROVED may be sent")
    paused_until: datetime | None = Field(description="when a pause ends, where that is known")
    category: str
    quality: str
    rejected_reason: str
    body: str
    named: bool = Field(description="whether its variables have names")
    header: str | None = Field(description="text, image, video, document, location or nothing")
    variables: list[str]
    buttons: list[dict[str, Any]] = Field(description="those that take a value: index and type")


class TemplatesShown(BaseModel):
    """All templates of the channel's account."""

    synced_at: datetime | None = Field(description="as of when; null: never asked for")
    items: list[TemplateShown]


class NumberShown(BaseModel):
    """The number as its provider knows it; empty where it tells nothing."""

    display_number: str
    name: str
    status: str
    quality: str
    throughput: str
    tier: str
    people: int | None = Field(description="whom it may reach in 24 hours; null is any")


@router.post("/{channel_id}/media", status_code=HTTP_201_CREATED, openapi_extra=_BODY)
async def upload_media(request: Request, access: Operator, channel_id: Id) -> Uploaded:
    """Hand over a file for campaigns; the same one again gives the same id while it is good."""
    channel = await _channel(access, channel_id)
    async with uploads.receive(request, most_megabytes=MOST_MEGABYTES) as received:
        kind = _kind(received.fields.get("media_type"))
        told = received.fields.get("mime_type") or mimetypes.guess_type(received.filename)[0]
        content = await asyncio.to_thread(received.path.read_bytes)
    mime_type = (told or "application/octet-stream").partition(";")[0].strip().lower()
    file = Upload(kind, mime_type, content, received.filename)
    found = await files.upload(
        access.runtime,
        _transport(request),
        workspace_id=access.workspace_id,
        channel=channel,
        file=file,
        now=clock.now(),
    )
    return Uploaded(id=found.id, expires_at=found.expires_at, reused=found.reused)


@router.get("/{channel_id}/templates")
async def list_templates(
    request: Request,
    access: Viewer,
    channel_id: Id,
    refresh: Annotated[
        bool, Query(description="ask the provider now; else what is stored is told")
    ] = True,
) -> TemplatesShown:
    """The templates of the channel's account, asked of the provider at this moment or stored."""
    channel = await _channel(access, channel_id)
    if refresh:
        await templates.refresh(access.runtime, _transport(request), access.workspace_id, channel)
    async with access.transaction() as tx:
        found = await templates.stored(tx, channel)
    return TemplatesShown(
        synced_at=found.synced_at, items=[_template(row) for row in found.templates]
    )


@router.get("/{channel_id}/number")
async def get_number(request: Request, access: Viewer, channel_id: Id) -> NumberShown:
    """Quality, tier and throughput, asked of the provider at this moment."""
    channel = await _channel(access, channel_id)
    info = await channel.adapter.number_info(_transport(request), channel.config)
    return NumberShown(
        display_number=info.display_number,
        name=info.name,
        status=info.status,
        quality=info.quality,
        throughput=info.throughput,
        tier=info.tier,
        people=info.people,
    )


async def _channel(access: Access, channel_id: int) -> OpenChannel:
    """Read before the provider is asked, so that no connection waits for its answer."""
    async with access.transaction() as tx:
        channel = await service.get(tx, ChannelId(channel_id))
        return opened_channel(channel, access.runtime)


def _template(row: Mapping[str, Any]) -> TemplateShown:
    slots = row["slots"]
    return TemplateShown(
        id=row["provider_id"],
        name=row["name"],
        language=row["language"],
        status=row["status"],
        paused_until=row["paused_until"],
        category=row["category"],
        quality=row["quality"],
        rejected_reason=row["reason"],
        body=row["body"],
        named=slots["named"],
        header=slots["header"],
        variables=slots["variables"],
        buttons=[{"index": index, "type": kind} for index, kind in slots["buttons"]],
    )


def _kind(given: str | None) -> MediaKind:
    for kind in get_args(MediaKind):
        if kind == given:
            known: MediaKind = kind
            return known
    raise InvalidInput(fields={"media_type": "one of " + ", ".join(get_args(MediaKind))})


def _transport(request: Request) -> Transport:
    transport: Transport = request.app.state.transport
    return transport
