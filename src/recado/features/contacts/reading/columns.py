"""Which column of a file holds what, by its header or by the person's word."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recado.domain.fields import FIELD_BY_ALIAS, Field, normalise
from recado.features.contacts.reading.errors import MappedColumnMissing, PhoneColumnMissing

# Headers that mean a field only where no better one does: "número" beside "telefone" is that of a
# house, "contato" may be a name or a phone number.
_WEAK_ALIASES: Final[dict[Field, tuple[str, ...]]] = {
    Field.PHONE: ("numero", "number", "contato", "contact", "contatos", "telefones", "fones"),
    Field.NAME: ("contato", "contact", "cliente", "customer", "morador", "destinatario"),
    Field.CONDOMINIO: ("edificio", "predio", "residencial", "building"),
    Field.ENDERECO: ("logradouro", "rua", "street", "street_address"),
    Field.CARGO: ("profissao", "ocupacao", "title"),
}
_IGNORED: Final = frozenset({"", "ignore", "ignorar"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Where to find what, by column index from 0.

    Attributes:
        headers: As they stand in the file.
        fields: For each field of a contact its columns, the first to be asked first.
        custom: The other columns, by the key of the custom field they fill.
    """

    headers: tuple[str, ...]
    fields: Mapping[Field, tuple[int, ...]]
    custom: Mapping[str, int]

    def describe(self) -> dict[str, str]:
        """Header → the field or custom key that it fills, in the order of the file."""
        targets = {at: field.value for field, columns in self.fields.items() for at in columns}
        targets.update({at: key for key, at in self.custom.items()})
        return {self.headers[at] or f"#{at + 1}": targets[at] for at in sorted(targets)}


def known_headers(cells: Iterable[str]) -> int:
    """How many of these cells are headers of a contact's fields."""
    return sum(normalise(cell) in FIELD_BY_ALIAS for cell in cells if len(cell) <= 60)  # noqa: PLR2004 - no header is longer


def names_phone(cells: Iterable[str]) -> bool:
    """Whether one of these cells is surely the header of a column of phone numbers."""
    return any(FIELD_BY_ALIAS.get(normalise(cell)) is Field.PHONE for cell in cells)


def assign(headers: Sequence[str], mapping: Mapping[str, str] | None) -> Columns:
    """Decide what each column holds.

    Args:
        headers: The cells of the header line.
        mapping: Header → field in any spelling, another name for a custom field, or "" to leave
            the column out. It wins over what the headers say.

    Raises:
        MappedColumnMissing: The mapping names a column that is not there.
        PhoneColumnMissing: Nothing tells which column holds the phone numbers.
    """
    shown = tuple(header.strip() for header in headers)
    keys = [normalise(header) for header in shown]
    fields, custom_names, free = _mapped(shown, keys, mapping or {})
    said = frozenset(fields)
    for at in list(free):
        field = FIELD_BY_ALIAS.get(keys[at])
        if field and field not in said:
            fields.setdefault(field, []).append(at)
            free.remove(at)
    for field, aliases in _WEAK_ALIASES.items():
        column = next((at for alias in aliases for at in free if keys[at] == alias), None)
        if field not in fields and column is not None:
            fields[field] = [column]
            free.remove(column)
    if Field.PHONE not in fields:
        raise PhoneColumnMissing(header for header in shown if header)
    custom: dict[str, int] = {}
    for at in sorted({*free, *custom_names}):
        key = custom_names.get(at) or keys[at] or f"coluna_{at + 1}"
        custom[_unused(key, custom)] = at
    if Field.PHONE not in said:
        fields[Field.PHONE].sort(key=lambda at: _landline_likelihood(keys[at]))
    return Columns(shown, {field: tuple(ats) for field, ats in fields.items()}, custom)


def _mapped(
    shown: Sequence[str], keys: Sequence[str], mapping: Mapping[str, str]
) -> tuple[dict[Field, list[int]], dict[int, str], list[int]]:
    """What the mapping says: columns of fields, keys of custom columns, and the columns left."""
    fields: dict[Field, list[int]] = {}
    custom: dict[int, str] = {}
    free = list(range(len(shown)))
    for header, target in mapping.items():
        columns = [at for at, name in enumerate(shown) if name == header.strip()]
        columns = columns or [at for at, key in enumerate(keys) if key == normalise(header)]
        if not columns:
            raise MappedColumnMissing(header, (name for name in shown if name))
        field = FIELD_BY_ALIAS.get(normalise(target))
        for at in columns:
            if at not in free:
                continue
            free.remove(at)
            if field:
                fields.setdefault(field, []).append(at)
            elif normalise(target) not in _IGNORED:
                custom[at] = normalise(target)
    return fields, custom, free


def _landline_likelihood(key: str) -> int:
    """Of a telephone and a mobile in one row, the mobile is the one to write to."""
    if any(word in key for word in ("whats", "zap", "wpp")):
        return 0
    return 1 if any(word in key for word in ("cel", "mobile")) else 2


def _unused(key: str, taken: Mapping[str, int]) -> str:
    number = 2
    unused = key
    while unused in taken:
        unused = f"{key}_{number}"
        number += 1
    return unused
