"""The way in and out."""

import aiohttp
from playwright.async_api import expect
from tests.e2e.conftest import OpenPage
from tests.e2e.web.conftest import Site

from recado.features.users.roles import Role


async def test_a_page_leads_through_signing_in_and_back_to_itself(
    open_page: OpenPage, site: Site
) -> None:
    campaign = await site.campaign(await site.phones(["Ana"]), name="Reunião de condomínio")
    page = await open_page()
    await page.goto(f"/campaigns/{campaign}?status=failed")
    await expect(page.locator("h1")).to_have_text("Entrar")
    await page.fill("#email", site.email.upper())
    await page.fill("#password", site.password)
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Reunião de condomínio")
    assert page.url.endswith(f"/campaigns/{campaign}?status=failed")


async def test_a_wrong_password_is_told_and_the_e_mail_is_kept(
    open_page: OpenPage, site: Site
) -> None:
    page = await open_page()
    await page.goto("/login")
    await page.fill("#email", site.email)
    await page.fill("#password", "não é esta")
    await page.click("form button[type=submit]")
    await expect(page.get_by_role("alert").first).to_contain_text("E-mail ou senha incorretos")
    await expect(page.locator("#email")).to_have_value(site.email)
    await expect(page.locator("#password")).to_have_value("")
    await expect(page.locator("#password")).to_be_focused()


async def test_the_password_can_be_looked_at(open_page: OpenPage) -> None:
    page = await open_page()
    await page.goto("/login")
    await page.fill("#password", "segredo")
    await page.get_by_role("button", name="Mostrar a senha").click()
    await expect(page.locator("#password")).to_have_attribute("type", "text")
    await page.get_by_role("button", name="Ocultar a senha").click()
    await expect(page.locator("#password")).to_have_attribute("type", "password")


async def test_who_guesses_passwords_must_wait_even_with_the_right_one(
    open_page: OpenPage, site: Site
) -> None:
    address = f"{site.installation.url}/login"
    async with aiohttp.ClientSession() as session:
        for _ in range(10):
            form = {"email": site.email, "password": "um chute"}
            async with session.post(address, data=form) as answer:
                assert answer.status == 422
        form = {"email": site.email, "password": site.password}
        async with session.post(address, data=form, allow_redirects=False) as answer:
            assert answer.status == 429
            assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    page = await open_page()
    await page.goto("/login")
    await page.fill("#email", site.email)
    await page.fill("#password", site.password)
    await page.click("form button[type=submit]")
    await expect(page.get_by_role("alert").first).to_contain_text("Espere 15 min")


async def test_signing_out_ends_the_session(open_page: OpenPage, site: Site) -> None:
    page = await open_page()
    await site.sign_in(page)
    await page.get_by_role("button", name="sua conta").click()
    await page.get_by_role("button", name="Sair").click()
    await expect(page.locator("h1")).to_have_text("Entrar")
    await page.goto("/campaigns")
    await expect(page.locator("h1")).to_have_text("Entrar")


async def test_a_session_ends_with_the_membership(open_page: OpenPage, site: Site) -> None:
    page = await open_page()
    await site.sign_in(page)
    async with site.runtime.db.system() as tx:
        await tx.run(
            "DELETE FROM membership WHERE workspace_id = %(workspace)s", workspace=site.workspace_id
        )
    await page.reload()
    await expect(page.locator("h1")).to_have_text("Entrar")


async def test_a_viewer_sees_a_campaign_and_cannot_steer_it(
    open_page: OpenPage, site: Site
) -> None:
    campaign = await site.campaign(await site.phones(["Ana"]))
    site.email, site.password = await site.person(Role.VIEWER)
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    await expect(page.get_by_role("link", name="Relatório")).to_be_visible()
    await expect(page.get_by_role("button", name="Iniciar")).to_have_count(0)
    answer = await page.request.post(
        f"/campaigns/{campaign}/start", headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status == 403
    assert await site.status(campaign) == "draft"


async def test_a_form_of_another_site_changes_nothing(open_page: OpenPage, site: Site) -> None:
    campaign = await site.campaign(await site.phones(["Ana"]))
    page = await open_page()
    await site.sign_in(page)
    answer = await page.request.post(
        f"/campaigns/{campaign}/start", headers={"Origin": "https://elsewhere.example"}
    )
    assert answer.status == 403
    assert await site.status(campaign) == "draft"
