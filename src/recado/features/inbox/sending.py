"""Handing a message of a conversation over to the channel's provider.

Without the channel's lease, beside whoever drives it: what keeps the limits is the one call that
asks all of them, and what keeps a message from being sent twice is its row. It is claimed under the
row's lock, the try is on record before the request leaves, and what may have left is never sent
again by itself: a callback with its reference tells, or nobody does.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.errors import UniqueViolation
from redis.exceptions import RedisError

from recado.domain import retry
from recado.domain.deliveries import DeliveryState
from recado.domain.ids import DeliveryId, MessageId, Reference, RunId, WorkspaceId
from recado.domain.retry import ErrorClass, Verdict
from recado.features.dispatch import consequences
from recado.features.dispatch.departures import Answer
from recado.features.dispatch.mood import Mood
from recado.features.dispatch.records import Result
from recado.features.dispatch.sender import GRANT_EXPIRED
from recado.features.dispatch.transactions import AWAY, short
from recado.features.gates import service as gates
from recado.features.gates.service import GRANT_LIFE
from recado.features.inbox import claims, feed
from recado.features.inbox.claims import SQL, Claim
from recado.features.limits.asks import Asking
from recado.features.limits.entrance import Entrance
from recado.features.limits.limiter import AnswerLimiter, Closed
from recado.platform import clock, logging, metrics, outages
from recado.platform.runtime import Runtime
from recado.providers.base import Accepted, Outcome, ProviderFault, Refused, Transport, Unsure

log = logging.get(__name__)

SHORT_WAIT = 2.0  # seconds that are waited for a turn; for more the message comes again
FULL_WAIT = 0.05  # all slots are taken: nobody knows for how long
SERVER_AWAY = timedelta(seconds=2)
RETRY_SECONDS = 0.5
_ANSWERS = RunId(0)


@dataclass(frozen=True, slots=True)
class _Left:
    """What became of a request that was let pass."""

    outcome: Outcome
    left_at: datetime
    seconds: float


class Sending:
    """Sends messages of conversations, one at a time each."""

    def __init__(self, runtime: Runtime, transport: Transport, timeout: float) -> None:
        """``timeout``: seconds for one request; then its outcome is unknown."""
        self._runtime = runtime
        self._transport = transport
        self._timeout = timeout

    async def send(self, workspace_id: WorkspaceId, message_id: MessageId) -> datetime | None:
        """Try to send a message; returns when to try again, None if there is nothing left to do.

        Raises:
            What PostgreSQL raises while nothing has left.
        """
        if not await self._open_books(workspace_id, message_id):
            return clock.now() + SERVER_AWAY
        claimed = await claims.claim(self._runtime, workspace_id, message_id)
        if not isinstance(claimed, Claim):
            return claimed
        mood = Mood(self._runtime.redis, workspace_id, claimed.channel.id)
        mood.about(claimed.channel)
        limiter = AnswerLimiter(
            self._runtime.redis, workspace_id, claimed.channel.id, gated=not claimed.answers
        )
        try:
            held = await mood.permit(clock.now().timestamp())
            left = (
                clock.now() + timedelta(seconds=held)
                if held is not None
                else await self._leave(workspace_id, claimed, limiter)
            )
        except (RedisError, *AWAY) as error:  # nothing has left
            outages.met(error)
            left = clock.now() + SERVER_AWAY
        if isinstance(left, datetime):
            # By then a person may have changed what it waits for.
            due = min(left, clock.now() + claims.LOOK_AGAIN)
            mood.unused()
            await mood.save()
            await _insist(lambda: claims.release(self._runtime, workspace_id, claimed, due))
            return due
        result = _result(claimed, left)
        await self._record(workspace_id, claimed, result)
        try:
            await limiter.leave(claimed.reference)
        except (RedisError, OSError) as error:
            outages.REDIS.away(error)  # it is free after a minute
        metrics.SENDS.labels(claimed.channel.adapter.name, result.result).inc()
        mood.heard(Answer(result, claimed.channel.pacing, left.seconds, 1, clock.now()))
        await self._follow(workspace_id, claimed, mood, result)
        return result.decision.due_at if result.decision else None

    async def _open_books(self, workspace_id: WorkspaceId, message_id: MessageId) -> bool:
        """See that the limits of a message can be asked; False while Redis is away."""
        way = await claims.way(self._runtime, workspace_id, message_id)
        if way is None:
            return True
        channel_id, path = way
        limiter = AnswerLimiter(self._runtime.redis, workspace_id, channel_id, gated=False)
        entrance = Entrance(self._runtime, workspace_id, limiter)
        try:
            while await entrance.reserve([], {_ANSWERS: path}) is None:
                pass
        except (RedisError, OSError) as error:
            outages.REDIS.away(error)
            return False
        return True

    async def _leave(
        self, workspace_id: WorkspaceId, claimed: Claim, limiter: AnswerLimiter
    ) -> _Left | datetime:
        """Ask until it may leave, and send it at once; or until when it must wait."""
        entrance = Entrance(self._runtime, workspace_id, limiter)
        until = time.monotonic() + SHORT_WAIT
        while True:
            asking = Asking(
                claimed.reference,
                _ANSWERS,
                claimed.whom,
                claimed.answers,
                random.random(),  # noqa: S311 - no secret
            )
            write_before = time.monotonic() + GRANT_LIFE
            grant = await entrance.reserve([asking], {_ANSWERS: claimed.path})
            if grant is None:
                continue
            if grant.gated:
                return await self._shut_out(workspace_id, claimed, grant.gated[0])
            if grant.held:
                wait = grant.held[0].seconds or FULL_WAIT
                if time.monotonic() + wait > until:
                    return clock.now() + timedelta(seconds=wait)
                await asyncio.sleep(wait)
                continue
            begun = time.monotonic()
            outcome = await self._hand_over(claimed, write_before)
            if outcome is None:
                await limiter.take_back([claimed.reference], grant)
                continue
            return _Left(outcome, grant.left_at, time.monotonic() - begun)

    async def _hand_over(self, claimed: Claim, write_before: float) -> Outcome | None:
        """One request; None if its grant died before it could be written. Never raises."""
        channel = claimed.channel
        try:
            outcome = await channel.adapter.send(
                self._transport,
                channel.config,
                claimed.message,
                write_before=write_before,
                timeout=self._timeout,
            )
        except Exception as error:
            # Whatever went wrong here, the request may be out: never send it again by ourselves.
            log.exception("answer failed", reference=str(claimed.reference))
            fault = ProviderFault("internal", ErrorClass.NETWORK_UNSURE, type(error).__name__)
            return Unsure(fault)
        if isinstance(outcome, Refused) and outcome.fault.code == GRANT_EXPIRED:
            return None
        return outcome

    async def _shut_out(
        self, workspace_id: WorkspaceId, claimed: Claim, closed: Closed
    ) -> datetime:
        """Redis says that channel or contact is closed; PostgreSQL knows for certain."""
        async with self._runtime.db.workspace(workspace_id) as tx:
            is_open = await tx.value(
                SQL["open"],
                workspace_id=workspace_id,
                channel_id=claimed.channel.id,
                contact_id=claimed.contact_id,
            )
        if not is_open:
            return clock.now() + claims.LOOK_AGAIN
        await gates.reopen(self._runtime.redis, {closed.gate: closed.held})
        return clock.now()

    async def _record(self, workspace_id: WorkspaceId, claimed: Claim, result: Result) -> None:
        """What is known of a request must not be lost because PostgreSQL is away for a while."""
        fault, decision = result.fault, result.decision
        place = {"workspace_id": workspace_id, "id": claimed.reference.message_id}

        async def write() -> None:
            async with short(self._runtime.db, workspace_id) as tx:
                if result.provider_id:
                    await tx.run(
                        SQL["drop_echo"],
                        channel_id=claimed.channel.id,
                        provider_id=result.provider_id,
                        **place,
                    )
                await tx.run(
                    SQL["record"],
                    number=claimed.reference.attempt,
                    result=result.result,
                    status=result.status.value,
                    provider_id=result.provider_id,
                    left_at=result.left_at,
                    has_left=result.left,
                    counted=decision.counts if decision else True,
                    due=decision.due_at if decision else None,
                    code=fault.code if fault else None,
                    detail=fault.detail if fault else None,
                    **{"class": fault.error_class.value if fault else None},
                    **place,
                )
                if result.wa_id and claimed.contact_id:
                    await tx.run(
                        SQL["note_wa_id"],
                        workspace_id=workspace_id,
                        contact_id=claimed.contact_id,
                        wa_id=result.wa_id,
                    )

        try:
            await _insist(write)
        except UniqueViolation:  # its echo came at this very moment; now it is seen
            await _insist(write)

    async def _follow(
        self, workspace_id: WorkspaceId, claimed: Claim, mood: Mood, result: Result
    ) -> None:
        """What an outcome makes necessary: as a driver does after its own."""
        await mood.save()
        await consequences.follow(
            self._runtime,
            workspace_id,
            claimed.channel.id,
            [result],
            None,
            back_off_until=mood.pause_until,
        )
        await feed.publish(self._runtime.redis, workspace_id, [claimed.conversation_id])


async def _insist(action: Callable[[], Awaitable[None]]) -> None:
    """Do it, however long PostgreSQL is away."""
    while True:
        try:
            await action()
        except AWAY as error:
            outages.met(error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


def _result(claimed: Claim, left: _Left) -> Result:
    outcome = left.outcome
    # Of no delivery: what follows from outcomes goes by channel, contact and class.
    reference = Reference(DeliveryId(0), 1, claimed.reference.attempt)
    if isinstance(outcome, Accepted):
        return Result(
            reference=reference,
            contact_id=claimed.contact_id,
            run_id=None,
            result="accepted",
            status=DeliveryState.SENT,
            provider_id=outcome.provider_id,
            wa_id=outcome.wa_id,
            left_at=left.left_at,
        )
    fault, now = outcome.fault, clock.now()
    decided = retry.decide(
        fault.error_class,
        attempts=claimed.attempts + 1,
        now=now,
        jitter=random.random(),  # noqa: S311 - jitter is no secret
        retry_after=fault.retry_after,
    )
    # There is no campaign to pause: this message is wrong, and a person is told so.
    decision = None if decided.verdict is Verdict.PAUSE_CAMPAIGN else decided
    status = decision.status if decision else DeliveryState.FAILED
    if isinstance(outcome, Unsure):
        status = DeliveryState.UNKNOWN
    has_left = fault.error_class is not ErrorClass.NETWORK_NOT_SENT
    return Result(
        reference=reference,
        contact_id=claimed.contact_id,
        run_id=None,
        result="unknown" if isinstance(outcome, Unsure) else "refused",
        status=status,
        fault=fault,
        decision=decision,
        left=has_left,
        left_at=left.left_at if has_left else None,
    )
