"""Several rows of a file about one person, as one."""

from collections.abc import Sequence
from typing import NamedTuple

from recado.features.contacts.reading import ContactRow


class Person(NamedTuple):
    """What a file says about one person.

    Attributes:
        row: All of it, on the line and with the phone of the first row.
        repeats: How many rows followed the first.
        changes: How many of those said something new.
    """

    row: ContactRow
    repeats: int
    changes: int


def fold(rows: Sequence[ContactRow]) -> Person:
    """Put a person's rows together, in the order of the file; the later wins.

    A blank cell says nothing. Tags add up, custom fields are merged one by one.
    """
    said = rows[0]
    changes = 0
    for row in rows[1:]:
        now = said._replace(
            name=row.name or said.name,
            email=row.email or said.email,
            condominio=row.condominio or said.condominio,
            endereco=row.endereco or said.endereco,
            cargo=row.cargo or said.cargo,
            timezone=row.timezone or said.timezone,
            custom={**said.custom, **row.custom},
            tags=_both(said.tags, row.tags),
        )
        changes += now != said
        said = now
    return Person(said, repeats=len(rows) - 1, changes=changes)


def _both(tags: list[str], more: list[str]) -> list[str]:
    known = {tag.casefold() for tag in tags}
    return [*tags, *(tag for tag in more if tag.casefold() not in known)]
