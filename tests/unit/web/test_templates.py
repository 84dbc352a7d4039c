"""Rules that every template keeps."""

import re
from pathlib import Path

import pytest

from recado.web.templating import environment

ROOT = Path(__file__).parents[3]
WEB = ROOT / "src/recado/web"
TEMPLATES = sorted(WEB.rglob("*.html"))
ICONS = set(re.findall(r"'([a-z0-9-]+)'", (ROOT / "frontend/src/icons.js").read_text()))

each_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.name))


def test_every_template_compiles() -> None:
    names = environment().list_templates()
    assert len(names) == len(TEMPLATES)
    for name in names:
        environment().get_template(name)


@each_template
def test_no_template_needs_an_exception_from_the_content_security_policy(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\sstyle=", text), "a style attribute"
    assert not re.search(r"\son[a-z]+=", text), "an event attribute"
    assert not re.search(r"hx-on|js:|javascript:|hx-vals=.js", text), "a script in htmx"
    assert not re.search(r"<style|x-html", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), "an inline script"
    assert "|safe" not in text.replace(" ", ""), "unescaped output"


@each_template
def test_every_icon_of_a_template_is_in_the_sprite(path: Path) -> None:
    text = path.read_text()
    used = set(re.findall(r'icon\("([a-z0-9-]+)"', text))
    assert used <= ICONS


@each_template
def test_every_link_to_elsewhere_is_one_of_ours(path: Path) -> None:
    assert not re.search(r'(?:href|src|action)="(?:https?:)?//', path.read_text())


def test_what_is_not_there_is_an_error_and_not_a_blank() -> None:
    template = environment().from_string("{{ nothing }}")
    with pytest.raises(Exception, match="nothing"):
        template.render()


def test_a_hostile_name_is_shown_as_text() -> None:
    template = environment().from_string('<p title="{{ name }}">{{ name }}</p>')
    assert "<script" not in template.render(name='"><script>alert(1)</script>')
