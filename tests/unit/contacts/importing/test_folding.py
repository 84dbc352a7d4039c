"""Several rows of a file about one person."""

from pathlib import Path
from typing import Any

from recado.domain.phones import parse
from recado.features.contacts.importing.folding import fold
from recado.features.contacts.importing.spool import Spool
from recado.features.contacts.reading import ContactRow


def row(line: int, phone: str = "31999990001", name: str = "", **values: Any) -> ContactRow:
    said = ContactRow(
        line=line,
        name=name,
        phone=parse(phone),
        email=None,
        condominio=None,
        endereco=None,
        cargo=None,
        custom={},
        tags=[],
        timezone=None,
    )
    return said._replace(**values)


def test_one_row_is_the_person() -> None:
    only = row(2, name="Ana")
    assert fold([only]) == (only, 0, 0)


def test_a_later_row_wins_and_a_blank_says_nothing() -> None:
    person = fold([row(2, name="Ana", cargo="síndica"), row(9, name="Ana Maria"), row(12)])
    assert person.row == row(2, name="Ana Maria", cargo="síndica")
    assert (person.repeats, person.changes) == (2, 1)


def test_custom_fields_merge_and_tags_add_up() -> None:
    person = fold(
        [
            row(2, custom={"bloco": "A", "vaga": "1"}, tags=["VIP"]),
            row(3, custom={"bloco": "B"}, tags=["vip", "novo"]),
        ]
    )
    assert person.row.custom == {"bloco": "B", "vaga": "1"}
    assert person.row.tags == ["VIP", "novo"]


def test_the_phone_stays_as_the_first_row_has_it() -> None:
    person = fold([row(2, "+55 31 9999-0001"), row(3, "+55 31 99999-0001")])
    assert person.row.phone.e164 == "+553199990001"
    assert person.changes == 0


def test_a_spool_brings_people_together_in_the_order_of_their_first_rows(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool.db") as spool:
        spool.add([row(2, "31999990009", "Zeca"), row(3, "31999990001", "Ana")])
        spool.add([row(4, "3199990009", "Zeca Silva"), row(5, "31999990005", "Bia")])
        people = list(spool.people(after=0, at_once=2))
        left = [person.row.name for batch in spool.people(after=2, at_once=9) for person in batch]
    assert [[person.row.name for person in batch] for batch in people] == [
        ["Zeca Silva", "Ana"],
        ["Bia"],
    ]
    assert left == ["Ana", "Bia"]
