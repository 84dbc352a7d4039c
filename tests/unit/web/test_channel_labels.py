"""What the page of channels says of their states, and what it has a person do."""

import pytest

from recado.features.channels.models import Channel
from recado.platform.i18n import translator
from recado.web.channels import labels

ENGLISH = translator("en")


def channel(
    status: str = "disconnected",
    detail: str | None = None,
    *,
    provider: str = "evolution",
    paused: str | None = None,
) -> Channel:
    return Channel(
        id=7,
        name="loja",
        provider=provider,
        status=status,
        status_detail=detail,
        paused_reason=paused,
        paused_until=None,
    )


@pytest.mark.parametrize(
    ("status", "detail"),
    [("connected", "open"), ("connected", "200"), ("connected", "CONNECTED"), ("connected", None)],
)
def test_a_connected_channel_says_nothing_more(status: str, detail: str | None) -> None:
    shown = channel(status, detail)
    assert (labels.said(ENGLISH, shown), labels.advice(ENGLISH, shown)) == ([], "")


def test_what_is_wrong_with_a_connected_channel_is_said() -> None:
    shown = channel("connected", "webhook: http_500: no room")
    assert labels.said(ENGLISH, shown) == ["webhook: http_500: no room"]


@pytest.mark.parametrize("detail", ["close", "401", "401: logged out from another device", None])
def test_a_channel_without_its_phone_asks_for_one(detail: str | None) -> None:
    shown = channel(detail=detail, paused=f"disconnected: {detail}")
    assert "/api/v1/channels/7/login" in labels.advice(ENGLISH, shown)


def test_a_wrong_key_is_no_missing_phone_and_is_said_once() -> None:
    shown = channel(detail="http_401: Unauthorized", paused="disconnected: http_401: Unauthorized")
    assert labels.said(ENGLISH, shown) == ["http_401: Unauthorized"]
    assert labels.advice(ENGLISH, shown).startswith("Mend this")


def test_a_pause_and_a_fault_beside_it_are_both_said() -> None:
    shown = channel(detail="190: token expired", provider="meta", paused="DISABLE: by the provider")
    assert labels.said(ENGLISH, shown) == ["DISABLE: by the provider", "190: token expired"]


def test_a_paused_channel_is_named_in_its_own_gender() -> None:
    shown = channel("connected", "open", paused="errors_in_a_row")
    portuguese = translator("pt_BR")
    assert labels.state_name(portuguese, shown) == "Pausado"
    assert labels.said(portuguese, shown) == ["Várias mensagens seguidas falharam."]


@pytest.mark.parametrize(
    ("provider", "beginning"), [("uazapi", "Scan the picture"), ("meta", "Finish the number's")]
)
def test_a_connecting_channel_says_what_is_left_to_do(provider: str, beginning: str) -> None:
    shown = channel("connecting", provider=provider)
    assert labels.advice(ENGLISH, shown).startswith(beginning)
