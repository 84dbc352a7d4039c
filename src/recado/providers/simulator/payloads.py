"""The body by which the simulator learns of a number; all others are Meta's."""

import msgspec

from recado.providers.base import Config

_TOLD = ("phone_number_id", "waba_id", "access_token", "app_secret", "verify_token")


def registration(config: Config, callback_url: str) -> bytes:
    """A number, its credentials and where to call back."""
    known = {name: config[name] for name in _TOLD}
    return msgspec.json.encode({"provider": "meta", **known, "callback_url": callback_url})
