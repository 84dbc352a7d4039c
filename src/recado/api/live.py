"""Live progress, and news of conversations, over a WebSocket."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from recado.api.access import identify
from recado.domain.errors import NotFound, Unauthenticated
from recado.domain.ids import CampaignId
from recado.features.campaigns.schemas import Progress
from recado.features.reports.live import LiveHub

T = TypeVar("T")

router = APIRouter(prefix="/api/v1")

# WebSocket close codes of our own range; the fallback is GET …/progress.
CLOSE_UNAUTHENTICATED = 4401
CLOSE_NOT_FOUND = 4404


@router.websocket("/live")
async def live(
    socket: WebSocket, campaign: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
) -> None:
    """``{"type": "campaign.progress", …progress}`` at most every 2 s, the last one always.

    Without a campaign ``{"type": "inbox.message", "conversation_id"}`` for each conversation with
    news.
    """
    hub: LiveHub = socket.app.state.live
    await socket.accept()
    try:
        access = await identify(socket)
        if campaign is None:
            async with hub.watch_inbox(access.workspace_id) as news:
                await _tell(socket, news, _news)
            return
        async with hub.watch(access.workspace_id, CampaignId(campaign)) as states:
            await _tell(socket, states, _state)
    except Unauthenticated:
        await socket.close(CLOSE_UNAUTHENTICATED, "unauthenticated")
    except NotFound:
        await socket.close(CLOSE_NOT_FOUND, "not_found")


def _state(state: Progress) -> dict[str, Any]:
    return {"type": "campaign.progress", **state.model_dump(mode="json")}


def _news(conversation_id: int) -> dict[str, Any]:
    return {"type": "inbox.message", "conversation_id": conversation_id}


async def _tell(
    socket: WebSocket, states: asyncio.Queue[T], written: Callable[[T], dict[str, Any]]
) -> None:
    """Send what comes until the other side goes."""
    gone = asyncio.create_task(_until_gone(socket), name="socket")
    try:
        while not gone.done():
            state = asyncio.create_task(states.get(), name="state")
            await asyncio.wait({gone, state}, return_when=asyncio.FIRST_COMPLETED)
            if not state.done():
                state.cancel()
                break
            message = written(state.result())
            with suppress(WebSocketDisconnect, RuntimeError):
                await socket.send_json(message)
    finally:
        gone.cancel()
        if socket.client_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError):
                await socket.close()


async def _until_gone(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
