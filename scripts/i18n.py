"""Keep the catalogues in step with the sentences of the source.

Usage:
    python scripts/i18n.py update    add new sentences to each catalogue, drop those gone
    python scripts/i18n.py check     exit 1 if a sentence is untranslated or its form is wrong
    python scripts/i18n.py list      print every sentence of the source

Sentences are found where they are written: in templates by ``_()`` and its kin; in code by the
same names and ``mark()``; in tables called ``SENTENCES`` and constants called ``…_SENTENCE``; in an
error class by its attribute ``sentence``; where an error is made by its first argument and the
values of its ``fields``. The simulator is left out: it plays providers, and they speak English.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.messages import Catalog, Message
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/recado"
LOCALES = SOURCE / "locales"
TRANSLATED = ("pt_BR",)
LEFT_OUT = "simulator"
ROOT_ERROR = "RecadoError"

SIMPLE, PLURAL, CONTEXTUAL = {"_", "gettext", "mark"}, {"ngettext"}, {"pgettext"}


@dataclass(frozen=True)
class Found:
    """A sentence of the source: its id (a pair when it has a plural), its context, its file."""

    message: str | tuple[str, str]
    context: str | None = None
    path: str = field(default="", compare=False)


def extract(source: Path = SOURCE) -> list[Found]:
    """Every sentence under ``source``, in the order of the files, each once per file."""
    modules = {
        path: ast.parse(path.read_bytes())
        for path in sorted(source.rglob("*.py"))
        if path.relative_to(source).parts[0] != LEFT_OUT
    }
    errors = _error_classes(modules.values())
    found: dict[tuple[Found, str], Found] = {}
    for path, module in modules.items():
        for item in _in_module(module, errors, path.relative_to(source.parent).as_posix()):
            found.setdefault((item, item.path), item)
    for path in sorted(source.rglob("*.html")):
        for item in _in_template(path, path.relative_to(source.parent).as_posix()):
            found.setdefault((item, item.path), item)
    return list(found.values())


def _error_classes(modules: Iterable[ast.Module]) -> set[str]:
    """Names of all classes that descend from the root error, by their bases' names."""
    bases: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(map(_name, node.bases))
    known = {ROOT_ERROR}
    while more := {name for name, parents in bases.items() if parents & known} - known:
        known |= more
    return known


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _text(nodes: list[ast.expr], index: int) -> str | None:
    """The argument at that place when it is a plain string that has words in it."""
    if index >= len(nodes):
        return None
    node = nodes[index]
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) and any(map(str.isalpha, value)) else None


def _in_module(module: ast.Module, errors: set[str], path: str) -> Iterator[Found]:
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and node.name in errors:
            yield from _in_error_class(node, path)
        elif isinstance(node, ast.Call):
            yield from _in_call(node, errors, path)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _in_constant(node, path)


def _in_constant(node: ast.Assign | ast.AnnAssign, path: str) -> Iterator[Found]:
    names = _targets(node)
    if any(name.endswith("SENTENCES") for name in names) and isinstance(node.value, ast.Dict):
        values = node.value.values
    elif any(name.endswith("SENTENCE") for name in names) and node.value is not None:
        values = [node.value]
    else:
        return
    for index in range(len(values)):
        message = _text(values, index)
        if message:
            yield Found(message, path=path)


def _targets(node: ast.stmt) -> list[str]:
    """The names that a statement assigns to."""
    if isinstance(node, ast.Assign):
        return [_name(target) for target in node.targets]
    return [_name(node.target)] if isinstance(node, ast.AnnAssign) else []


def _in_error_class(node: ast.ClassDef, path: str) -> Iterator[Found]:
    for statement in node.body:
        value = getattr(statement, "value", None)
        if "sentence" in _targets(statement) and value is not None:
            message = _text([value], 0)
            if message:
                yield Found(message, path=path)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "super().__init__":
            yield from _in_error_call(inner, path)


def _in_call(node: ast.Call, errors: set[str], path: str) -> Iterator[Found]:
    name = _name(node.func)
    first, second = _text(node.args, 0), _text(node.args, 1)
    if name in SIMPLE and first:
        yield Found(first, path=path)
    elif name in PLURAL and first and second:
        yield Found((first, second), path=path)
    elif name in CONTEXTUAL and first and second:
        yield Found(second, context=first, path=path)
    elif name in errors:
        yield from _in_error_call(node, path)


