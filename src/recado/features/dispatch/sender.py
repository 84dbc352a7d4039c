"""Sending one message, and deciding what its outcome makes of the delivery."""

import random
import time
from datetime import datetime, timedelta

from recado.domain import retry, splitting
from recado.domain.deliveries import DeliveryState
from recado.domain.retry import ErrorClass
from recado.features.dispatch.plans import Ready
from recado.features.dispatch.records import Result
from recado.platform import clock, logging, metrics
from recado.providers.base import Accepted, Outcome, ProviderFault, Refused, Transport, Unsure

log = logging.get(__name__)

GRANT_EXPIRED = "grant_expired"


class Sender:
    """Hands messages to the channel's provider and turns what happens into results."""

    def __init__(self, transport: Transport, timeout: float) -> None:
        """``timeout``: seconds for one request; then its outcome is unknown."""
        self._transport = transport
        self._timeout = timeout

    async def send(self, ready: Ready, write_before: float) -> Result | None:
        """Send one message; None if its grant died before it could be written. Never raises."""
        provider, begun = ready.channel.adapter.name, time.monotonic()
        result = await self._try(ready, write_before)
        if result is not None:
            metrics.SENDS.labels(provider, result.result).inc()
            metrics.SEND_SECONDS.labels(provider).observe(time.monotonic() - begun)
        return result

    async def _try(self, ready: Ready, write_before: float) -> Result | None:
        try:
            outcome = await ready.channel.adapter.send(
                self._transport,
                ready.channel.config,
                ready.message,
                write_before=write_before,
                timeout=self._timeout,
            )
            if isinstance(outcome, Refused) and outcome.fault.code == GRANT_EXPIRED:
                return None
            return _result(ready, outcome)
        except Exception as error:
            # Whatever went wrong here, the request may be out: never send it again by ourselves.
            log.exception("send failed", reference=ready.message.reference)
            return unsure(ready, "internal", type(error).__name__)


def unsure(ready: Ready, code: str, detail: str) -> Result:
    """The result of a request that may be out, and of which we know nothing."""
    return Result(
        reference=ready.claim.reference,
        contact_id=ready.claim.contact_id,
        run_id=ready.claim.run_id,
        result="unknown",
        status=DeliveryState.UNKNOWN,
        fault=ProviderFault(code, ErrorClass.NETWORK_UNSURE, detail),
    )


def _follows_at(text: str | None) -> datetime | None:
    """When the next part may leave: after as long as a person would need to type it."""
    if text is None:
        return None
    pause = splitting.pause_between(text, random.random())  # noqa: S311 - no secret
    return clock.now() + timedelta(seconds=pause)


def _result(ready: Ready, outcome: Outcome) -> Result:
    if isinstance(outcome, Accepted):
        return Result(
            reference=ready.claim.reference,
            contact_id=ready.claim.contact_id,
            run_id=ready.claim.run_id,
            result="accepted",
            status=DeliveryState.SENT,
            provider_id=outcome.provider_id,
            wa_id=outcome.wa_id,
            held=outcome.held,
            last_part=ready.following is None,
            due_at=_follows_at(ready.following),
        )
    fault, now = outcome.fault, clock.now()
    # What may have left is never sent again from here: a callback may tell of it. See unknowns.py.
    decision = retry.decide(
        fault.error_class,
        attempts=ready.claim.attempts + 1,
        now=now,
        jitter=random.random(),  # noqa: S311 - jitter is no secret
        retry_after=fault.retry_after,
        recent=[*ready.claim.recent, now],
    )
    return Result(
        reference=ready.claim.reference,
        contact_id=ready.claim.contact_id,
        run_id=ready.claim.run_id,
        result="unknown" if isinstance(outcome, Unsure) else "refused",
        status=decision.status,
        fault=fault,
        decision=decision,
        left=fault.error_class is not ErrorClass.NETWORK_NOT_SENT,
    )
