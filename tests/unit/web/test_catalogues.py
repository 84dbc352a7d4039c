"""The tool that keeps the catalogues, and the catalogues themselves."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recado_i18n_tool", ROOT / "scripts/i18n.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def messages(tool: ModuleType, source: Path) -> set[object]:
    return {item.message for item in tool.extract(source)}


def test_every_sentence_of_the_source_is_translated(tool: ModuleType) -> None:
    assert tool.problems() == [], "run: python scripts/i18n.py update, then fill in what is empty"


def test_sentences_of_errors_are_found_however_far_they_descend(
    tool: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "base.py").write_text(
        'class RecadoError(Exception):\n    sentence: str = "The root fails."\n'
        "class Conflict(RecadoError): ...\n"
    )
    (tmp_path / "feature.py").write_text(
        "from base import Conflict\n"
        'class Taken(Conflict):\n    code = "taken"\n    sentence = "It is taken by {name}."\n'
        "def take():\n"
        '    raise Taken("Somebody " "else has it.", fields={"name": "one at least"})\n'
    )
    assert messages(tool, tmp_path) == {
        "The root fails.",
        "It is taken by {name}.",
        "Somebody else has it.",
        "one at least",
    }


def test_sentences_in_tables_and_marked_words_are_found(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "tables.py").write_text(
        'SENTENCES = {"a": "The first."}\nFOREIGN_SENTENCE: str = "The second."\n'
        'LABELS = {"a": mark("The third.")}\nOTHER = {"a": "not a sentence"}\n'
    )
    assert messages(tool, tmp_path) == {"The first.", "The second.", "The third."}


def test_sentences_in_templates_are_found_with_their_context(
    tool: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(
        '{{ _("Plain {name}", name=1) }} {{ pgettext("tile", "Sent") }}'
        ' {{ ngettext("{n} contact", "{n} contacts", 2) }}'
    )
    found = {(item.context, item.message) for item in tool.extract(tmp_path)}
    assert found == {
        (None, "Plain {name}"),
        ("tile", "Sent"),
        (None, ("{n} contact", "{n} contacts")),
    }


def test_a_translation_with_a_placeholder_that_nothing_fills_is_refused(tool: ModuleType) -> None:
    source, translated = tool.Catalog(locale="pt_BR"), tool.Catalog(locale="pt_BR")
    source.add("Hello {name}")
    translated.add("Hello {name}", "Olá {nome}")
    assert ["unknown placeholder" in line for line in tool._compare(source, translated)] == [True]


def test_an_untranslated_and_a_forgotten_sentence_are_told(tool: ModuleType) -> None:
    source, translated = tool.Catalog(locale="pt_BR"), tool.Catalog(locale="pt_BR")
    source.add("New")
    translated.add("Old", "Velho")
    told = list(tool._compare(source, translated))
    assert [line.split(":")[0] for line in told] == ["not translated", "no longer in the source"]
