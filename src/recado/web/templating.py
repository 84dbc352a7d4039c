"""Rendering a template, or one block of it, in the language and the timezone of the reader."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2_fragments import render_block
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from recado.platform import clock
from recado.platform.i18n import LOCALES, Translator, negotiate, translator
from recado.web.assets import built
from recado.web.visit import visit_of

LANGUAGE_COOKIE = "recado_lang"
_YEAR = 365 * 24 * 3600
_NO_WORKSPACE_ZONE = ZoneInfo("America/Sao_Paulo")


def _loader() -> PrefixLoader:
    """``campaigns/detail.html`` is the file of that name in the folder of that page."""
    return PrefixLoader(
        {
            folder.parent.name: FileSystemLoader(folder)
            for folder in Path(__file__).parent.glob("*/templates")
        }
    )


@cache
def environment() -> Environment:
    """The one Jinja environment: everything escaped, a missing name an error."""
    made = Environment(
        loader=_loader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.globals["icon"] = icon
    return made


def icon(name: str, classes: str = "") -> Markup:
    """One icon of the sprite, hidden from screen readers: the words beside it say the same."""
    return Markup(
        '<svg class="icon {classes}" aria-hidden="true" focusable="false">'
        '<use href="{address}"></use></svg>'
    ).format(classes=classes, address=built().icon(name))


def language_of(request: Request) -> Translator:
    """The translator for this request: a link's choice, the cookie, the person's, the browser's."""
    visit = visit_of(request)
    return translator(
        negotiate(
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE),
            visit.person.locale if visit else None,
            accept_language=request.headers.get("accept-language"),
        )
    )


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page rather than the page."""
    return request.headers.get("hx-request-type") == "partial"


def render(
    request: Request,
    template: str,
    *,
    block: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Answer with a template, or with the one block of it that is named."""
    language = language_of(request)
    values = {**_context(request, language), **context}
    if block is None:
        content = environment().get_template(template).render(values)
    else:
        content = render_block(environment(), template, block, values)
    response = HTMLResponse(content, status_code=status, headers=headers)
    # A page shows a person's data: neither a proxy nor the back button of the next person may.
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept-Language, Cookie, HX-Request-Type"
    if "lang" in request.query_params:
        response.set_cookie(LANGUAGE_COOKIE, language.locale, max_age=_YEAR, samesite="lax")
    return response


def _context(request: Request, language: Translator) -> dict[str, Any]:
    visit = visit_of(request)
    zone: tzinfo = visit.timezone if visit else _NO_WORKSPACE_ZONE
    return {
        "_": language.gettext,
        "ngettext": language.ngettext,
        "pgettext": language.pgettext,
        "number": language.number,
        "percent": language.percent,
        "language": language.language,
        "other_languages": [translator(name) for name in LOCALES if name != language.locale],
        "here": lambda **changes: _address(request, changes),
        "local": lambda moment: _time(moment, language.date_and_time(moment, zone)),
        "brief": lambda moment: _time(moment, language.moment(moment, zone, now=clock.now())),
        "timezone": str(zone),
        "assets": built(),
        "visit": visit,
        "path": request.url.path,
    }


def _address(request: Request, changes: Mapping[str, str | None]) -> str:
    """The present address with some of its parameters changed, or dropped where None."""
    query = {**request.query_params, **changes}
    text = urlencode({name: value for name, value in query.items() if value is not None})
    return f"{request.url.path}?{text}" if text else request.url.path


def _time(moment: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), text)
