"""A campaign's schedule in words."""

from collections.abc import Iterator
from datetime import tzinfo

from recado.domain.runs import RunState
from recado.domain.schedules import Every, Repeat, parse_schedule
from recado.domain.windows import CONTACT, EVERY_DAY, Window
from recado.features.campaigns.models import Campaign
from recado.platform.i18n import Translator


def lines(language: Translator, campaign: Campaign, zone: tzinfo) -> list[str]:
    """What there is to say, a line each; moments in the reader's zone."""
    return list(_lines(language, campaign, zone))


def _lines(language: Translator, campaign: Campaign, zone: tzinfo) -> Iterator[str]:
    _, schedule = language.gettext, parse_schedule(campaign.schedule)
    starts_at = campaign.starts_at
    if campaign.status == RunState.DRAFT:
        starts_at = schedule.start_at
    if starts_at is not None:
        yield _("Starts on {moment}", moment=language.date_and_time(starts_at, zone))
    if schedule.repeat is not None:
        yield _repeat(language, schedule.repeat)
    if schedule.window is not None:
        yield _window(language, schedule.window)
    if schedule.end_at is not None:
        yield _(
            "Ends on {moment} at the latest", moment=language.date_and_time(schedule.end_at, zone)
        )


def _window(language: Translator, window: Window) -> str:
    _ = language.gettext
    every_day = window.weekdays == EVERY_DAY
    days = _("every day") if every_day else language.weekdays(window.weekdays)
    text = _(
        "{days}, {start} to {end}",
        days=days,
        start=language.time_of_day(window.start),
        end=language.time_of_day(window.end),
    )
    if window.timezone == CONTACT:
        text += _(", in each contact's own time zone")
    else:
        text += f" ({window.timezone})"
    if window.skip_holidays:
        text += _(", not on national holidays ({country})", country=window.skip_holidays)
    return text


def _repeat(language: Translator, repeat: Repeat) -> str:
    n = repeat.interval
    if repeat.every is Every.DAY:
        return language.ngettext("Every day", "Every {n} days", n)
    if repeat.every is Every.WEEK:
        return language.ngettext("Every week", "Every {n} weeks", n)
    return language.ngettext("Every month", "Every {n} months", n)
