"""The people behind the numbers, as the providers that drive a WhatsApp account see them.

Who has an account, under which digits, and by which LID (WhatsApp's id that hides the number) is a
function of the number and the settings, so that all endpoints agree and a run repeats.
"""

from __future__ import annotations

import re
from functools import lru_cache

from recado.simulator.seeded import draw, portion
from recado.simulator.settings import Settings

USER = "@s.whatsapp.net"
GROUP = "@g.us"
LID = "@lid"

_NOT_DIGITS = re.compile(r"\D")
# Evolution takes what is longer than any phone number for the id of a group.
_GROUP_DIGITS = 18
_SHORTEST, _LONGEST = 8, 15
_LONG = 13
_SHORT = 12
_FIRST_SHORT_AREA = 31
_FAMILIES = ("Silva", "Souza", "Costa", "Lima", "Rocha", "Alves", "Dias", "Melo")
_NAMES = ("Ana", "Bruno", "Carla", "Davi", "Elisa", "Fábio", "Gilda", "Hugo")


def digits(given: str) -> str:
    """The digits of a number or a WhatsApp id, whatever stands between and behind them."""
    head = given.partition("@")[0].partition(":")[0]
    return head if head.isascii() and head.isdecimal() else _NOT_DIGITS.sub("", head)


def account(number: str) -> str:
    """The digits of the WhatsApp account behind a number (digits).

    Mexican and Argentine numbers of 13 digits lose the one behind the country code. Brazilian
    mobiles in area codes from 31 on lose their first digit when the next is 7 or more, as accounts
    made before the ninth digit never had it; the others have it even when it was left out.
    """
    if len(number) == _LONG and number[:2] in ("52", "54"):
        return number[:2] + number[3:]
    if number[:2] != "55":
        return number
    if len(number) == _LONG and int(number[2:4]) >= _FIRST_SHORT_AREA and number[5] >= "7":
        return number[:4] + number[5:]
    if len(number) == _SHORT and (
        number[4] == "6" or (number[4] >= "7" and int(number[2:4]) < _FIRST_SHORT_AREA)
    ):
        return f"{number[:4]}9{number[4:]}"
    return number


def jid(given: str) -> str:
    """The WhatsApp id that a number, or an id, of a person or a group stands for."""
    if given.endswith((GROUP, LID)):
        return given
    number = digits(given)
    if len(number) >= _GROUP_DIGITS:
        return number + GROUP
    return account(number) + USER


@lru_cache(maxsize=4096)
def lid(wa_id: str) -> str:
    """The LID of an account."""
    return f"{10**14 + int.from_bytes(draw(0, 'lid', wa_id)[:5], 'big')}{LID}"


def name(wa_id: str) -> str:
    """What the person calls herself."""
    drawn = draw(0, "name", wa_id)
    return f"{_NAMES[drawn[0] % len(_NAMES)]} {_FAMILIES[drawn[1] % len(_FAMILIES)]}"


def has_whatsapp(wa_id: str, settings: Settings) -> bool:
    """Whether there is an account with these digits."""
    if not _SHORTEST <= len(wa_id) <= _LONGEST:
        return False
    if settings.missing_suffix and wa_id.endswith(settings.missing_suffix):
        return False
    share = settings.missing_share
    return not share or portion(draw(settings.seed, "missing", wa_id), 0) >= share


def hides(wa_id: str, settings: Settings) -> bool:
    """Whether WhatsApp addresses this person by her LID."""
    return portion(draw(settings.seed, "hides", wa_id), 0) < max(
        settings.lid_share, settings.lid_only_share
    )


def hides_wholly(wa_id: str, settings: Settings) -> bool:
    """Whether not even the number beside the LID is told."""
    return portion(draw(settings.seed, "hides", wa_id), 0) < settings.lid_only_share
