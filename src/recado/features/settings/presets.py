"""A workspace's own presets of pacing: reading, saving and deleting them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from recado.domain import pacing, presets
from recado.domain.errors import Conflict, NotFound
from recado.domain.pacing import PRESETS, Pacing
from recado.features.settings import service
from recado.platform.postgres import Transaction
from recado.platform.sql import load

SQL = load(__package__ or "", "presets.sql")


class PresetInUse(Conflict):
    code = "preset_in_use"
    sentence = "The preset '{name}' is used by {users}. Give them another one first."


class TooManyPresets(Conflict):
    code = "too_many_presets"
    sentence = "A workspace has at most {most} presets of its own. Delete one first."


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset as people see it.

    Attributes:
        name: Of the workspace's own choice, or of the product's.
        built_in: It is the product's.
        given: The keys that it was made of; none for a built-in one.
        pacing: Every key under its outside name.
    """

    name: str
    built_in: bool
    given: Mapping[str, Any]
    pacing: Mapping[str, Any]


async def everyone(tx: Transaction) -> list[Preset]:
    """The built-in presets in their order, then the workspace's own by name."""
    saved = await service.saved(tx)
    own = presets.own(saved)
    return [
        Preset(name, name not in own, own.get(name, {}), pacing.shown(values))
        for name, values in presets.known(saved).items()
    ]


async def presets_for(tx: Transaction, wish: Mapping[str, Any] | None) -> Mapping[str, Pacing]:
    """The presets that a wish may name; the workspace's own are read only where it may mean one."""
    name = None if wish is None else wish.get("preset")
    if not isinstance(name, str) or name in PRESETS:
        return PRESETS
    return presets.known(await service.saved(tx))


async def save(tx: Transaction, name: str, given: Mapping[str, Any]) -> Preset:
    """Make an own preset or change it; who uses it goes by it from the next message on.

    Raises:
        InvalidPresetName, BuiltInPreset: It cannot have this name.
        InvalidPacing: A key or a value is wrong.
        TooManyPresets: There are 100 already.
    """
    presets.check_name(name)
    keys = presets.checked(given)
    before = presets.own(await service.saved(tx))
    if name not in before and len(before) >= presets.MOST:
        raise TooManyPresets(most=presets.MOST)
    await tx.run(
        SQL["save"], workspace_id=tx.workspace_id, key=presets.PREFIX + name, value=Jsonb(keys)
    )
    return Preset(name, built_in=False, given=keys, pacing=_shown(keys))


async def delete(tx: Transaction, name: str) -> None:
    """Delete an own preset that no channel and no campaign needs any more.

    A draft, or a campaign that has ended, may still name it: should that be sent, then as carefully
    as ``conservative`` says.

    Raises:
        BuiltInPreset: It is the product's.
        NotFound: There is none of this name.
        PresetInUse: Channels, or campaigns on their way, go by it.
    """
    if name in PRESETS:
        raise presets.BuiltInPreset(name=name)
    if name not in presets.own(await service.saved(tx)):
        raise NotFound("preset")
    rows = await tx.all(SQL["users"], workspace_id=tx.workspace_id, name=name)
    if rows:
        raise PresetInUse(name=name, users=", ".join(f"'{row['name']}'" for row in rows))
    await tx.run(SQL["delete"], workspace_id=tx.workspace_id, key=presets.PREFIX + name)


def _shown(keys: Mapping[str, Any]) -> dict[str, Any]:
    return pacing.shown(pacing.apply(pacing.CONSERVATIVE, keys))
