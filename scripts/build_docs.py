"""Build the documentation as a static site in site/: pages, images, and the source they link to.

The reference pages that come from the code are written first (generate_reference.py), so that the
site never tells of an older version. Every link to a file of the repository must lead somewhere.
Diagrams are drawn in the browser by Mermaid, which npm brings at the first build, as
docs/theme/package-lock.json has it; where that fails they stay readable as text.
"""

import json
import posixpath
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_pages import anchors, headings, parser
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).parents[1]
SITE = ROOT / "site"
THEME = ROOT / "docs" / "theme"
NAVIGATION: Sequence[tuple[str, str]] = (
    ("Start", "README.md docs/index.md"),
    ("How to", "docs/howto/*.md"),
    ("Reference", "docs/reference/*.md"),
    ("The inside", "ARCHITECTURE.md docs/adr/index.md docs/adr/0*.md"),
    ("The project", "CHANGELOG.md CONTRIBUTING.md NOTICE.md examples/README.md"),
)
IMAGES = frozenset({".png", ".jpg", ".svg"})


class BrokenLink(Exception):
    """A page links to what is not there."""


@dataclass
class Page:
    """One Markdown file of the repository, or one file that some page links to."""

    source: Path
    title: str
    tokens: list[Token] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it stands in the site."""
        path = self.source.relative_to(ROOT).as_posix()
        if path == "README.md":
            return "index.html"
        return path.removesuffix(".md") + ".html"


def load(source: Path) -> Page:
    """Read a Markdown file; its first heading is its title."""
    tokens = parser().parse(source.read_text(encoding="utf-8"))
    title = next((text for _, text in headings(tokens)), source.stem)
    return Page(source, title, tokens)


def navigation() -> list[tuple[str, list[Page]]]:
    """The pages by group, in the order in which they are read."""
    groups = []
    for name, patterns in NAVIGATION:
        found = [path for pattern in patterns.split() for path in sorted(ROOT.glob(pattern))]
        groups.append((name, [load(path) for path in found]))
    return groups


class Builder:
    """Renders pages, and remembers what they link to."""

    def __init__(self, groups: list[tuple[str, list[Page]]], *, diagrams: bool) -> None:
        self._groups = groups
        self._diagrams = diagrams
        self._pages = {page.source: page for _, pages in groups for page in pages}
        self._formatter = HtmlFormatter(nowrap=True)
        environment = Environment(
            loader=FileSystemLoader(THEME),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("page.html")
        self._sources: set[Path] = set()

    def build(self) -> int:
        """Write all pages and what they link to; says how many files that were."""
        for page in self._pages.values():
            self._write(page, self._body(page))
        for source in sorted(self._sources):
            name = source.relative_to(ROOT).as_posix()
            listing = f"<h1>{escape(name)}</h1>\n<pre><code>{self._source(source)}</code></pre>"
            self._write(Page(source, name), listing)
        styles = (THEME / "style.css").read_text(encoding="utf-8")
        assets = SITE / "assets"
        assets.mkdir()
        dark = HtmlFormatter(style="github-dark").get_style_defs("pre")
        (assets / "style.css").write_text(
            f"{styles}\n{HtmlFormatter(style='xcode').get_style_defs('pre')}\n"
            f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
            "pre { background: var(--panel); }\n",
            encoding="utf-8",
        )
        return len(self._pages) + len(self._sources)

    def _body(self, page: Page) -> str:
        for (opening, _), name in zip(headings(page.tokens), anchors(page.tokens), strict=True):
            opening.attrSet("id", name)
        for token in page.tokens:
            for child in token.children or []:
                for attribute in ("href", "src"):
                    target = child.attrGet(attribute)
                    if isinstance(target, str):
                        child.attrSet(attribute, self._target(page, target))
        renderer = RendererHTML()
        renderer.rules["fence"] = self._fence
        return str(renderer.render(page.tokens, parser().options, {}))

    def _target(self, page: Page, link: str) -> str:
        """Where a link of the repository leads within the site."""
        parts = urlsplit(link)
        if parts.scheme or not parts.path:
            return link
        target = (page.source.parent / unquote(parts.path)).resolve()
        if not target.is_file() or not target.is_relative_to(ROOT):
            raise BrokenLink(f"{page.source.relative_to(ROOT)}: {link}")
        if target.suffix in IMAGES:
            copy = SITE / target.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)
            address = target.relative_to(ROOT).as_posix()
        elif target in self._pages:
            address = self._pages[target].address
        else:
            self._sources.add(target)
            address = Page(target, "").address
        relative = posixpath.relpath(address, posixpath.dirname(page.address) or ".")
        return f"{relative}#{parts.fragment}" if parts.fragment else relative

    def _fence(self, tokens: Sequence[Token], index: int, options: object, env: object) -> str:
        del options, env
        token = tokens[index]
        language = token.info.strip()
        if language == "mermaid":
            return f'<pre class="mermaid">{escape(token.content)}</pre>\n'
        return f"<pre><code>{self._coloured(token.content, language)}</code></pre>\n"

    def _coloured(self, text: str, language: str) -> str:
        try:
            return str(highlight(text, get_lexer_by_name(language), self._formatter))
        except ClassNotFound:
            return escape(text)

    def _source(self, path: Path) -> str:
        text = path.read_text(encoding="utf-8")
        try:
            return str(highlight(text, get_lexer_for_filename(path.name), self._formatter))
        except ClassNotFound:
            return escape(text)

    def _write(self, page: Page, body: str) -> None:
        target = SITE / page.address
        target.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * page.address.count("/")
        text = self._template.render(
            language="en",
            title=page.title,
            address=page.address,
            root=root,
            navigation=self._groups,
            body=Markup(body),
            diagrams=self._diagrams and 'class="mermaid"' in body,
        )
        target.write_text(text, encoding="utf-8")


def bring_mermaid() -> Path | None:
    """Mermaid as the lock file names it, installed once; None where npm cannot bring it."""
    wanted = json.loads((THEME / "package.json").read_text())["dependencies"]["@mermaid-js/tiny"]
    folder = THEME / "node_modules" / "@mermaid-js" / "tiny"
    package = folder / "package.json"
    if not package.is_file() or json.loads(package.read_text())["version"] != wanted:
        npm = shutil.which("npm", path=str(Path(sys.executable).parent)) or "npm"
        done = subprocess.run(
            [npm, "ci", "--no-progress", "--loglevel=error"], cwd=THEME, check=False
        )
        if done.returncode:
            print("Mermaid could not be installed: diagrams are shown as text.", file=sys.stderr)
            return None
    return folder / "dist" / "mermaid.tiny.js"


def main() -> int:
    """Write the reference and the site; the exit code."""
    subprocess.run([sys.executable, Path(__file__).with_name("generate_reference.py")], check=True)
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir()
    try:
        mermaid = bring_mermaid()
    except OSError as error:
        print(f"npm does not run ({error}): diagrams are shown as text.", file=sys.stderr)
        mermaid = None
    try:
        pages = Builder(navigation(), diagrams=mermaid is not None).build()
    except BrokenLink as error:
        print(f"A link leads nowhere: {error}", file=sys.stderr)
        return 1
    if mermaid is not None:
        shutil.copyfile(mermaid, SITE / "assets" / "mermaid.js")
    print(f"{pages} pages in {SITE.relative_to(ROOT)}/: open {SITE / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
