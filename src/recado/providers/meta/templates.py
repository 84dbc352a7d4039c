"""Templates as Meta lists them, and what a send of each must fill in."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from recado.providers.exchange import TemplateInfo
from recado.providers.reading import objects, word

FIELDS = (
    "id,name,language,status,category,parameter_format,quality_score,rejected_reason,components"
)
PAGE = 100
MOST_PAGES = 100  # Meta: 6,000 templates an account at most
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}", re.ASCII)
_HEADERS = frozenset({"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"})


def query(after: str | None) -> str:
    """The query of a page: the first, or the one behind a cursor."""
    asked = {"fields": FIELDS, "limit": str(PAGE)}
    return urlencode(asked if after is None else {**asked, "after": after})


def next_cursor(document: Mapping[str, Any]) -> str | None:
    """Where the next page begins; None where this is the last.

    The address that Meta gives for it is not followed: it may name a version that was not asked
    for, and nobody is asked with our token for the sake of what stands in an answer.
    """
    paging = document.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else _cursor_in(paging["next"])


def _cursor_in(address: object) -> str | None:
    try:
        return parse_qs(urlsplit(str(address)).query).get("after", [None])[0]
    except ValueError:
        return None


def read(document: Mapping[str, Any]) -> Iterator[TemplateInfo]:
    """The templates of a page; what has no name or no language cannot be sent and is left out."""
    for listed in objects(document.get("data")):
        if word(listed.get("name")) and word(listed.get("language")):
            yield _template(listed)


def _template(listed: Mapping[str, Any]) -> TemplateInfo:
    components = list(objects(listed.get("components")))
    header, body = _component(components, "HEADER"), _component(components, "BODY")
    quality = listed.get("quality_score")
    reason = word(listed.get("rejected_reason"))
    text = word(body.get("text"), most=65_536)
    header_variables = variables(word(header.get("text")))
    return TemplateInfo(
        id=word(listed.get("id")),
        name=word(listed["name"]),
        language=word(listed["language"]),
        status=word(listed.get("status")).upper(),
        category=word(listed.get("category")).upper(),
        named=word(listed.get("parameter_format")).upper() == "NAMED",
        header=_header(header, header_variables),
        header_variables=header_variables,
        variables=variables(text),
        buttons=tuple(_buttons(components)),
        replies=tuple(
            place for place, button in _all_buttons(components) if _kind(button) == "QUICK_REPLY"
        ),
        quality=word(quality.get("score")).upper() if isinstance(quality, dict) else "",
        rejected_reason="" if reason == "NONE" else reason,
        body=text,
        components=components,
    )


def variables(text: str) -> tuple[str, ...]:
    """The variables of a text, each once: numbers by size, as Meta counts them, names in order."""
    found = list(dict.fromkeys(_VARIABLE.findall(text)))
    return tuple(sorted(found, key=int) if all(name.isdigit() for name in found) else found)


def _component(components: list[dict[str, Any]], kind: str) -> Mapping[str, Any]:
    return next((c for c in components if word(c.get("type")).upper() == kind), {})


def _header(header: Mapping[str, Any], found: tuple[str, ...]) -> str | None:
    """What a header takes. A medium must be given although its header has no variable in it."""
    shape = word(header.get("format")).upper()
    if shape in _HEADERS:
        return shape.lower()
    return "text" if found else None


def _buttons(components: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    for place, button in _all_buttons(components):
        kind = _kind(button)
        dynamic = kind == "URL" and "{{" in word(button.get("url"), most=4096)
        if dynamic or kind == "OTP":  # a one-time code goes into its button's address too
            yield place, "url"
        elif kind == "COPY_CODE":
            yield place, "copy_code"


def _all_buttons(components: list[dict[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return enumerate(objects(_component(components, "BUTTONS").get("buttons")))


def _kind(button: Mapping[str, Any]) -> str:
    return word(button.get("type")).upper()
