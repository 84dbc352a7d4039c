"""Message templates such as ``Olá {nome|amigo}, assembleia do {condominio}``.

``{name}`` is replaced by the contact's value, ``{name|default}`` by the default where there is none
(or nothing but blanks); ``{{`` and ``}}`` are braces. Names are read without regard to case and
accents, and English ones are understood. A value is inserted verbatim: braces in it mean nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from recado.domain.errors import InvalidInput
from recado.domain.fields import VARIABLES, Field, variable


class TemplateError(InvalidInput):
    """The text is not a template; ``position`` is that of the wrong character, from 1."""

    code = "template_invalid"

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(position=position)


class UnbalancedBrace(TemplateError):
    code = "template_unbalanced"
    sentence = (
        "The brace at character {position} has no partner. Close the variable with a brace, or "
        "write two braces to show one."
    )


class EmptyName(TemplateError):
    code = "template_empty_name"
    sentence = (
        "The braces at character {position} name no variable. Write a name between them, or two "
        "braces to show one."
    )


class UnknownVariable(InvalidInput):
    """The template names variables that no contact has: ``unknown``; ``known`` lists the others."""

    code = "unknown_variable"
    sentence = "There is no variable {unknown}. The known ones are {known}."

    def __init__(self, unknown: Iterable[str], known: Iterable[str]) -> None:
        self.unknown = tuple(unknown)
        self.known = tuple(known)
        super().__init__(unknown=_shown(self.unknown), known=_shown(self.known))


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value: the name it is found under, as it was written, and the default."""

    name: str
    written: str
    default: str


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal pieces and slots, in order."""

    source: str
    pieces: tuple[str | Slot, ...]
    variables: tuple[str, ...] = field(init=False)
    """Names of the variables, each once, in order of appearance."""
    _blank: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _slots: tuple[tuple[int, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        slots = [(at, piece) for at, piece in enumerate(self.pieces) if isinstance(piece, Slot)]
        set_once = object.__setattr__
        set_once(self, "variables", tuple(dict.fromkeys(slot.name for _, slot in slots)))
        set_once(self, "_slots", tuple((at, slot.name) for at, slot in slots))
        set_once(
            self,
            "_blank",
            tuple(piece.default if isinstance(piece, Slot) else piece for piece in self.pieces),
        )


_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def parse(text: str) -> Template:
    """Read a template.

    Raises:
        UnbalancedBrace: A brace is neither doubled nor part of a pair.
        EmptyName: A pair of braces has no name in it.
    """
    pieces: list[str | Slot] = []
    literal: list[str] = []
    at = 0
    for token in _TOKEN.finditer(text):
        literal.append(text[at : token.start()])
        at = token.end()
        if token[0] in {"{{", "}}"}:
            literal.append(token[0][0])
        elif token[1] is None:
            raise UnbalancedBrace(token.start() + 1)
        else:
            _flush(literal, pieces)
            pieces.append(_slot(token[1], token.start() + 1))
    literal.append(text[at:])
    _flush(literal, pieces)
    return Template(text, tuple(pieces))


def escape(text: str) -> str:
    """The template that renders as exactly this text."""
    return text.replace("{", "{{").replace("}", "}}")


def check(template: Template, known: Iterable[str]) -> None:
    """Refuse variables that are neither known fields nor among the given custom ones.

    Raises:
        UnknownVariable: With the unknown names as they were written.
    """
    names = dict.fromkeys([*VARIABLES, *(variable(name) for name in known)])
    unknown = dict.fromkeys(
        piece.written
        for piece in template.pieces
        if isinstance(piece, Slot) and piece.name not in names
    )
    if unknown:
        raise UnknownVariable(unknown, names)


def render(template: Template, values: Mapping[str, str | None]) -> str:
    """The text for one contact.

    Args:
        template: From `parse`.
        values: By the names that `values_of` gives. What is missing, None or blank gives way to
            the default, or to nothing.
    """
    pieces = list(template._blank)  # noqa: SLF001 - kept out of sight of everyone else
    for at, name in template._slots:  # noqa: SLF001 - likewise
        value = values.get(name)
        if value and not value.isspace():
            pieces[at] = value
    return "".join(pieces)


def values_of(
    *,
    name: str | None = None,
    phone: str | None = None,
    email: str | None = None,
    condominio: str | None = None,
    endereco: str | None = None,
    cargo: str | None = None,
    custom: Mapping[str, object] | None = None,
) -> dict[str, str | None]:
    """A contact's values under the names that templates use; its own fields win over custom ones.

    Custom values that are no text are written as Python writes them; None is missing.
    """
    values: dict[str, str | None] = {}
    for key, value in (custom or {}).items():
        values[variable(key)] = None if value is None else str(value)
    values[Field.NAME] = name
    values[Field.PHONE] = phone
    values[Field.EMAIL] = email
    values[Field.CONDOMINIO] = condominio
    values[Field.ENDERECO] = endereco
    values[Field.CARGO] = cargo
    return values


def _flush(literal: list[str], pieces: list[str | Slot]) -> None:
    if joined := "".join(literal):
        pieces.append(joined)
    literal.clear()


def _slot(inside: str, position: int) -> Slot:
    written, _, default = inside.partition("|")
    name = variable(written)
    if not name:
        raise EmptyName(position)
    return Slot(name, written.strip(), default)


def _shown(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
