"""A workspace's settings of campaigns: what they are called outside, and what values they take."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recado.domain import pacing
from recado.domain.errors import InvalidInput
from recado.domain.pacing import PRESETS

MOST_TAGS: Final = 100
LONGEST_TAG: Final = 100
_ADDRESS: Final = re.compile(r"https?://[0-9A-Za-z.:_\[\]-]{1,250}(?:[/?#][!-~]{0,240})?")
LONGEST_GRACE_MINUTES: Final = 24 * 60
MOST_DAILY: Final = 1_000


class InvalidSettings(InvalidInput):
    code = "invalid_settings"
    sentence = "The settings are not valid. Correct the fields named; the known keys are: {known}."


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting beside the keys of pacing."""

    default: Any
    fits: Callable[[Any], bool]
    expected: str


def _tags(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_TAGS
        and all(isinstance(tag, str) and 0 < len(tag.strip()) <= LONGEST_TAG for tag in value)
    )


def _whole(least: int, most: int) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return fits


def _none_or(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _address(value: Any) -> bool:
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


SETTINGS: Final[Mapping[str, Setting]] = {
    "suppressionTagNames": Setting(["DNC", "OPT-OUT", "STOP"], _tags, "a list of tags"),
    "perContactDaily": Setting(
        None, _none_or(_whole(1, MOST_DAILY)), f"a whole number from 1 to {MOST_DAILY}, or null"
    ),
    "unknownGraceMinutes": Setting(
        15, _whole(0, LONGEST_GRACE_MINUTES), f"whole minutes from 0 to {LONGEST_GRACE_MINUTES}"
    ),
    "notificationsWebhook": Setting(
        None, _none_or(_address), "an http or https address without a password, or null"
    ),
    "resendUnknown": Setting(False, lambda value: isinstance(value, bool), "true or false"),
}
"""Besides these, every key of pacing may be set: it holds for all channels that do not set it."""

KEYS: Final = (*pacing.KEYS, *SETTINGS)


def validated(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Some settings from outside, checked.

    Raises:
        InvalidSettings: An unknown key or a value out of range; ``fields`` says which.
    """
    wrong: dict[str, str] = {}
    for key, value in raw.items():
        setting = SETTINGS.get(key)
        if setting is not None:
            if not setting.fits(value):
                wrong[key] = setting.expected
        elif key in pacing.KEYS:
            try:
                pacing.validated({key: value})
            except pacing.InvalidPacing as error:
                wrong[key] = next(iter(error.fields.values()))
        else:
            wrong[key] = "unknown key"
    if wrong:
        raise InvalidSettings(fields=wrong, known=", ".join(KEYS))
    return dict(raw)


def shown(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting: as saved, or as it is by default."""
    defaults = {
        **pacing.shown(PRESETS["conservative"]),
        **{key: setting.default for key, setting in SETTINGS.items()},
    }
    return {key: saved.get(key, default) for key, default in defaults.items()}
