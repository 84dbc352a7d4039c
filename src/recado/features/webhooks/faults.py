"""Failures that a callback reports and that say more than that one message failed.

Meta tells of an account that may not send, or of a template that was taken away, mostly like this:
the message was accepted, and failed a moment later.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from recado.domain.ids import ChannelId, RunId, WorkspaceId
from recado.domain.retry import RULES, ErrorClass, Verdict
from recado.features.dispatch import consequences
from recado.platform import clock
from recado.platform.runtime import Runtime
from recado.providers.base import ProviderFault, StatusEvent

# A callback may be repeated for days; somebody may have mended it long ago.
NEWS_FOR = timedelta(minutes=10)

OF_CAMPAIGN: Final = [
    kind.value for kind in ErrorClass if RULES[kind].verdict is Verdict.PAUSE_CAMPAIGN
]


async def heed(
    runtime: Runtime,
    workspace_id: WorkspaceId,
    reports: Sequence[tuple[ChannelId, StatusEvent]],
    moved: Sequence[Mapping[str, Any]],
) -> None:
    """Pause what would fail alike: the channel until a person has checked it, or the campaign."""
    since = clock.now() - NEWS_FOR
    broken: dict[ChannelId, ProviderFault] = {}
    for channel_id, event in reports:
        fault = event.fault
        if event.status != "failed" or fault is None or event.at < since:
            continue
        if RULES[fault.error_class].verdict is Verdict.PAUSE_CHANNEL:
            broken[channel_id] = fault
    for channel_id, fault in broken.items():
        await consequences.pause_channel(
            runtime,
            workspace_id,
            channel_id,
            f"{fault.code}: {fault.detail}",
            error_class=fault.error_class,
        )
    for row in moved:
        if row["campaign_fault"] is not None and row["failed_at"] >= since:
            await consequences.pause_run(
                runtime,
                workspace_id,
                RunId(row["run_id"]),
                row["campaign_fault"],
                template_at=row["template_failed_at"],
            )
