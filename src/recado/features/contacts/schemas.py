"""Shapes of contacts as they come in and go out."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints
from pydantic_core import PydanticCustomError

from recado.domain.fields import normalise
from recado.features.contacts.models import Contact

LONGEST_NAME = 200
LONGEST_VALUE = 1_000
LONGEST_CUSTOM = 10_000
MOST_CUSTOM_FIELDS = 100
LONGEST_EMAIL = 254  # RFC 5321: a path is at most 256 octets, its angle brackets included
MOST_TAGS = 50

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(?:\.[^@\s,;<>\".]+)+")


def _storable(text: str) -> str:
    if "\x00" in text:
        # PostgreSQL stores every character but this one.
        raise PydanticCustomError("nul_character", "The text has a NUL character. Remove it.")
    return text


_zones = cache(available_timezones)


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise PydanticCustomError(
            "unknown_timezone",
            "'{timezone}' is not a timezone. Use a name such as America/Sao_Paulo.",
            {"timezone": name},
        )
    return name


def _email(text: str) -> str:
    if text and not _EMAIL.fullmatch(text):
        raise PydanticCustomError("email_invalid", "This is no e-mail address.")
    return text


def _custom_name(name: str) -> str:
    """The name as headers of files are read too, so that both fill the same field."""
    plain = normalise(name)
    if not plain:
        raise PydanticCustomError("no_name", "The name of a field needs a letter or a digit.")
    return plain


def _trimmed(longest: int, *, shortest: int = 0) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest)


Name = Annotated[str, _trimmed(LONGEST_NAME), AfterValidator(_storable)]
Label = Annotated[str, _trimmed(LONGEST_NAME, shortest=1), AfterValidator(_storable)]
Value = Annotated[str, _trimmed(LONGEST_VALUE), AfterValidator(_storable)]
RawPhone = Annotated[
    str,
    _trimmed(100, shortest=1),
    AfterValidator(_storable),
    Field(description="as people write it; numbers without + are of the workspace's country"),
]
Email = Annotated[str, _trimmed(LONGEST_EMAIL), AfterValidator(_email), AfterValidator(_storable)]
TagName = Annotated[str, _trimmed(100, shortest=1), AfterValidator(_storable)]
Tags = Annotated[list[TagName], Field(max_length=MOST_TAGS)]
Zone = Annotated[str, AfterValidator(_known_zone), Field(examples=["America/Sao_Paulo"])]
LongValue = Annotated[str, _trimmed(LONGEST_CUSTOM), AfterValidator(_storable)]
CustomValue = LongValue | bool | int | FiniteFloat | None
CustomName = Annotated[Label, AfterValidator(_custom_name)]
Custom = Annotated[dict[CustomName, CustomValue], Field(max_length=MOST_CUSTOM_FIELDS)]


class NewContact(BaseModel):
    """A contact to be made."""

    model_config = ConfigDict(extra="forbid")

    phone: RawPhone
    name: Name = ""
    email: Email | None = None
    condominio: Value | None = None
    endereco: Value | None = None
    cargo: Value | None = None
    custom: Custom = Field(default_factory=dict, description="fields of one's own, by their names")
    tags: Tags = Field(default_factory=list)
    timezone: Zone | None = Field(None, description="IANA name; without it, the number's area")


class ContactChanges(BaseModel):
    """What is to change; what is not named stays.

    A null empties a field, and inside ``custom`` removes that one; ``tags`` replaces all tags.
    """

    model_config = ConfigDict(extra="forbid")

    phone: RawPhone | None = None
    name: Name | None = None
    email: Email | None = None
    condominio: Value | None = None
    endereco: Value | None = None
    cargo: Value | None = None
    custom: Custom | None = None
    tags: Tags | None = None
    timezone: Zone | None = None


class ContactShown(BaseModel):
    """A contact as it stands."""

    id: int
    name: str
    phone: str = Field(description="E.164, in the form in which it was given")
    email: str | None
    condominio: str | None
    endereco: str | None
    cargo: str | None
    custom: dict[str, Any]
    tags: list[str]
    timezone: str | None
    wa_id: str | None = Field(description="how WhatsApp knows this person, once it has said so")
    wa_status: str | None = Field(
        description="'dead': WhatsApp does not have the number, as a provider has answered or as"
        " the messages of two runs that came back show; 'valid': it has; null: not known"
    )
    wa_checked_at: datetime | None = Field(description="since when that is known")
    opted_out_at: datetime | None
    opt_out_source: str | None
    source: str | None = Field(description="'inbox': somebody unknown who wrote first")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, contact: Contact, tags: Sequence[str]) -> "ContactShown":
        """A contact and the names of its tags."""
        return cls(
            id=contact.id,
            name=contact.name,
            phone=contact.phone,
            email=contact.email,
            condominio=contact.condominio,
            endereco=contact.endereco,
            cargo=contact.cargo,
            custom=contact.custom,
            tags=list(tags),
            timezone=contact.timezone,
            wa_id=contact.wa_id,
            wa_status=contact.wa_status,
            wa_checked_at=contact.wa_checked_at,
            opted_out_at=contact.opted_out_at,
            opt_out_source=contact.opt_out_source,
            source=contact.source,
            created_at=contact.created_at,
            updated_at=contact.updated_at,
        )
