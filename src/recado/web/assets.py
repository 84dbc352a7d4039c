"""Addresses of the built scripts, styles and icons.

Every file name holds a digest of its content, so a browser may keep it for ever.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PREFIX = "/static"
DIST = Path(__file__).parent / "static" / "dist"
_FOR_EVER = "public, max-age=31536000, immutable"


class NotBuiltError(RuntimeError):
    """The assets were never built. Run 'python hatch_build.py' in the source tree."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True, slots=True)
class Assets:
    """What the build has written down about its results."""

    manifest: dict[str, dict[str, Any]]

    def script(self, name: str) -> str:
        """The address of a script of ``frontend/src``, such as ``app.js``."""
        return self._address(self.manifest[f"src/{name}"]["file"])

    def styles(self, name: str) -> list[str]:
        """The addresses of the style sheets that come with a script."""
        return [self._address(file) for file in self.manifest[f"src/{name}"].get("css", ())]

    def font(self) -> str:
        """The address of the font that nearly every page needs at once: the Latin letters."""
        file = next(
            entry["file"]
            for name, entry in self.manifest.items()
            if name.endswith("inter-latin-wght-normal.woff2")
        )
        return self._address(file)

    def icon(self, name: str) -> str:
        """The address of one icon in the sprite."""
        return f"{self._address(self.manifest['icons.svg']['file'])}#{name}"

    @staticmethod
    def _address(file: str) -> str:
        return f"{PREFIX}/{file}"


@cache
def built() -> Assets:
    """The built assets.

    Raises:
        NotBuiltError: The source tree was never built.

    """
    try:
        return Assets(json.loads((DIST / "manifest.json").read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise NotBuiltError from error


class AssetFiles(StaticFiles):
    """Serves the built files; those named by their content are never asked for twice."""

    def __init__(self) -> None:
        super().__init__(directory=DIST, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, or 404."""
        response = await super().get_response(path, scope)
        if path.startswith("assets/"):
            response.headers["Cache-Control"] = _FOR_EVER
        return response
