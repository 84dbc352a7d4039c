"""What a person should know before a campaign starts: nothing here forbids it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, tzinfo
from enum import StrEnum
from typing import Final

from recado.domain.limits import warm_up
from recado.domain.pacing import Pacing
from recado.domain.rendering import Template, TemplateError, parse
from recado.domain.windows import CONTACT, EVERY_DAY, Window, next_open

MANY_CONTACTS: Final = 5000
SHORT_INTERVAL: Final = 3
LONG_TEXT: Final = 1000
DEAD_SHARE: Final = 0.05
UNCHECKED_SHARE: Final = 0.5
NEW_DAYS: Final = 14
FIRST_DAY: Final = 50
"""Messages that a new unofficial number may send on its first day …"""
EACH_DAY: Final = 1.5
"""… and how much more on each day after it. Nobody publishes such a number; this is our caution."""
NIGHT: Final = Window(EVERY_DAY, time(22), time(8), CONTACT)
WEEKEND: Final = Window(frozenset({6, 7}), time(), time(), CONTACT)


class Code(StrEnum):
    """What there is to be warned of, the gravest first."""

    TEMPLATE_MISSING = "template_missing"
    TEMPLATE_STOPPED = "template_stopped"
    TEMPLATE_UNFIT = "template_unfit"
    FOREIGN_VARIABLE = "foreign_variable"
    DEAD_NUMBERS = "dead_numbers"
    DEAD_LEFT_OUT = "dead_left_out"
    STOPPED_CHANNEL = "stopped_channel"
    TEMPLATE_UNCHECKED = "template_unchecked"
    WARM_UP = "warm_up"
    SHORT_INTERVAL = "short_interval"
    UNCHECKED_NUMBERS = "unchecked_numbers"
    MANY_CONTACTS = "many_contacts"
    SAME_TEXT = "same_text"
    LINK = "link"
    LONG_TEXT = "long_text"
    NIGHT = "night"
    WEEKEND = "weekend"


SENTENCES: Final[Mapping[Code, str]] = {
    Code.TEMPLATE_MISSING: (
        "The template is not there for the channel '{channel}': {detail}. Nothing would leave."
    ),
    Code.TEMPLATE_STOPPED: (
        "The template may not be sent through the channel '{channel}' at present: its status is "
        "{status}. Nothing leaves before the provider allows it."
    ),
    Code.TEMPLATE_UNFIT: (
        "The parameters do not fit the template of the channel '{channel}': {detail}. Every "
        "message would be refused."
    ),
    Code.TEMPLATE_UNCHECKED: (
        "The templates of the channel '{channel}' could not be asked for. Check the channel, as it "
        "is not known whether this template may be sent."
    ),
    Code.FOREIGN_VARIABLE: (
        "'{written}' will be shown as {shown} to everyone. Write it with one brace on each side to "
        "put the contact's value there."
    ),
    Code.DEAD_NUMBERS: (
        "{dead} of {contacts} numbers are known not to be on WhatsApp. Take them out: numbers that "
        "write to many such are often blocked."
    ),
    Code.DEAD_LEFT_OUT: (
        "{dead} of {contacts} numbers are known not to be on WhatsApp and are left out. A list "
        "with so many has more of them: ask where its numbers come from."
    ),
    Code.STOPPED_CHANNEL: (
        "Nothing leaves through the channel '{channel}' before you have checked it: {reason}."
    ),
    Code.WARM_UP: (
        "The channel '{channel}' is new and should send at most {allowed} messages a day; this "
        "campaign gives it {planned}. Spread it over more days or channels."
    ),
    Code.SHORT_INTERVAL: (
        "Less than {seconds} seconds lie between two messages of a channel. Numbers that write so "
        "fast are often blocked: choose a longer interval."
    ),
    Code.UNCHECKED_NUMBERS: (
        "It is not known whether {unchecked} of {contacts} numbers are on WhatsApp. Check them "
        "first: numbers that write to many that are not there are often blocked."
    ),
    Code.MANY_CONTACTS: (
        "{contacts} contacts are many for one campaign. Try it on a few of them first."
    ),
    Code.SAME_TEXT: (
        "Everyone gets the same text, which is often taken for spam. Put a variable into it, such "
        "as {variable}."
    ),
    Code.LINK: (
        "The first message has a link ({link}). Those who do not know the number may take it for "
        "spam: say who writes and why, or send it after they have answered."
    ),
    Code.LONG_TEXT: (
        "The text has {length} characters. Short messages are read more: aim for less than {most}."
    ),
    Code.NIGHT: (
        "Some messages leave between 22:00 and 8:00. Set a window of hours so that nobody is woken."
    ),
    Code.WEEKEND: (
        "Some messages leave on a Saturday or Sunday. Set a window of weekdays if they should not."
    ),
}


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel in its warm-up: messages a day that are wise, and those of its busiest day."""

    name: str
    allowed: int
    planned: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a campaign before it starts.

    Attributes:
        contacts: Who will get it.
        pacing: Of its fastest channel.
        tz: Zone of the contacts, or of what stands in for them.
        sending: From when to when messages leave, as the forecast has it.
        text: As it was written; None where there is none of its own, as with a template.
        official: It goes through the provider's official interface, which asks for no interval.
        dead: How many of the contacts are known not to be on WhatsApp.
        left_out: How many more such there are, who do not get it for that.
        unchecked: How many could be asked for, as nothing is known of them.
        new_channels: Those in their warm-up.
        stopped_channels: Names of those that wait for a person, with the reason.
        template: What there is to be warned of its template.
    """

    contacts: int
    pacing: Pacing
    tz: tzinfo
    sending: Sequence[tuple[datetime, datetime]] = ()
    text: str | None = None
    official: bool = False
    dead: int = 0
    left_out: int = 0
    unchecked: int = 0
    new_channels: Sequence[NewChannel] = ()
    stopped_channels: Mapping[str, str] = field(default_factory=dict)
    template: Sequence["PreflightWarning"] = ()


@dataclass(frozen=True, slots=True)
class PreflightWarning:
    """One thing to be warned of.

    Attributes:
        code: Which.
        params: Values for the placeholders of its sentence.
    """

    code: Code
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """A message id with ``{placeholders}``."""
        return SENTENCES[self.code]

    def message(self, translate: Callable[[str], str] = str) -> str:
        """The filled-in sentence, translated by the given function first."""
        return translate(self.sentence).format(**self.params)


def wise(pacing: Pacing, age_days: float, *, official: bool) -> int | None:
    """How many messages a channel of this age should send a day while it is new; None: it is not.

    Its own warm-up says so. Where none is set, an unofficial number is new for two weeks all the
    same: what is not known for sending much is blocked for it.
    """
    if pacing.warm_up_daily is None:
        if official or age_days >= NEW_DAYS:
            return None
        pacing = replace(pacing, warm_up_daily=FIRST_DAY, warm_up_growth=EACH_DAY)
    return warm_up(pacing, age_days)


def warnings(facts: Facts) -> list[PreflightWarning]:
    """All that there is to be warned of, the gravest first."""
    found = [*_of_text(facts.text), *_of_audience(facts), *_of_pace(facts), *_of_hours(facts)]
    found += facts.template
    order = list(Code)
    return sorted(found, key=lambda warning: order.index(warning.code))


def _of_text(text: str | None) -> Iterator[PreflightWarning]:
    if text is None:
        return
    try:
        template = parse(text)
    except TemplateError:
        template = None  # It cannot be sent at all, which is said elsewhere.
    if template:
        yield from _of_variables(template)
    if link := _LINK.search(text):
        yield PreflightWarning(Code.LINK, {"link": link[0].rstrip(".,;:!?)")})
    if len(text) > LONG_TEXT:
        yield PreflightWarning(Code.LONG_TEXT, {"length": len(text), "most": LONG_TEXT})


# A scheme, www., or a bare domain as WhatsApp makes links of; no e-mail address.
_LINK: Final = re.compile(
    r"""
    \b https?://[^\s{}]+
    | (?<![\w@.-]) (?:www\.)? (?:[\w-]+\.)+
      (?:com|net|org|br|pt|io|me|ly|gl|be|co|app|dev|link|site|online|shop|store|info|page)
      \b (?![@\w-]) (?:/[^\s{}]*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What double braces leave standing in the text.
_FOREIGN: Final = re.compile(r"\{\s*([^\W\d][^{}|]*?)\s*(?:\|[^{}]*)?\}")


def _of_variables(template: Template) -> Iterator[PreflightWarning]:
    literals = [piece for piece in template.pieces if isinstance(piece, str)]
    if foreign := next(filter(None, map(_FOREIGN.search, literals)), None):
        params = {"written": f"{{{foreign[0]}}}", "shown": foreign[0]}
        yield PreflightWarning(Code.FOREIGN_VARIABLE, params)
    if not template.variables:
        yield PreflightWarning(Code.SAME_TEXT, {"variable": "{nome}"})


def _of_audience(facts: Facts) -> Iterator[PreflightWarning]:
    if facts.contacts > MANY_CONTACTS:
        yield PreflightWarning(Code.MANY_CONTACTS, {"contacts": facts.contacts})
    if facts.dead and facts.dead >= DEAD_SHARE * facts.contacts:
        params = {"dead": facts.dead, "contacts": facts.contacts}
        yield PreflightWarning(Code.DEAD_NUMBERS, params)
    aimed_at = facts.contacts + facts.left_out
    if facts.left_out and facts.left_out >= DEAD_SHARE * aimed_at:
        params = {"dead": facts.left_out, "contacts": aimed_at}
        yield PreflightWarning(Code.DEAD_LEFT_OUT, params)
    if facts.unchecked and facts.unchecked >= UNCHECKED_SHARE * facts.contacts:
        params = {"unchecked": facts.unchecked, "contacts": facts.contacts}
        yield PreflightWarning(Code.UNCHECKED_NUMBERS, params)


def _of_pace(facts: Facts) -> Iterator[PreflightWarning]:
    if not facts.official and (facts.pacing.message_interval or 0) < SHORT_INTERVAL:
        yield PreflightWarning(Code.SHORT_INTERVAL, {"seconds": SHORT_INTERVAL})
    for name, reason in facts.stopped_channels.items():
        yield PreflightWarning(Code.STOPPED_CHANNEL, {"channel": name, "reason": reason})
    for channel in facts.new_channels:
        if channel.planned > channel.allowed:
            yield PreflightWarning(
                Code.WARM_UP,
                {
                    "channel": channel.name,
                    "allowed": channel.allowed,
                    "planned": channel.planned,
                },
            )


def _of_hours(facts: Facts) -> Iterator[PreflightWarning]:
    for code, window in ((Code.NIGHT, NIGHT), (Code.WEEKEND, WEEKEND)):
        if any(_meets(window, opens, closes, facts.tz) for opens, closes in facts.sending):
            yield PreflightWarning(code)


def _meets(window: Window, since: datetime, until: datetime, tz: tzinfo) -> bool:
    opens = next_open(window, since, tz)
    return opens is not None and opens <= until
