"""Write the pages of docs/reference that tell what the code says: commands, settings, errors …

Run without arguments to write the files, with --check to be told which are out of date.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings
from reference_texts import (
    COMMANDS,
    COMMANDS_ALONE,
    CONFIGURATION,
    ERRORS,
    PACING,
    PACING_KEYS,
    SETTINGS,
    STATUSES,
    WRITTEN,
)

import recado
from recado.api.errors import status_of
from recado.cli.main import app
from recado.domain import pacing
from recado.domain.errors import RecadoError
from recado.platform import settings

NOT_FOR_IMPORT = ("recado.__main__", "recado.platform.migrations.")
LARGEST = 2**31  # a bound beyond this tells a person nothing
FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table; bars inside cells are escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def commands() -> str:
    """The page of commands, from the command line's own definitions."""
    sections = [COMMANDS.format(written=WRITTEN.format(source="`recado.cli`"))]
    for path, command in leaves(typer.main.get_command(app), "recado"):
        rows = [
            (f"`{_named(parameter)}`", _meaning(parameter), _default(parameter))
            for parameter in command.params
        ]
        usage = " ".join([path, *(_usage(parameter) for parameter in command.params)])
        section = f"## {path}\n\n{(command.help or '').strip()}\n\n```text\n{usage}\n```\n"
        if rows:
            section += "\n" + table(("argument or option", "meaning", "default"), rows) + "\n"
        sections.append(section)
    return "\n".join(sections)


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, and what is typed to reach it."""
    children: dict[str, Any] = getattr(command, "commands", {})
    for name, child in children.items():
        yield from leaves(child, f"{path} {name}")
    if not children:
        yield path, command


def _is_option(parameter: Any) -> bool:
    return str(parameter.opts[0]).startswith("-")


def _value(parameter: Any) -> str:
    """What is to be typed for a value; empty for a switch."""
    kind = parameter.type_descriptor.annotation
    if getattr(parameter, "is_bool_flag", False):
        return ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    names = {int: "N", Path: "FILE"}
    return names.get(kind, "TEXT")


def _named(parameter: Any) -> str:
    if not _is_option(parameter):
        return str(parameter.name).upper()
    switches = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return f"{switches} {_value(parameter)}".strip()


def _usage(parameter: Any) -> str:
    if not _is_option(parameter):
        return str(parameter.name).upper()
    text = f"{parameter.opts[0]} {_value(parameter)}".strip()
    return text if parameter.required else f"[{text}]{'…' if parameter.multiple else ''}"


def _meaning(parameter: Any) -> str:
    text = (parameter.help or "").rstrip(".")
    if parameter.min is not None and (parameter.max or LARGEST) < LARGEST:
        text = f"{text}; from {parameter.min} to {parameter.max}".lstrip("; ")
    return text[:1].upper() + text[1:]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value in ("", False):
        return ""
    return "on" if value is True else f"`{getattr(value, 'value', value)}`"


def configuration() -> str:
    """The page of settings, one table a group."""
    sections = [CONFIGURATION.format(written=WRITTEN.format(source="`recado.platform.settings`"))]
    for group in groups():
        rows = [
            (f"`{name}`", setting_default(field), SETTINGS.get(name) or field.description or "")
            for name, field in variables(group)
        ]
        doc = (group.__doc__ or "").strip()
        head = ("variable", "default", "meaning")
        sections.append(f"## {group.__name__}\n\n{doc}\n\n{table(head, rows)}\n")
    return "\n".join(sections)


def groups() -> list[type[BaseSettings]]:
    """The groups of settings, in their order."""
    return [
        member
        for name, member in vars(settings).items()
        if isinstance(member, type)
        and issubclass(member, BaseSettings)
        and member.__module__ == settings.__name__
        and not name.startswith("_")
    ]


def variables(group: type[BaseSettings]) -> Iterator[tuple[str, FieldInfo]]:
    """Every setting of a group: its environment variable and its field."""
    prefix = group.model_config.get("env_prefix", "")
    for name, field in group.model_fields.items():
        alias = field.validation_alias
        yield alias if isinstance(alias, str) else f"{prefix}{name}".upper(), field


def setting_default(field: FieldInfo) -> str:
    """A setting's default as one would write it, with its choices."""
    if field.default_factory is not None:
        return "`~/.local/share/recado`"  # the only one that is worked out
    value = field.default
    if value is None or value is PydanticUndefined:
        return ""
    text = str(value).lower() if isinstance(value, bool) else f"{value}"
    if get_origin(field.annotation) is Literal:
        others = ", ".join(f"`{one}`" for one in get_args(field.annotation) if one != value)
        return f"`{text}`; or {others}"
    return f"`{text}`"


def pace() -> str:
    """The page of pacing keys and presets."""
    keys = [
        (f"`{key}`", unit, meaning, "yes" if kept else "not yet")
        for key, (unit, meaning, kept) in ((key, PACING_KEYS[key]) for key in pacing.KEYS)
    ]
    shown = {name: pacing.shown(preset) for name, preset in pacing.PRESETS.items()}
    presets = [
        (
            f"`{key}`",
            *("" if values[key] is None else f"{values[key]:g}" for values in shown.values()),
        )
        for key in pacing.KEYS
    ]
    return PACING.format(
        written=WRITTEN.format(source="`recado.domain.pacing`"),
        keys=table(("key", "unit", "meaning", "enforced"), keys),
        presets=table(("key", *(f"`{name}`" for name in shown)), presets),
        cloud=pacing.default_preset("meta"),
        other=pacing.default_preset("another"),
    )


def errors() -> str:
    """The page of errors, by HTTP status."""
    found = sorted(kinds(), key=lambda kind: (kind.code, kind.sentence))
    local = [kind for kind in found if kind.__module__.startswith(COMMANDS_ALONE)]
    sections = []
    for status, meaning in STATUSES.items():
        rows = [row(kind) for kind in found if status_of(of(kind)) == status and kind not in local]
        if rows:
            head = f"## {status}: {meaning}\n\n"
            sections.append(head + table(("code", "message"), rows) + "\n")
    rows = [row(kind) for kind in local]
    sections.append("## Told by commands alone\n\n" + table(("code", "message"), rows) + "\n")
    written = WRITTEN.format(source="the errors themselves")
    return ERRORS.format(written=written, tables="\n".join(sections))


def kinds() -> list[type[RecadoError]]:
    """Every kind of error that has a sentence of its own."""
    for module in pkgutil.walk_packages(recado.__path__, "recado."):
        if not module.name.startswith(NOT_FOR_IMPORT):
            importlib.import_module(module.name)
    found = [RecadoError]
    for kind in found:  # grows meanwhile
        found += [each for each in kind.__subclasses__() if each not in found]
    return [kind for kind in found if "sentence" in vars(kind)]


def of(kind: type[RecadoError]) -> RecadoError:
    """Something of this kind, for its status alone: kinds ask for parameters of their own."""
    return kind.__new__(kind)


def row(kind: type[RecadoError]) -> tuple[str, str]:
    """A kind of error as the page shows it."""
    return f"`{kind.code}`", " ".join(kind.sentence.split())


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "configuration.md": configuration,
    "errors.md": errors,
    "pacing.md": pace,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check compare them; the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    late = []
    for name, write in PAGES.items():
        page, path = write(), FOLDER / name
        if arguments:
            if not path.exists() or path.read_text(encoding="utf-8") != page:
                late.append(name)
        else:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
    if late:
        print(f"Out of date: {', '.join(late)}. Run 'make docs'.")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
