"""Making, changing, deleting and finding contacts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb
from sqlalchemy import Select, exists, select
from sqlalchemy.exc import IntegrityError

from recado.domain import phones
from recado.domain.errors import NotFound
from recado.domain.ids import ContactId, ListId
from recado.features.audiences.models import ListMember
from recado.features.contacts import consent, tags
from recado.features.contacts.errors import ContactExists
from recado.features.contacts.models import Contact, ContactTag
from recado.features.contacts.schemas import ContactChanges, ContactShown, NewContact
from recado.features.workspaces import service as workspaces
from recado.platform import sql
from recado.platform.postgres import Transaction

SQL = sql.load(__package__)

_PHONE_LIKE = re.compile(r"[\d\s()+./-]+")
_NOT_DIGITS = re.compile(r"\D+")
_WILDCARD = re.compile(r"([%_\\])")


Reach = Literal["valid", "dead", "unknown"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contacts to show; what is None does not matter.

    Attributes:
        search: A piece of the name, or of the phone, whose punctuation does not count.
        tag: The name of a tag.
        list_id: Who is on this list.
        reach: Whether WhatsApp has the number.
    """

    search: str | None = None
    tag: str | None = None
    list_id: ListId | None = None
    reach: Reach | None = None


async def create(tx: Transaction, new: NewContact) -> ContactShown:
    """Add a contact.

    Raises:
        PhoneError: The phone is none.
        ContactExists: Somebody has this number, Brazil's ninth digit aside.
    """
    phone = await _read_phone(tx, new.phone)
    row = await tx.one(
        SQL["add_contact"],
        name=new.name,
        phone=phone.e164,
        phone_key=phone.key,
        email=new.email or None,
        condominio=new.condominio or None,
        endereco=new.endereco or None,
        cargo=new.cargo or None,
        custom=Jsonb(_merged({}, new.custom)),
        timezone=new.timezone,
    )
    if row is None:
        raise await _exists(tx, phone)
    contact_id = ContactId(row["id"])
    await tags.replace(tx, contact_id, new.tags)
    return await get(tx, contact_id)


async def get(tx: Transaction, contact_id: ContactId) -> ContactShown:
    """One contact.

    Raises:
        NotFound: The workspace has no such contact.
    """
    contact = await _load(tx, contact_id)
    return ContactShown.of(contact, (await tags.of(tx, [contact_id])).get(contact_id, []))


async def change(
    tx: Transaction, contact_id: ContactId, changes: ContactChanges, now: datetime
) -> ContactShown:
    """Change the fields that are named. What waits to be sent goes to a changed phone.

    Raises:
        NotFound: The workspace has no such contact.
        PhoneError: The new phone is none.
        ContactExists: Another contact has the new phone.
    """
    await consent.hold(tx, contact_id)
    contact = await _load(tx, contact_id)
    named = changes.model_fields_set
    for field in named & {"email", "condominio", "endereco", "cargo", "timezone"}:
        setattr(contact, field, getattr(changes, field) or None)
    if "name" in named:
        contact.name = changes.name or ""
    if "custom" in named:
        contact.custom = _merged(contact.custom, changes.custom) if changes.custom else {}
    if changes.phone is not None:
        await _change_phone(tx, contact, changes.phone)
    if "tags" in named:
        await tags.replace(tx, contact_id, changes.tags or [])
    contact.updated_at = now
    await tx.session.flush()
    return await get(tx, contact_id)


async def delete(tx: Transaction, contact_id: ContactId) -> int:
    """Remove a contact; says how many waiting deliveries that cancelled.

    Raises:
        NotFound: The workspace has no such contact.
    """
    await consent.hold(tx, contact_id)
    cancelled = await tx.run(
        SQL["settle_pending"],
        contacts=[contact_id],
        status="cancelled",
        reason="contact_deleted",
    )
    await tx.run(SQL["delete_contact"], contact_id=contact_id)
    return cancelled


