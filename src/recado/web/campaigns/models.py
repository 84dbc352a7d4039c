"""What the campaign templates show, made from what the features answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from recado.domain.runs import RunEvent, RunState, allowed
from recado.features.campaigns.models import Campaign
from recado.features.campaigns.preflight import Preflight
from recado.features.campaigns.schemas import Progress
from recado.features.channels.models import Channel
from recado.features.reports.pace import Pace
from recado.platform.i18n import Translator
from recado.web.campaigns import labels, schedule
from recado.web.channels import labels as channel_labels

_OVER = frozenset({RunState.COMPLETED, RunState.CANCELLED, RunState.FAILED})


@dataclass(frozen=True, slots=True)
class Heading:
    """A campaign as its page introduces it; ``stopped`` says which of its channels stand still."""

    id: int
    name: str
    status: str
    created_at: datetime
    channels: Sequence[str]
    stopped: Sequence[str]
    schedule: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the page of a campaign that has not begun says of what lies before it.

    Attributes:
        ends_at: As ISO 8601; empty where it would not end, or has begun already.
        people: Who would get it, and how many would not.
        warnings: What to think of first.
    """

    ends_at: str = ""
    people: str = ""
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A campaign in the list."""

    id: int
    name: str
    status: str
    created_at: datetime
    total: int
    settled: int
    percent: str


@dataclass(frozen=True, slots=True)
class Campaigns:
    """One page of the list: of all states, or of one; ``later``: newer ones stand before it."""

    status: str
    rows: Sequence[Row]
    first: str
    next: str | None
    later: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of the progress bar: where it starts and how long it is, in percent."""

    name: str
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Live:
    """What the page's script begins with, as JSON."""

    progress: str
    history: str
    texts: str
    rules: str


def translated(language: Translator, table: Mapping[str, str]) -> dict[str, str]:
    """A table of labels in a language."""
    return {value: language.gettext(label) for value, label in table.items()}


def offered(state: RunState) -> frozenset[RunEvent]:
    """What a person may do in a state. One that waits for its time is started by its time."""
    return allowed(state) - ({RunEvent.START} if state is RunState.SCHEDULED else set())


def settled(progress: Progress) -> int:
    """Deliveries that are neither waiting nor being sent."""
    return progress.total - progress.pending - progress.sending


def percent(progress: Progress) -> int:
    """How much is settled, rounded down: it is not 100 while one delivery is still open."""
    return 100 * settled(progress) // progress.total if progress.total else 0


def heading(
    language: Translator, campaign: Campaign, channels: Sequence[Channel], zone: tzinfo
) -> Heading:
    """A campaign and the channels it goes out through."""
    return Heading(
        id=campaign.id,
        name=campaign.name,
        status=campaign.status,
        created_at=campaign.created_at,
        channels=[channel.name for channel in channels],
        stopped=[
            _stopped(language, channel)
            for channel in channels
            if channel.paused_reason and channel.paused_until is None
            if campaign.status not in _OVER
        ],
        schedule=schedule.lines(language, campaign, zone),
    )


def _stopped(language: Translator, channel: Channel) -> str:
    words = "; ".join(channel_labels.said(language, channel))
    if channel_labels.lacks_phone(channel) or not words:
        return language.gettext(
            labels.CHANNEL_WAITS,
            name=channel.name,
            advice=channel_labels.advice(language, channel),
        )
    return language.gettext(labels.CHANNEL_STOPPED, name=channel.name, reason=words)


def ahead(language: Translator, found: Preflight) -> Ahead:
    """What a start would come to."""
    people, ends_at = found.people, found.estimate.ends_at
    sentence = language.ngettext(
        "{n} person would get it", "{n} people would get it", people.audience
    )
    if left_out := sum(people.suppressed.values()):
        sentence = language.gettext(
            "{sentence}; {number} would not, as they have opted out or have a tag that forbids it",
            sentence=sentence,
            number=language.number(left_out),
        )
    return Ahead(
        ends_at=ends_at.isoformat() if ends_at else "",
        people=f"{sentence}.",
        warnings=[warning.message(language.gettext) for warning in found.warnings],
    )


def paused_text(texts: Mapping[str, Any], reason: str | None) -> str:
    """Why a campaign is paused: in our words, or in the provider's."""
    reasons: Mapping[str, str] = texts["reasons"]
    if reason is None or reason in reasons:
        return reasons[reason or "other"]
    return str(texts["stopped"]).format(reason=reason)


def waiting_text(language: Translator, progress: Progress, zone: tzinfo, now: datetime) -> str:
    """That a campaign waits for its hours, and until when; nothing where it does not."""
    until = progress.waiting_until
    if until is None:
        return ""
    return language.gettext(labels.WAITING, moment=language.moment(until, zone, now=now))


def row(language: Translator, campaign: Campaign, progress: Progress) -> Row:
    """A campaign as the list shows it."""
    return Row(
        id=campaign.id,
        name=campaign.name,
        status=progress.status,
        created_at=campaign.created_at,
        total=progress.total,
        settled=settled(progress),
        percent=language.percent(percent(progress) / 100),
    )


def progress_context(language: Translator, progress: Progress, pace: Pace) -> dict[str, Any]:
    """Everything about a campaign's progress, and its pace so far, that its page shows."""
    figures = {
        "done": language.number(settled(progress)),
        "total": language.number(progress.total),
    }
    texts = _texts(language)
    share = language.percent(percent(progress) / 100)
    return {
        "progress": progress,
        "live": Live(
            progress=progress.model_dump_json(),
            history=json.dumps([pace.seconds, pace.per_minute]),
            texts=json.dumps(texts),
            rules=json.dumps({state.value: sorted(offered(state)) for state in RunState}),
        ),
        "allowed": offered(RunState(progress.status)),
        "campaign_labels": texts["statuses"],
        "delivery_labels": translated(language, labels.DELIVERY),
        "paused_text": paused_text(texts, progress.paused_reason),
        "held_text": language.gettext(labels.HELD, held=language.number(progress.held)),
        "percent_value": percent(progress),
        "whole_percent": share,
        "done_text": texts["done"].format(**figures),
        "value_text": texts["value"].format(percent=share, **figures),
        "pieces": _pieces(progress),
    }


def _pieces(progress: Progress) -> list[Piece]:
    counts = {
        "read": progress.read,
        "delivered": progress.delivered - progress.read,
        "sent": progress.sent - progress.delivered,
        "failed": progress.failed,
        "unknown": progress.unknown,
        "skipped": progress.suppressed + progress.cancelled + progress.expired,
    }
    pieces, start = [], 0.0
    for name, count in counts.items():
        length = 100 * count / progress.total if progress.total else 0.0
        pieces.append(Piece(name, start, length))
        start += length
    return pieces


def _texts(language: Translator) -> dict[str, Any]:
    """The sentences that the page's script fills in."""
    _ = language.gettext
    return {
        "statuses": translated(language, labels.CAMPAIGN),
        "done": _("{done} of {total} settled"),
        "value": _("{percent}, {done} of {total}"),
        "rate": _("{rate} per minute"),
        "average": _("{rate} per minute on average"),
        "ends": _("Ends"),
        "ended": _("Ended"),
        "eta": _("{moment} ({distance})"),
        "share": _("{share} of all"),
        "tip": _("{time}: {rate} per minute"),
        "reasons": translated(language, labels.PAUSED),
        "stopped": _(labels.CAMPAIGN_STOPPED),
        "waiting": _(labels.WAITING),
        "held": _(labels.HELD),
    }
