"""A real Chromium, and pages in it that must not complain."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect
from tests.support.processes import Installation

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WHERE_TO_GET_IT = (
    "no Chromium found: install one (Debian: apt-get install chromium) or set RECADO_CHROMIUM"
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
PATIENCE = 20_000  # milliseconds that a page may take for what it should do soon

Scheme = Literal["light", "dark"]

expect.set_options(timeout=PATIENCE)


def find_chromium() -> str | None:
    """The browser's program: the one that is named, or the first on the path."""
    named = os.environ.get("RECADO_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = find_chromium()
    if program is None:
        # Where a browser must be there, as in CI, a skipped test would hide a missing one.
        if os.environ.get("RECADO_BROWSER_REQUIRED"):
            pytest.fail(WHERE_TO_GET_IT)
        pytest.skip(WHERE_TO_GET_IT)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        await running.close()


@dataclass
class Complaints:
    """What went wrong in a page without anybody seeing it: errors, refused loads, foreign hosts."""

    host: str
    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("request", lambda request: self._request(request.url))

    def _console(self, message: ConsoleMessage) -> None:
        # A refusal that a test provokes, such as a wrong password, is logged by the browser too.
        expected = message.text.startswith("Failed to load resource") or (
            "WebSocket connection to" in message.text
        )
        if message.type in {"error", "warning"} and not expected:
            self.found.append(f"{message.type}: {message.text}")

    def _request(self, url: str) -> None:
        if f"//{self.host}" not in url:
            self.found.append(f"loaded from elsewhere: {url}")


OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture
async def open_page(browser: Browser, installation: Installation) -> AsyncIterator[OpenPage]:
    """Opens pages of a fresh browser profile each; the test fails if one of them complains."""
    contexts = []
    complaints = Complaints(installation.url.partition("//")[2])

    async def make(
        *,
        language: str = "pt-BR",
        scheme: Scheme = "light",
        width: int = 1280,
        height: int = 900,
        javascript: bool = True,
    ) -> Page:
        context = await browser.new_context(
            base_url=installation.url,
            locale=language,
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            reduced_motion="reduce",
            # Far from the workspace's: times must not depend on where the reader sits.
            timezone_id="Asia/Tokyo",
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = await context.new_page()
        complaints.watch(page)
        await page.bring_to_front()
        return page

    yield make
    for context in contexts:
        await context.close()
    assert complaints.found == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], Awaitable[list[str]]]:
    """Checks a page for what keeps people from using it; answers with the violations."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run 'make setup'")
    source = AXE.read_text(encoding="utf-8")

    async def check(page: Page) -> list[str]:
        await page.evaluate(source)
        violations: list[dict[str, Any]] = await page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)"
        )
        return [
            f"{found['id']}: {found['help']}: {[node['html'] for node in found['nodes'][:3]]}"
            for found in violations
        ]

    return check
