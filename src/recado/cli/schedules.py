"""Options that say when a campaign may send, as the API's ``schedule``."""

import re
from datetime import datetime, tzinfo
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from recado.cli.language import language
from recado.features.workspaces import service as workspaces
from recado.platform.postgres import Transaction

StartAt = Annotated[
    str | None, typer.Option(help="Not before: 2026-03-02 09:00, in the workspace's time zone.")
]
EndAt = Annotated[str | None, typer.Option(help="Nothing leaves at or after; the rest expires.")]
Window = Annotated[
    str | None,
    typer.Option(help="Days and hours, 1 is Monday: '1-5 09:00-18:00', or hours alone."),
]
TimeZone = Annotated[
    str | None,
    typer.Option(help="Of the window; 'contact' for each contact's own, else the workspace's."),
]
SkipHolidays = Annotated[
    str | None, typer.Option(help="A country: nothing on its national holidays, such as BR.")
]
Repeat = Annotated[str | None, typer.Option(help="Start again every day, week or month.")]

_DAYS: Final = r"[1-7](?:-[1-7])?(?:,[1-7](?:-[1-7])?)*"
_HOURS: Final = r"\d\d:\d\d"
_WINDOW: Final = re.compile(rf"(?:({_DAYS}) +)?({_HOURS})-({_HOURS})")


class Wish:
    """What was said on the command line, until the workspace's time zone is known."""

    def __init__(
        self,
        *,
        start_at: str | None = None,
        end_at: str | None = None,
        window: str | None = None,
        timezone: str | None = None,
        skip_holidays: str | None = None,
        repeat: str | None = None,
    ) -> None:
        """Raises BadParameter where an option cannot be read."""
        self._start_at = _moment(start_at, "--start-at")
        self._end_at = _moment(end_at, "--end-at")
        self._window = _window(window)
        for name, value in (("--timezone", timezone), ("--skip-holidays", skip_holidays)):
            if value and self._window is None:
                raise typer.BadParameter(
                    language().gettext("This goes with --window alone."), param_hint=name
                )
        self._timezone, self._holidays = timezone, skip_holidays
        self._repeat = {"every": repeat} if repeat else None

    async def schedule(self, tx: Transaction) -> dict[str, Any]:
        """The schedule as the API has it; what is wrong with its values is said there."""
        zone = ZoneInfo((await workspaces.current(tx)).timezone)
        window = self._window and {
            **self._window,
            "timezone": self._timezone or str(zone),
            "skip_holidays": self._holidays,
        }
        given = {
            "start_at": _there(self._start_at, zone),
            "end_at": _there(self._end_at, zone),
            "window": window,
            "repeat": self._repeat,
        }
        return {key: value for key, value in given.items() if value is not None}


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        sentence = language().gettext("Write a date and time, such as 2026-03-02 09:00.")
        raise typer.BadParameter(sentence, param_hint=option) from error


def moment_there(text: str | None, option: str, zone: tzinfo) -> datetime | None:
    """A moment as it was written, in this zone unless it names one; raises BadParameter."""
    moment = _moment(text, option)
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=zone)


def _there(moment: datetime | None, zone: tzinfo) -> str | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


def _window(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        sentence = language().gettext("Write days and hours, such as '1-5 09:00-18:00'.")
        raise typer.BadParameter(sentence, param_hint="--window")
    days: set[int] = set()
    for piece in (found[1] or "1-7").split(","):
        first, _, last = piece.partition("-")
        days.update(range(int(first), int(last or first) + 1))
    return {"weekdays": sorted(days), "from": found[2], "to": found[3]}
