"""The pages by keyboard, by screen reader, on a phone, in the dark, in both languages."""

import itertools
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from playwright.async_api import Page, expect
from tests.e2e.conftest import OpenPage, Scheme
from tests.e2e.web.conftest import HOSTILE_NAMES, Site

Axe = Callable[[Page], Awaitable[list[str]]]

SCHEMES: tuple[Scheme, ...] = ("light", "dark")


class Look(NamedTuple):
    """How a reader sees the pages."""

    language: str
    scheme: Scheme
    width: int


LOOKS = [Look(*look) for look in itertools.product(("pt-BR", "en"), SCHEMES, (360, 1280))]

every_look = pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look)))


async def fits(page: Page) -> bool:
    """Whether nothing sticks out of the page to the right."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@every_look
async def test_nothing_keeps_anybody_from_using_the_pages(
    open_page: OpenPage, site: Site, axe: Axe, look: Look
) -> None:
    page = await open_page(**look._asdict(), height=800)
    await page.goto("/login")
    assert await axe(page) == []
    assert await fits(page)
    await page.fill("#email", site.email)
    await page.fill("#password", "não é esta")
    await page.click("form button[type=submit]")
    await expect(page.locator("#sign-in-error")).to_be_visible()
    assert await axe(page) == []
    await site.sign_in(page)
    assert await axe(page) == [], "the list without campaigns"
    assert await fits(page)

    campaign = await site.campaign(await site.phones(HOSTILE_NAMES * 8), per_second=2)
    await page.goto(f"/campaigns/{campaign}")
    assert await axe(page) == [], "a draft"
    assert await fits(page)
    await site.start(campaign)
    await expect(page.locator("#deliveries tbody tr")).to_have_count(50)
    await expect(page.locator("[data-count=sent]")).not_to_have_text("0")
    assert await axe(page) == [], "a running campaign"
    assert await fits(page)

    await page.locator("[aria-controls=person-menu]").click()
    await expect(page.locator("#person-menu")).to_be_visible()
    assert await axe(page) == [], "the open menu"
    await page.keyboard.press("Escape")
    await expect(page.locator("#person-menu")).to_be_hidden()
    await page.locator("button.text-error").click()
    await expect(page.locator("dialog")).to_be_visible()
    assert await axe(page) == [], "the open dialog"
    await page.keyboard.press("Escape")

    await site.pause(campaign)
    await page.goto(f"/campaigns/{campaign}?status=expired")
    await expect(page.locator(".hint[data-tone=warning]")).to_be_visible()
    assert await axe(page) == [], "a paused campaign and an empty list"
    await page.goto("/campaigns")
    assert await axe(page) == [], "the list of campaigns"
    assert await fits(page)
    await page.get_by_role(
        "link", name="Canais" if look.language == "pt-BR" else "Channels"
    ).click()
    await expect(page.locator("#channels li")).to_have_count(1)
    assert await axe(page) == [], "the list of channels"
    assert await fits(page)
    await page.goto("/nothing-here")
    assert await axe(page) == [], "a page that does not exist"


async def test_a_campaign_can_be_steered_by_keyboard_alone(open_page: OpenPage, site: Site) -> None:
    campaign = await site.campaign(await site.phones(["Ana"] * 60), per_second=2)
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")  # back to the campaigns
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Iniciar")).to_be_focused()
    await page.keyboard.press("Enter")
    pause = page.get_by_role("button", name="Pausar")
    await expect(pause).to_be_visible()
    await pause.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".chip")).to_have_text("Pausada")


async def test_the_theme_follows_the_system_until_one_chooses(open_page: OpenPage) -> None:
    page = await open_page(scheme="dark")
    await page.goto("/login")
    root = page.locator("html")
    dark = await root.evaluate("(element) => getComputedStyle(element).backgroundColor")
    await page.emulate_media(color_scheme="light")
    await expect(root).not_to_have_css("background-color", dark)
    await page.get_by_role("button", name="Usar o tema escuro").click()
    await expect(root).to_have_css("background-color", dark)
    await page.reload()
    await expect(root).to_have_css("background-color", dark)
    await expect(page.get_by_role("button", name="Usar o tema claro")).to_be_visible()


async def test_a_chosen_theme_never_flashes_the_other_one(open_page: OpenPage) -> None:
    page = await open_page(scheme="light")
    await page.goto("/login")
    await page.get_by_role("button", name="Usar o tema escuro").click()
    # The body's first element is not there before the theme is.
    await page.add_init_script(
        "new MutationObserver((_, observer) => {"
        "  if (!document.body) return;"
        "  window.firstTheme = document.documentElement.dataset.theme;"
        "  observer.disconnect();"
        "}).observe(document, {childList: true, subtree: true});"
    )
    await page.reload()
    assert await page.evaluate("window.firstTheme") == "dark"


async def test_the_language_is_the_browser_s_until_one_chooses(
    open_page: OpenPage, site: Site
) -> None:
    page = await open_page(language="en")
    await page.goto("/login?next=/campaigns")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.get_by_role("link", name="Português").click()
    await expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
    await site.sign_in(page)
    await expect(page.locator("h1")).to_have_text("Campanhas")


async def test_times_are_the_workspace_s_wherever_the_reader_sits(
    open_page: OpenPage, site: Site
) -> None:
    campaign = await site.campaign(await site.phones(["Ana"]))
    async with site.runtime.db.workspace(site.workspace_id) as tx:
        await tx.run(
            "UPDATE campaign SET created_at = '2026-03-01T01:30:00Z' WHERE id = %(id)s", id=campaign
        )
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    await expect(page.locator("header time")).to_have_text("28/02/2026 22:30")


async def test_the_api_s_description_is_shown_without_a_byte_from_elsewhere(
    open_page: OpenPage,
) -> None:
    page = await open_page()
    await page.goto("/docs")
    await expect(page.locator(".opblock").first).to_be_visible()
    await expect(page.locator("#swagger-ui")).to_contain_text("/api/v1/campaigns")
