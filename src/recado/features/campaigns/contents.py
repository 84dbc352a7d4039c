"""Whether what a campaign says can be sent, before anybody is written to."""

from collections.abc import Mapping, Sequence
from typing import Any

from recado.domain import links, rendering
from recado.domain.errors import InvalidInput
from recado.domain.links import InvalidLink
from recado.features.dispatch.contents import has_upload, texts, unfilled
from recado.features.dispatch.contents import links as links_in
from recado.features.templates import checking
from recado.platform import settings
from recado.platform.postgres import Transaction
from recado.platform.sql import load
from recado.providers.base import Unsupported, lacking
from recado.providers.registry import provider

SQL = load(__package__ or "")


class UploadOfOneNumber(InvalidInput):
    code = "upload_of_one_number"
    sentence = (
        "A file that was uploaded belongs to one channel. Give that channel alone, or a link."
    )


async def check(tx: Transaction, content: Mapping[str, Any], channel_ids: Sequence[int]) -> None:
    """See that a content can be filled in, fetched and sent through these channels.

    Raises:
        UnknownVariable, TemplateError: A text of it cannot be filled in.
        InvalidLink: Its file must not be fetched from there.
        Unsupported: The provider of one of the channels cannot send such a thing.
        UploadOfOneNumber: Only one of them could send the file.
        UnknownTemplate, TemplateNotApproved, TemplateMismatch: As `checking.check` says.
    """
    custom = await custom_fields(tx)
    for text in texts(content):
        rendering.check(rendering.parse(text), custom)
    said = unfilled(content)
    if len(set(channel_ids)) > 1 and has_upload(said):
        raise UploadOfOneNumber(fields={"channel_ids": "one alone"})
    for link in links_in(said):
        try:
            links.check(link, allow_private=settings.sending().allow_private_links)
        except InvalidLink as error:
            where = "link" if content["type"] == "media" else "parameters.header.link"
            reason = error.params["reason"]
            raise InvalidLink(fields={f"content.{where}": str(reason)}, reason=reason) from None
    rows = await tx.all(SQL["providers"], workspace_id=tx.workspace_id, ids=list(channel_ids))
    for row in rows:
        if missing := lacking(provider(row["provider"]).capabilities, said):
            raise Unsupported(provider=row["provider"], what=missing)
    await checking.check(tx, content, channel_ids, at_once=False)


async def custom_fields(tx: Transaction) -> list[str]:
    """The names of custom fields that some contact has."""
    rows = await tx.all(SQL["custom_fields"], workspace_id=tx.workspace_id)
    return [row["name"] for row in rows]
