"""What the states of channels are called on pages; translated where they are shown."""

import re
from collections.abc import Mapping
from typing import Final

from recado.features.channels.models import Channel
from recado.platform.i18n import Translator, mark
from recado.providers.registry import provider as provider_named

PROVIDERS: Final[Mapping[str, str]] = {
    "meta": "Meta Cloud API",
    "evolution": "Evolution API",
    "uazapi": "uazapi",
    "simulator": mark("Simulator"),
}
QUALITY: Final[Mapping[str, str]] = {
    "GREEN": mark("High"),
    "YELLOW": mark("Medium"),
    "RED": mark("Low"),
}
_STATUS: Final[Mapping[str, str]] = {
    "connected": mark("Connected"),
    "connecting": mark("Connecting"),
    "disconnected": mark("Disconnected"),
    "blocked": mark("Blocked"),
}
_REASONS: Final[Mapping[str, str]] = {
    "errors_in_a_row": mark("Several messages in a row have failed."),
    "provider_asked_to_wait": mark("The provider asked to wait."),
}
_NO_PHONE: Final = mark(
    "No phone is linked. Connect one through the API (POST /api/v1/channels/{id}/login); the "
    "channel then goes on by itself."
)
_LINK: Final = mark("Scan the picture, or type the code, on the phone.")
_REGISTER: Final = mark("Finish the number's registration at the provider, then check the channel.")
_MEND: Final = mark("Mend this at the provider or in the channel, then check the channel.")

_GONE: Final = "disconnected"
# A state's name, such as "open", "401" or "CONNECTED", tells no more than the state itself.
_STATE: Final = re.compile(r"[\w-]*")
_LOGGED_OUT: Final = "logged out"


def state(channel: Channel) -> str:
    """The state's key: ``paused`` where nothing but a pause keeps it from sending."""
    paused = channel.status == "connected" and channel.paused_reason is not None
    return "paused" if paused else channel.status


def state_name(language: Translator, channel: Channel) -> str:
    """What the state is called."""
    key = state(channel)
    if key == "paused":
        return language.pgettext("channel", "Paused")
    return language.gettext(_STATUS[key])


def said(language: Translator, channel: Channel) -> list[str]:
    """What is known of the state beyond its name: why it is paused, and the provider's words."""
    reason, detail = channel.paused_reason or "", channel.status_detail or ""
    if reason.startswith(_GONE):
        reason = reason.removeprefix(_GONE).removeprefix(": ")
    if reason in _REASONS:
        reason = language.gettext(_REASONS[reason])
    if channel.status == "connected" and ": " not in detail:
        detail = ""
    words = [text for text in (reason, detail) if not _STATE.fullmatch(text)]
    return list(dict.fromkeys(words))


def lacks_phone(channel: Channel) -> bool:
    """Whether the channel waits for a phone, and for nothing else that is known."""
    if channel.status != "disconnected":
        return False
    detail = channel.status_detail or ""
    bare = _STATE.fullmatch(detail) is not None or _LOGGED_OUT in detail.lower()
    return bare and provider_named(channel.provider).capabilities.connects_by_qr


def advice(language: Translator, channel: Channel) -> str:
    """What a person does next; empty where nothing is to be done."""
    if channel.status == "connecting":
        phones = provider_named(channel.provider).capabilities.connects_by_qr
        return language.gettext(_LINK if phones else _REGISTER)
    if lacks_phone(channel):
        return language.gettext(_NO_PHONE, id=channel.id)
    waits = channel.paused_reason is not None and channel.paused_until is None
    return language.gettext(_MEND) if waits or channel.status != "connected" else ""