async def page(
    tx: Transaction, chosen: Filter, *, before: int | None, limit: int
) -> list[ContactShown]:
    """Contacts with ids under ``before`` that the filter lets through, newest first."""
    tag_id = None
    if chosen.tag is not None:
        tag_id = await tags.named(tx, chosen.tag)
        if tag_id is None:
            return []
    statement = select(Contact).order_by(Contact.id.desc()).limit(limit)
    needle = (chosen.search or "").strip().replace("\x00", "")
    if needle:
        found = await tx.all(
            SQL["search"],
            needle=_WILDCARD.sub(r"\\\1", needle),
            digits=_digits(needle),
            tag_id=tag_id,
            list_id=chosen.list_id,
            reach=chosen.reach,
            before_id=before,
            at_most=limit,
        )
        statement = statement.where(Contact.id.in_([row["id"] for row in found]))
    else:
        statement = _filtered(tx, statement, chosen, tag_id=tag_id, before=before)
    contacts = list(await tx.session.scalars(statement))
    names = await tags.of(tx, [contact.id for contact in contacts])
    return [ContactShown.of(contact, names.get(contact.id, [])) for contact in contacts]


def _filtered(
    tx: Transaction,
    statement: Select[Contact],
    chosen: Filter,
    *,
    tag_id: int | None,
    before: int | None,
) -> Select[Contact]:
    if tag_id is not None:
        statement = statement.where(
            exists().where(
                ContactTag.workspace_id == tx.workspace_id,
                ContactTag.tag_id == tag_id,
                ContactTag.contact_id == Contact.id,
            )
        )
    if chosen.list_id is not None:
        statement = statement.where(
            exists().where(
                ListMember.workspace_id == tx.workspace_id,
                ListMember.list_id == chosen.list_id,
                ListMember.contact_id == Contact.id,
            )
        )
    if chosen.reach is not None:
        known = None if chosen.reach == "unknown" else chosen.reach
        statement = statement.where(Contact.wa_status.is_not_distinct_from(known))
    if before is not None:
        statement = statement.where(Contact.id < before)
    return statement


def _digits(needle: str) -> str:
    """What to look for in phones; a text that no phone contains if none is meant."""
    digits = _NOT_DIGITS.sub("", needle) if _PHONE_LIKE.fullmatch(needle) else ""
    return digits or "none"


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = {**old, **new}
    return {name: value for name, value in both.items() if value is not None and value != ""}


async def _load(tx: Transaction, contact_id: ContactId) -> Contact:
    contact = await tx.session.get(Contact, (tx.workspace_id, contact_id), populate_existing=True)
    if contact is None:
        raise NotFound("contact")
    return contact


async def _read_phone(tx: Transaction, raw: str) -> phones.Phone:
    country = (await workspaces.current(tx)).country
    try:
        return phones.parse(raw, region=country)
    except phones.PhoneError as error:
        error.fields = {"phone": error.message()}
        raise


async def _exists(tx: Transaction, phone: phones.Phone) -> ContactExists:
    other = await tx.one(SQL["contact_with_phone"], phone_key=phone.key)
    return ContactExists(phone=phone.e164, id=other["id"] if other else "?")


async def _change_phone(tx: Transaction, contact: Contact, raw: str) -> None:
    phone = await _read_phone(tx, raw)
    if phone.e164 == contact.phone:
        return
    if phone.key != contact.phone_key:
        contact.wa_id = contact.wa_status = contact.wa_checked_at = None
    try:
        # A savepoint, because somebody else may have just made a contact with this phone.
        async with tx.session.begin_nested():
            contact.phone, contact.phone_key = phone.e164, phone.key
    except IntegrityError as error:
        raise await _exists(tx, phone) from error
    await tx.run(
        SQL["readdress_pending"],
        contact_id=contact.id,
        phone=phone.e164,
        phone_key=phone.key,
    )
    await consent.heed(tx, [ContactId(contact.id)])
