"""WhatsApp's own ids: of people (``…@s.whatsapp.net``), hidden ones (``…@lid``), and of groups.

Providers that drive an account of WhatsApp name people by them.
"""

import re

from recado.providers.plain import LONGEST_ID, plain

_SERVER = "@s.whatsapp.net"
# Behind the number may stand which of the person's devices it was.
_NUMBER = re.compile(r"([0-9]{5,20})([.:_][0-9]{1,9})*(@s\.whatsapp\.net|@c\.us)?", re.ASCII)
_HIDDEN = re.compile(r"([0-9]{1,40})([.:_][0-9]{1,9})*@lid", re.ASCII)
_OF_MANY = ("@g.us", "@broadcast", "@newsletter")


def person(*ids: object) -> tuple[str, str | None]:
    """The digits and the LID among the ids of one person, either perhaps missing."""
    digits, hidden = "", None
    for one in ids:
        if not isinstance(one, str):
            continue
        if found := _NUMBER.fullmatch(one):
            digits = digits or found[1]
        elif found := _HIDDEN.fullmatch(one):
            hidden = hidden or f"{found[1]}@lid"
    return digits, hidden


def is_of_many(jid: object) -> bool:
    """Whether a chat is a group's, or is told to everybody."""
    return isinstance(jid, str) and jid.endswith(_OF_MANY)


def of(person: str) -> str:
    """The id of a person given by digits; a LID stays as it is."""
    return plain(person, LONGEST_ID) if "@" in person else f"{person}{_SERVER}"
