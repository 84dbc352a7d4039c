"""Claims of a driver that is not there, and what might have become of them."""

from dataclasses import replace

from tests.integration.dispatch.driving import Number

from recado.domain import retry
from recado.domain.deliveries import DeliveryState
from recado.domain.ids import RunId
from recado.domain.retry import ErrorClass
from recado.features.dispatch.claims import Claim
from recado.features.dispatch.ledger import Ledger
from recado.features.dispatch.records import Result
from recado.platform import clock
from recado.providers.base import ProviderFault

BUSY = ProviderFault("130429", ErrorClass.THROTTLE_PAIR, "slower")
WRONG = ProviderFault("131026", ErrorClass.CONTACT_DEAD, "nobody there")


async def claimed(number: Number, count: int = 1) -> tuple[RunId, Ledger, list[Claim]]:
    """A run whose deliveries are all claimed by a driver."""
    run_id = await number.run(count)
    ledger = number.ledger()
    await ledger.take()
    claims = await ledger.claim(await ledger.plan(), count)
    assert len(claims) == count
    return run_id, ledger, claims


def accepted(claim: Claim, provider_id: str = "wamid.1", wa_id: str | None = None) -> Result:
    return Result(
        reference=claim.reference,
        contact_id=claim.contact_id,
        run_id=claim.run_id,
        result="accepted",
        status=DeliveryState.SENT,
        provider_id=provider_id,
        wa_id=wa_id,
    )


def refused(claim: Claim, fault: ProviderFault) -> Result:
    decision = retry.decide(
        fault.error_class, attempts=claim.attempts + 1, now=clock.now(), jitter=0
    )
    return replace(
        accepted(claim),
        result="refused",
        status=decision.status,
        provider_id=None,
        fault=fault,
        decision=decision,
    )
