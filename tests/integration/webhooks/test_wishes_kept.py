"""A wish is kept for the person who had it, whatever becomes of their contact meanwhile."""

from tests.integration.api.product import Api
from tests.integration.webhooks.calling import Number, send
from tests.integration.webhooks.test_wishes import (
    NOON,
    digits_of,
    holds,
    refused,
    tell,
)

from recado.platform.runtime import Runtime


async def test_a_refusal_told_late_counts_for_who_was_deleted_and_added_again(
    runtime: Runtime, number: Number, api: Api
) -> None:
    sent = await send(runtime, number)
    digits = await digits_of(runtime, number, sent)
    await api("DELETE", f"contacts/{sent.contact}", status=204)
    again = await api("POST", "contacts", {"phone": f"+{digits}"}, status=201)
    await tell(runtime, number, statuses=[{**refused(sent), "recipient_id": digits}])
    assert await holds(runtime, number, again["id"]) == (NOON, "provider_error")
