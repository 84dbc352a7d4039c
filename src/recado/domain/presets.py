"""A workspace's own presets of pacing: how they are named, kept and laid beside the built-in ones.

They stand among the workspace's settings, under ``preset:`` and the name, so that whoever reads the
settings has them as well.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from recado.domain.errors import Conflict, InvalidInput
from recado.domain.pacing import CONSERVATIVE, PRESETS, Pacing, apply, validated

PREFIX: Final = "preset:"
MOST: Final = 100
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class InvalidPresetName(InvalidInput):
    code = "invalid_preset_name"
    sentence = (
        "'{name}' cannot be the name of a preset. Use up to 40 lower-case letters, digits, hyphens "
        "and underscores."
    )


class BuiltInPreset(Conflict):
    code = "built_in_preset"
    sentence = "'{name}' is a built-in preset and stays as it is. Choose another name."


def check_name(name: str) -> None:
    """Raises InvalidPresetName, or BuiltInPreset where the name is taken for good."""
    if name in PRESETS:
        raise BuiltInPreset(name=name)
    if not _NAME.fullmatch(name):
        raise InvalidPresetName(name=name)


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an own preset, as they came; what they leave unsaid is as in ``conservative``.

    The key ``preset`` names another built-in one to start from. An own one it cannot be: what a
    preset means would then change behind one's back.

    Raises:
        InvalidPacing: An unknown key or preset, or a value out of range.
    """
    return validated(given)


def own(saved: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The keys of each own preset among a workspace's saved settings, by name, in order."""
    return {key.removeprefix(PREFIX): saved[key] for key in sorted(saved) if key.startswith(PREFIX)}


def known(saved: Mapping[str, Any]) -> Mapping[str, Pacing]:
    """All presets of a workspace with these settings: the built-in ones, then its own."""
    return {
        **PRESETS,
        **{name: apply(CONSERVATIVE, keys) for name, keys in own(saved).items()},
    }