def _in_error_call(node: ast.Call, path: str) -> Iterator[Found]:
    candidates = [_text(node.args, 0)]
    for keyword in node.keywords:
        if keyword.arg in {"sentence", "thing"}:
            candidates.append(_text([keyword.value], 0))
        elif keyword.arg == "fields" and isinstance(keyword.value, ast.Dict):
            values = keyword.value.values
            candidates.extend(_text(values, index) for index in range(len(values)))
    yield from (Found(message, path=path) for message in candidates if message)


def _in_template(path: Path, name: str) -> Iterator[Found]:
    keywords = sorted(SIMPLE | PLURAL | CONTEXTUAL)
    options = {"silent": "false", "trimmed": "true", "extensions": "jinja2.ext.do"}
    for _, function, message, _ in babel_extract(BytesIO(path.read_bytes()), keywords, [], options):
        given = (message,) if isinstance(message, str) else message or ()
        parts = [part for part in given if part]
        if function in CONTEXTUAL:
            yield Found(parts[1], context=parts[0], path=name)
        elif function in PLURAL:
            yield Found((parts[0], parts[1]), path=name)
        else:
            yield Found(parts[0], path=name)


def template_catalogue() -> Catalog:
    """The sentences of the source as a catalogue without translations."""
    catalogue = Catalog(project="Recado", charset="utf-8", fuzzy=False)
    for item in extract():
        catalogue.add(item.message, locations=[(item.path, 0)], context=item.context)
    return catalogue


def path_of(locale: str) -> Path:
    """Where the catalogue of a language lies."""
    return LOCALES / locale / "LC_MESSAGES" / "messages.po"


def read(locale: str) -> Catalog:
    """The catalogue of a language as it stands, or an empty one."""
    path = path_of(locale)
    if not path.exists():
        return Catalog(locale=locale, project="Recado", charset="utf-8", fuzzy=False)
    with path.open("rb") as stream:
        return read_po(stream, locale=locale)


def update() -> None:
    """Write each catalogue anew: sentences of the source only, translations kept."""
    for locale in TRANSLATED:
        fresh, old = template_catalogue(), read(locale)
        merged = Catalog(locale=locale, project="Recado", charset="utf-8", fuzzy=False)
        merged.header_comment = f"# Recado in {merged.locale_identifier}."
        for message in fresh:
            if message.id:
                known = old.get(message.id, message.context)
                merged.add(
                    message.id,
                    known.string if known else None,
                    locations=message.locations,
                    context=message.context,
                )
        path_of(locale).parent.mkdir(parents=True, exist_ok=True)
        buffer = BytesIO()
        write_po(buffer, merged, width=100, sort_by_file=True, include_lineno=False)
        path_of(locale).write_bytes(_lasting(buffer.getvalue()))


def _lasting(content: bytes) -> bytes:
    """Without the header lines that change with every run of the tool, or say nothing."""
    dropped = ("POT-Creation", "PO-Revision", "Project-Id", "Report-Msgid", "Last-T", "Language-T")
    starts = tuple(f'"{name}'.encode() for name in (*dropped, "Generated-By"))
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(starts))


def problems() -> list[str]:
    """What keeps a catalogue from being complete and correct, one line each; empty is good."""
    fresh = template_catalogue()
    return [
        f"{locale}: {problem}" for locale in TRANSLATED for problem in _compare(fresh, read(locale))
    ]


def _compare(fresh: Catalog, catalogue: Catalog) -> Iterator[str]:
    for message in fresh:
        if not message.id:
            continue
        where = ", ".join(path for path, _ in message.locations)
        translated = catalogue.get(message.id, message.context)
        if translated is None or not all(_strings(translated)):
            yield f"not translated: {message.id!r} ({where})"
        elif translated.fuzzy:
            yield f"only guessed at: {message.id!r} ({where})"
        else:
            known = _placeholders(_ids(message))
            for text in _strings(translated):
                if not _placeholders([text]) <= known:
                    yield f"unknown placeholder in {text!r} ({where})"
    for message in catalogue:
        if message.id and fresh.get(message.id, message.context) is None:
            yield f"no longer in the source: {message.id!r}"


def _ids(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


def _strings(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ("",))


def _placeholders(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}


def main(arguments: list[str]) -> int:
    """Run one of the commands; the exit code is 0, 1 for problems found, 2 for bad usage."""
    match arguments:
        case ["update"]:
            update()
        case ["list"]:
            for item in extract():
                print(f"{item.path}: {item.message!r}")
            return 0
        case ["check"]:
            pass
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    found = problems()
    print("\n".join(found) or "Every sentence is translated.")
    return 1 if found and arguments == ["check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
