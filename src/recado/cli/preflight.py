"""What a campaign would come to, as a table; for ``recado campaign preflight`` and ``send``."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recado.cli.language import language
from recado.domain.forecast import Forecast, Limit
from recado.features.campaigns.preflight import Preflight
from recado.platform.i18n import Translator, mark

DAYS_SHOWN = 14
SUPPRESSED_SHOWN = 10

_LIMITS: Mapping[Limit, str] = {
    Limit.WINDOW: mark("the hours of the schedule"),
    Limit.NOTHING: mark("nothing"),
}


def report(found: Preflight, console: Console) -> None:
    """Say who would get it, when it would end, and what to think of first."""
    words = language()
    console.print(_facts(words, found), highlight=False)
    if len(found.estimate.per_day) > 1:
        console.print()
        console.print(_days(words, found.estimate), highlight=False)
    if found.suppressed:
        console.print()
        console.print(_suppressed(words, found), highlight=False)
    if found.warnings:
        console.print()
    for sentence in warnings(words, found):
        console.print(Text(f"! {sentence}", style="yellow"), soft_wrap=True)


def brief(found: Preflight, console: Console) -> None:
    """The same in a line, and the warnings; for who has asked to start at once."""
    words = language()
    people, estimate = words.number(found.people.audience), found.estimate
    if estimate.ends_at is not None and estimate.starts_at is not None:
        sentence = words.gettext(
            "{people} to write to, until about {end}",
            people=people,
            end=words.date_and_time(estimate.ends_at, found.tz),
        )
    else:
        sentence = words.gettext("{people} to write to", people=people)
    console.print(sentence, highlight=False, soft_wrap=True)
    for warning in warnings(words, found):
        console.print(Text(f"! {warning}", style="yellow"), soft_wrap=True)


def warnings(words: Translator, found: Preflight) -> Iterator[str]:
    """What there is to be warned of, the gravest first."""
    for warning in found.warnings:
        yield warning.message(words.gettext)


def _facts(words: Translator, found: Preflight) -> Table:
    people, estimate = found.people, found.estimate
    table = Table.grid(padding=(0, 2))
    table.add_row(words.gettext("to be written to"), words.number(people.audience))
    table.add_row(words.gettext("suppressed"), words.number(sum(people.suppressed.values())))
    for why, count in people.suppressed.items():
        table.add_row(f"  {reason(words, why)}", words.number(count))
    if people.dead:
        table.add_row(words.gettext("known not to be on WhatsApp"), words.number(people.dead))
    table.add_row(words.gettext("first message"), _moment(words, estimate.starts_at, found.tz))
    table.add_row(words.gettext("last message"), _moment(words, estimate.ends_at, found.tz))
    if estimate.limited_by is not Limit.NOTHING:
        slowest = _LIMITS.get(estimate.limited_by)
        table.add_row(
            words.gettext("slowed most by"),
            words.gettext(slowest) if slowest else estimate.limited_by.value,
        )
    if estimate.expires:
        table.add_row(words.gettext("would expire unsent"), words.number(estimate.expires))
    return table


def reason(words: Translator, why: str) -> str:
    """Why somebody is not written to, as a person reads it."""
    tag = why.removeprefix("tag:")
    if tag != why:
        return words.gettext("has the tag {tag}", tag=tag)
    if why == "dead_number":
        return words.gettext("is not on WhatsApp")
    return words.gettext("has opted out")


def _moment(words: Translator, moment: datetime | None, tz: tzinfo) -> str:
    return words.gettext("never") if moment is None else words.date_and_time(moment, tz)


def _days(words: Translator, estimate: Forecast) -> Table:
    table = Table(words.gettext("day"), words.gettext("messages"), box=None, padding=(0, 2))
    table.columns[1].justify = "right"
    for day, count in estimate.per_day[:DAYS_SHOWN]:
        table.add_row(words.date(day), words.number(count))
    if len(estimate.per_day) > DAYS_SHOWN:
        more = len(estimate.per_day) - DAYS_SHOWN
        table.add_row(words.ngettext("{n} more day", "{n} more days", more), "")
    return table


def _suppressed(words: Translator, found: Preflight) -> Table:
    table = Table(
        words.gettext("not written to"), "", words.gettext("because"), box=None, padding=(0, 2)
    )
    for one in found.suppressed[:SUPPRESSED_SHOWN]:
        table.add_row(Text(one.name), one.phone, Text(reason(words, one.reason)))
    more = sum(found.people.suppressed.values()) - SUPPRESSED_SHOWN
    if more > 0:
        table.add_row(words.ngettext("{n} more", "{n} more", more), "", "")
    return table
