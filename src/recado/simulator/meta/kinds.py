"""The kinds of free-form message: what each must hold, and the text that a person would read."""

from __future__ import annotations

from collections.abc import Callable

from recado.simulator.meta import checks
from recado.simulator.meta.checks import Node
from recado.simulator.meta.codes import Refusal

# Meta: text 4096, caption and interactive body 1024, header and footer 60 characters.
TEXT_MOST = 4096
CAPTION_MOST = 1024
HEADER_MOST = 60
NAME_MOST = 4096


def read(kind: str, message: Node) -> str:
    """Check a message of a kind and return its text.

    Raises:
        Refusal: 131051 for an unknown kind, else as ``checks`` says.

    """
    reader = _READERS.get(kind)
    if reader is None:
        raise Refusal(131051, f"Message type {kind} is not currently supported.")
    return reader(message)


def _text(message: Node) -> str:
    return checks.text(checks.node(message, "text"), "body", "text", most=TEXT_MOST)


def _media(kind: str, *, captioned: bool) -> Callable[[Node], str]:
    def read_media(message: Node) -> str:
        media = checks.node(message, kind)
        check_media(media, kind)
        if not captioned and media.get("caption") is not None:
            raise checks.malformed(f"{kind}['caption']", "is not supported for this type.")
        if kind == "document":
            checks.optional_text(media, "filename", kind, most=NAME_MOST)
        return checks.optional_text(media, "caption", kind, most=CAPTION_MOST)

    return read_media


def check_media(media: Node, path: str) -> None:
    """A medium names exactly one of ``id`` (of an upload) and ``link`` (http or https)."""
    by_id, by_link = checks.name(path, "id"), checks.name(path, "link")
    if (media.get("id") is None) == (media.get("link") is None):
        raise Refusal(131009, f"Exactly one of {by_id} and {by_link} must be given.")
    if media.get("id") is not None:
        if isinstance(media["id"], int):
            return
        checks.text(media, "id", path, most=256)
        return
    link = checks.text(media, "link", path, most=2048)
    if not link.startswith(("http://", "https://")):
        raise checks.invalid(by_link, "it must be an http or https address.")


def _location(message: Node) -> str:
    place = checks.node(message, "location")
    checks.number(place, "latitude", "location", bound=90)
    checks.number(place, "longitude", "location", bound=180)
    checks.optional_text(place, "address", "location", most=NAME_MOST)
    return checks.optional_text(place, "name", "location", most=NAME_MOST)


def _reaction(message: Node) -> str:
    reaction = checks.node(message, "reaction")
    checks.text(reaction, "message_id", "reaction", most=1024)
    return checks.optional_text(reaction, "emoji", "reaction", most=64)


def _contacts(message: Node) -> str:
    names = []
    for contact in checks.nodes(message, "contacts", "", most=257):
        name = checks.node(contact, "name", "contacts")
        names.append(checks.text(name, "formatted_name", "contacts.name", most=NAME_MOST))
    return ", ".join(names)


def _interactive(message: Node) -> str:
    interactive = checks.node(message, "interactive")
    kind = checks.text(interactive, "type", "interactive", most=64)
    check = _INTERACTIVE.get(kind)
    if check is None:
        raise checks.invalid("interactive['type']", f"{kind} is not one of {sorted(_INTERACTIVE)}.")
    header = interactive.get("header")
    if isinstance(header, dict) and header.get("type") == "text":
        checks.text(header, "text", "interactive.header", most=HEADER_MOST)
    if interactive.get("footer") is not None:
        footer = checks.node(interactive, "footer", "interactive")
        checks.text(footer, "text", "interactive.footer", most=HEADER_MOST)
    check(checks.node(interactive, "action", "interactive"))
    if kind == "product" and interactive.get("body") is None:
        return ""
    body = checks.node(interactive, "body", "interactive")
    return checks.text(body, "text", "interactive.body", most=CAPTION_MOST)


def _buttons(action: Node) -> None:
    path = "interactive.action"
    titles = []
    for button in checks.nodes(action, "buttons", path, most=3):
        reply = checks.node(button, "reply", path + ".buttons")
        checks.text(reply, "id", path + ".buttons.reply", most=256)
        titles.append(checks.text(reply, "title", path + ".buttons.reply", most=20))
    if len(set(titles)) < len(titles):
        raise checks.invalid("interactive['action']['buttons']", "titles must differ.")


def _list(action: Node) -> None:
    path = "interactive.action"
    checks.text(action, "button", path, most=20)
    sections = checks.nodes(action, "sections", path, most=10)
    total = 0
    for section in sections:
        if len(sections) > 1:
            checks.text(section, "title", path + ".sections", most=24)
        rows = checks.nodes(section, "rows", path + ".sections", most=10)
        total += len(rows)
        for row in rows:
            checks.text(row, "id", path + ".sections.rows", most=200)
            checks.text(row, "title", path + ".sections.rows", most=24)
            checks.optional_text(row, "description", path + ".sections.rows", most=72)
    if total > 10:  # noqa: PLR2004 - Meta: ten rows in all sections together
        raise checks.invalid("interactive['action']['sections']", "more than 10 rows in total.")


def _named(name: str) -> Callable[[Node], None]:
    def check(action: Node) -> None:
        if checks.text(action, "name", "interactive.action", most=64) != name:
            raise checks.invalid("interactive['action']['name']", f"it must be {name}.")
        if name == "cta_url":
            parameters = checks.node(action, "parameters", "interactive.action")
            path = "interactive.action.parameters"
            checks.text(parameters, "display_text", path, most=20)
            checks.text(parameters, "url", path, most=2000)

    return check


def _product(action: Node) -> None:
    checks.text(action, "catalog_id", "interactive.action", most=256)
    checks.text(action, "product_retailer_id", "interactive.action", most=256)


def _product_list(action: Node) -> None:
    checks.text(action, "catalog_id", "interactive.action", most=256)
    checks.nodes(action, "sections", "interactive.action", most=10)


_INTERACTIVE: dict[str, Callable[[Node], None]] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _named("cta_url"),
    "flow": _named("flow"),
    "catalog_message": _named("catalog_message"),
    "order_details": _named("review_and_pay"),
    "order_status": _named("review_order"),
    "location_request_message": _named("send_location"),
    "product": _product,
    "product_list": _product_list,
}

_READERS: dict[str, Callable[[Node], str]] = {
    "text": _text,
    "image": _media("image", captioned=True),
    "document": _media("document", captioned=True),
    "video": _media("video", captioned=True),
    "audio": _media("audio", captioned=False),
    "sticker": _media("sticker", captioned=False),
    "location": _location,
    "reaction": _reaction,
    "contacts": _contacts,
    "interactive": _interactive,
}

KINDS = tuple(_READERS)
