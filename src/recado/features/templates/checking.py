"""Whether a campaign's template can be sent as it is to be, by what is stored of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from recado.domain import templates
from recado.domain.errors import InvalidInput
from recado.domain.template_slots import Slots, complaints
from recado.features.templates.store import SQL
from recado.platform.postgres import Row, Transaction
from recado.providers.registry import provider


class UnknownTemplate(InvalidInput):
    code = "unknown_template"
    sentence = (
        "The channel's account has no such template. Choose one of its list, in a language that it "
        "has; see fields."
    )


class TemplateNotApproved(InvalidInput):
    code = "template_not_approved"
    sentence = (
        "The template may not be sent: its status is {status}. Wait until the provider allows it, "
        "or choose another."
    )


class TemplateMismatch(InvalidInput):
    code = "template_mismatch"
    sentence = "The parameters do not fit the template. Correct the fields named."


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is wrong with a template in one account, or not known of it.

    Attributes:
        kind: ``unchecked``: the account's list has never come; ``missing``: it is not on it;
            ``stopped``: it may not be sent now; ``unfit``: the parameters do not fit.
        channel: The name of a channel of that account.
        status: The provider's word, of a template that is stopped.
        fields: Path of each wrong field → why.
    """

    kind: Literal["unchecked", "missing", "stopped", "unfit"]
    channel: str
    status: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


async def doubts(
    tx: Transaction, content: Mapping[str, Any], channel_ids: Sequence[int]
) -> list[Doubt]:
    """All that speaks against sending a content through these channels; none for other contents."""
    if content.get("type") != "template":
        return []
    rows = await tx.all(
        SQL["wanted"],
        workspace_id=tx.workspace_id,
        channels=list(channel_ids),
        name=content["name"],
        language=content["language"],
    )
    return [doubt for row in rows for doubt in _of(row, content)]


def _of(row: Row, content: Mapping[str, Any]) -> list[Doubt]:
    channel = row["channel"]
    if row["synced_at"] is None:
        return [Doubt("unchecked", channel)]
    if row["status"] is None:
        if provider(row["provider"]).capabilities.other_templates:
            return []
        return [Doubt("missing", channel, fields=_nowhere(row))]
    found = []
    if not templates.may_be_sent(row["status"]):
        found.append(
            Doubt("stopped", channel, row["status"], {"content.name": f"is {row['status']}"})
        )
    wrong = complaints(Slots(**row["slots"]), content.get("parameters") or {})
    if wrong:
        fields = {f"content.parameters.{part}": why for part, why in wrong.items()}
        found.append(Doubt("unfit", channel, fields=fields))
    return found


def _nowhere(row: Row) -> dict[str, str]:
    if row["languages"]:
        return {"content.language": "there is this template in: " + ", ".join(row["languages"])}
    return {"content.name": f"the account of the channel {row['channel']} has no such template"}


async def check(
    tx: Transaction, content: Mapping[str, Any], channel_ids: Sequence[int], *, at_once: bool
) -> None:
    """See that a template is there, fits, and may be sent at once, or at least may be later.

    What has never been listed is not known to be wrong: an away provider holds nobody up.

    Raises:
        UnknownTemplate: One of the channels' accounts has not got it.
        TemplateNotApproved: It may not be sent.
        TemplateMismatch: The parameters do not fit it.
    """
    for doubt in await doubts(tx, content, channel_ids):
        if doubt.kind == "missing":
            raise UnknownTemplate(fields=doubt.fields)
        if doubt.kind == "unfit":
            raise TemplateMismatch(fields=doubt.fields)
        if doubt.kind == "stopped" and (at_once or not templates.may_be_sent_later(doubt.status)):
            raise TemplateNotApproved(fields=doubt.fields, status=doubt.status)
