"""What a campaign says, as it is stored, made into what one contact is sent.

Plain text is not made here: it may become several messages, see plans.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from recado.domain import rendering
from recado.domain.errors import InvalidInput
from recado.providers.content import (
    ButtonValue,
    Content,
    CurrencyValue,
    DateValue,
    HeaderValue,
    Media,
    Place,
    Template,
    Text,
    TextValue,
    Value,
)


class EmptyValue(InvalidInput):
    code = "empty_value"
    sentence = "A value of the template came out empty. Give its variable a default."


class Fill(Protocol):
    """Puts a contact's values in a text; ``needed``: nothing is no answer."""

    def __call__(self, text: str, *, needed: bool = True) -> str: ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """A content whose texts are parsed, once for all contacts."""

    stored: Mapping[str, Any]
    templates: Mapping[str, rendering.Template]

    def compose(self, values: Mapping[str, str | None]) -> Content:
        """The content for one contact; raises EmptyValue."""

        def fill(text: str, *, needed: bool = True) -> str:
            filled = rendering.render(self.templates[text], values).strip()
            if needed and not filled:
                raise EmptyValue
            return filled

        return build(self.stored, fill)


def recipe(stored: Mapping[str, Any]) -> Recipe | None:
    """How a stored content is made; None for plain text.

    Raises:
        TemplateError: One of its texts cannot be read.
    """
    if stored.get("type", "text") == "text":
        return None
    return Recipe(stored, {text: rendering.parse(text) for text in texts(stored)})


def texts(stored: Mapping[str, Any]) -> list[str]:
    """All texts of a stored content in which variables may stand."""
    found: list[str] = []

    def collect(text: str, *, needed: bool = True) -> str:
        del needed
        found.append(text)
        return text

    build(stored, collect)
    return found


def unfilled(stored: Mapping[str, Any]) -> Content:
    """The content with its variables as they are written."""

    def keep(text: str, *, needed: bool = True) -> str:
        del needed
        return text

    return build(stored, keep)


def links(content: Content) -> list[str]:
    """The addresses that a provider would fetch for it."""
    media = _media(content)
    return [media.link] if media is not None and media.link is not None else []


def has_upload(content: Content) -> bool:
    """Whether it names a file that was handed over to one number's provider."""
    media = _media(content)
    return media is not None and media.media_id is not None


def _media(content: Content) -> Media | None:
    found = content.header if isinstance(content, Template) else content
    return found if isinstance(found, Media) else None


def build(stored: Mapping[str, Any], fill: Fill) -> Content:
    """A stored content as what is handed to an adapter."""
    if stored.get("type") == "media":
        return Media(
            kind=stored["media_type"],
            link=stored.get("link"),
            media_id=stored.get("media_id"),
            caption=fill(stored.get("caption") or "", needed=False),
            filename=fill(stored.get("filename") or "", needed=False),
        )
    if stored.get("type") == "template":
        given = stored.get("parameters") or {}
        header = given.get("header")
        return Template(
            name=stored["name"],
            language=stored["language"],
            header=None if header is None else _header(header, fill),
            body=tuple(_value(value, fill) for value in given.get("body") or ()),
            buttons=tuple(
                ButtonValue(button["index"], button["type"], fill(button["value"]))
                for button in given.get("buttons") or ()
            ),
        )
    return Text(fill(stored["text"]))


def _header(given: Mapping[str, Any], fill: Fill) -> HeaderValue:
    if given["type"] == "location":
        return Place(
            given["latitude"],
            given["longitude"],
            fill(given.get("name") or "", needed=False),
            fill(given.get("address") or "", needed=False),
        )
    if given["type"] in {"image", "video", "document"}:
        return Media(
            given["type"],
            link=given.get("link"),
            media_id=given.get("media_id"),
            filename=fill(given.get("filename") or "", needed=False),
        )
    return _value(given, fill)


_VALUES: Mapping[str, Callable[[Mapping[str, Any], Fill], Value]] = {
    "text": lambda given, fill: TextValue(fill(given["text"]), given.get("name")),
    "currency": lambda given, fill: CurrencyValue(
        fill(given["fallback_value"]), given["code"], given["amount_1000"], given.get("name")
    ),
    "date_time": lambda given, fill: DateValue(fill(given["fallback_value"]), given.get("name")),
}


def _value(given: Mapping[str, Any], fill: Fill) -> Value:
    return _VALUES[given["type"]](given, fill)
