"""The campaign page while a campaign goes out for real."""

import re

from playwright.async_api import Page, WebSocketRoute, expect
from tests.e2e.conftest import OpenPage
from tests.e2e.web.conftest import HOSTILE_NAMES, Site


def people(count: int) -> list[str]:
    return [f"Pessoa {number}" for number in range(1, count + 1)]


async def count(page: Page, name: str) -> int:
    text = await page.locator(f"[data-count={name}]").inner_text()
    return int(re.sub(r"\D", "", text))


async def test_a_campaign_is_started_followed_and_finished_without_reloading(
    open_page: OpenPage, site: Site
) -> None:
    phones = await site.phones(people(30))
    await site.fail_for(phones[3], 131026)
    campaign = await site.campaign(phones, per_second=6)
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    bar = page.get_by_role("progressbar")
    await expect(bar).to_have_attribute("aria-valuenow", "0")
    await expect(page.get_by_text("As entregas aparecem aqui quando")).to_be_visible()
    await page.evaluate("window.untouched = true")
    await expect(page.get_by_text("30 pessoas receberiam")).to_be_visible()
    await expect(page.locator("dd").nth(2)).to_contain_text(":")  # a time of day

    await page.get_by_role("button", name="Iniciar").click()
    await expect(page.get_by_text("30 pessoas receberiam")).to_be_hidden()
    await expect(page.locator(".chip")).to_have_text("Em andamento")
    await expect(page.get_by_text("ao vivo")).to_be_visible()
    await expect(page.locator("#deliveries tbody tr")).to_have_count(30)
    await expect(page.locator("dd").nth(0)).to_contain_text("por minuto")

    await expect(page.locator(".chip")).to_have_text("Concluída")
    await expect(bar).to_have_attribute("aria-valuenow", "100")
    await expect(bar).to_have_attribute("aria-valuetext", "100%, 30 de 30")
    await expect(page.locator("[data-count=sent]")).to_have_text("29")
    await expect(page.locator("[data-count=failed]")).to_have_text("1")
    await expect(page.locator("[data-count=delivered]")).to_have_text("29")
    await expect(page.locator("#deliveries")).to_contain_text("O número não tem WhatsApp (131026)")
    await expect(page.locator(".throughput canvas")).to_be_visible()
    await expect(page.get_by_role("status").first).to_contain_text("Concluída. 100%, 30 de 30")
    assert await count(page, "read") <= await count(page, "delivered")
    assert await page.evaluate("window.untouched") is True
    await page.reload()
    await expect(page.locator(".throughput canvas")).to_be_visible()


async def test_pausing_and_resuming_by_a_click(open_page: OpenPage, site: Site) -> None:
    campaign = await site.campaign(await site.phones(people(60)), per_second=4)
    await site.start(campaign)
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    await page.get_by_role("button", name="Pausar").click()
    await expect(page.locator(".chip")).to_have_text("Pausada")
    await expect(page.get_by_text("Pausada por uma pessoa.")).to_be_visible()
    await expect(page.get_by_role("button", name="Pausar")).to_be_hidden()
    assert await site.status(campaign) == "paused"
    await page.get_by_role("button", name="Retomar").click()
    await expect(page.locator(".chip")).to_have_text("Em andamento")
    await expect(page.get_by_text("Pausada por uma pessoa.")).to_be_hidden()
    assert await site.status(campaign) == "running"


async def test_cancelling_asks_first(open_page: OpenPage, site: Site) -> None:
    campaign = await site.campaign(await site.phones(people(60)), per_second=2)
    await site.start(campaign)
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    await expect(page.locator(".chip")).to_have_text("Em andamento")
    await page.get_by_role("button", name="Cancelar").click()
    dialog = page.get_by_role("dialog", name="Cancelar esta campanha?")
    await expect(dialog.get_by_role("button", name="Manter a campanha")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert await site.status(campaign) in {"preparing", "running"}

    await page.get_by_role("button", name="Cancelar").click()
    await dialog.get_by_role("button", name="Cancelar a campanha").click()
    await expect(page.locator(".chip")).to_have_text("Cancelada")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    assert await count(page, "cancelled") > 0
    assert await site.status(campaign) == "cancelled"


async def test_an_action_shows_its_result_without_the_live_connection(
    open_page: OpenPage, site: Site
) -> None:
    campaign = await site.campaign(await site.phones(people(60)), per_second=2)
    page = await open_page()
    await page.route_web_socket("**/api/v1/live*", lambda _socket: None)
    await page.route("**/progress", lambda route: route.abort())
    await site.start(campaign)
    await site.running(campaign)
    await site.sign_in(page, f"/campaigns/{campaign}")
    async with site.runtime.db.workspace(site.workspace_id) as tx:
        await tx.run(
            "UPDATE delivery SET status = 'cancelled' WHERE id = (SELECT max(id) FROM delivery)"
        )
    await page.get_by_role("button", name="Pausar").click()
    await expect(page.locator(".chip")).to_have_text("Pausada")
    await expect(page.locator("[data-count=cancelled]")).to_have_text("1")


async def test_what_somebody_else_did_meanwhile_is_told_and_not_done_twice(
    open_page: OpenPage, site: Site
) -> None:
    campaign = await site.campaign(await site.phones(people(60)), per_second=2)
    await site.start(campaign)
    page = await open_page()
    # The page hears nothing of the change, as on a bad connection.
    await page.route_web_socket("**/api/v1/live*", lambda _socket: None)
    await page.route("**/progress", lambda route: route.abort())
    await site.sign_in(page, f"/campaigns/{campaign}")
    await site.cancel(campaign)
    await page.get_by_role("button", name="Pausar").click()
    notice = page.locator("#notices")
    await expect(notice).to_contain_text("A campanha já está no estado “Cancelada”")
    await notice.get_by_role("button", name="Fechar").click()
    await expect(notice).to_be_empty()


async def test_without_the_live_connection_the_page_asks_and_comes_back_to_it(
    open_page: OpenPage, site: Site
) -> None:
    campaign = await site.campaign(await site.phones(people(20)), per_second=2)
    page = await open_page()
    broken = True

    async def connect(socket: WebSocketRoute) -> None:
        if broken:
            await socket.close()
        else:
            socket.connect_to_server()

    await page.route_web_socket("**/api/v1/live*", connect)
    await site.sign_in(page, f"/campaigns/{campaign}")
    await site.start(campaign)
    await expect(page.locator("[data-count=sent]")).not_to_have_text("0")
    await expect(page.get_by_text("ao vivo")).to_be_hidden()
    broken = False
    await expect(page.get_by_text("ao vivo")).to_be_visible()


async def test_a_lost_server_is_told(open_page: OpenPage, site: Site) -> None:
    campaign = await site.campaign(await site.phones(people(2)))
    page = await open_page()

    async def refuse(socket: WebSocketRoute) -> None:
        await socket.close()

    await page.route_web_socket("**/api/v1/live*", refuse)
    await page.route("**/progress", lambda route: route.abort())
    await site.sign_in(page, f"/campaigns/{campaign}")
    await expect(page.get_by_text("Sem conexão com o servidor")).to_be_visible()


async def test_the_deliveries_are_paged_and_filtered_and_the_back_button_goes_back(
    open_page: OpenPage, site: Site
) -> None:
    phones = await site.phones(people(120))
    await site.fail_for(phones[7], 131026)
    campaign = await site.campaign(phones)
    await site.start(campaign)
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    await expect(page.locator(".chip")).to_have_text("Concluída")
    number, rows = page.locator("#deliveries nav p"), page.locator("#deliveries tbody tr")
    await page.get_by_role("link", name="Próxima").click()
    await expect(number).to_have_text("Página 2")
    await expect(rows.first).to_contain_text("Pessoa 51")
    await page.get_by_role("link", name="Próxima").click()
    await expect(number).to_have_text("Página 3")
    await expect(rows).to_have_count(20)
    await expect(page.get_by_role("link", name="Próxima")).to_have_count(0)
    await page.get_by_role("link", name="Anterior").click()
    await expect(number).to_have_text("Página 2")
    await page.go_back()
    await expect(number).to_have_text("Página 3")

    await page.select_option("#status-filter", "failed")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("Pessoa 8")
    assert "status=failed" in page.url
    await page.reload()
    await expect(rows).to_have_count(1)
    await page.get_by_role("link", name="Expiradas").click()
    await expect(page.locator("#deliveries")).to_contain_text("Nenhuma entrega está na situação")
    await page.get_by_role("link", name="Mostrar todas").click()
    await expect(rows).to_have_count(50)


async def test_hostile_names_are_shown_as_text_and_keep_the_page_in_shape(
    open_page: OpenPage, site: Site
) -> None:
    name = "Olá <b>mundo</b> " + "Semespaçoalgum" * 10
    campaign = await site.campaign(await site.phones(HOSTILE_NAMES), name=name)
    await site.start(campaign)
    page = await open_page(width=360, height=780)
    page.on("dialog", lambda dialog: dialog.dismiss())
    await site.sign_in(page, f"/campaigns/{campaign}")
    await expect(page.locator("h1")).to_have_text(name)
    await expect(page.locator(".chip")).to_have_text("Concluída")
    table = page.locator("#deliveries tbody")
    for hostile in HOSTILE_NAMES:
        await expect(table).to_contain_text(hostile)
    assert await page.title() == f"{name} · Recado"
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_the_report_is_a_click_away(open_page: OpenPage, site: Site) -> None:
    campaign = await site.campaign(await site.phones(people(3)))
    await site.start(campaign)
    page = await open_page()
    await site.sign_in(page, f"/campaigns/{campaign}")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Relatório").click()
    file = await (await download.value).path()
    assert len(file.read_text(encoding="utf-8-sig").splitlines()) == 4


async def test_without_scripts_a_campaign_can_still_be_steered(
    open_page: OpenPage, site: Site
) -> None:
    campaign = await site.campaign(await site.phones(people(60)), per_second=2)
    page = await open_page(javascript=False)
    await site.sign_in(page, f"/campaigns/{campaign}")
    await page.get_by_role("button", name="Iniciar").click()
    await expect(page.locator(".chip")).to_have_text(re.compile("Preparando|Em andamento"))
    await page.get_by_role("button", name="Pausar").click()
    await expect(page.locator(".chip")).to_have_text("Pausada")
    await expect(page.get_by_text("Pausada por uma pessoa.")).to_be_visible()


async def test_another_workspace_s_campaign_does_not_exist(open_page: OpenPage, site: Site) -> None:
    page = await open_page()
    await site.sign_in(page)
    for wrong in ("999999999", "9" * 40):
        answer = await page.goto(f"/campaigns/{wrong}")
        assert answer is not None
        assert answer.status == 404
        await expect(page.locator("h1")).to_have_text("Esta página não existe")


async def test_the_list_shows_each_campaign_s_state(open_page: OpenPage, site: Site) -> None:
    page = await open_page()
    await site.sign_in(page)
    await expect(page.get_by_text("Nenhuma campanha ainda")).to_be_visible()
    await expect(page.locator("pre")).to_contain_text("recado send contatos.csv")
    phones = await site.phones(people(2))
    for number in range(1, 23):
        last = await site.campaign(phones, name=f"Campanha {number}")
    await site.start(last)
    await page.reload()
    rows = page.locator("#campaigns li")
    await expect(rows).to_have_count(20)
    await expect(rows.first).to_contain_text("Campanha 22")
    await expect(rows.nth(1)).to_contain_text("Rascunho")
    await page.get_by_role("link", name="Mais antigas").click()
    await expect(rows).to_have_count(2)
    await page.get_by_role("link", name="Mais recentes").click()
    await page.select_option("#status-filter", "failed")
    await expect(page.get_by_text("Nenhuma campanha está no estado “Falhou”")).to_be_visible()
    await page.select_option("#status-filter", "draft")
    await expect(rows).to_have_count(20)
    await expect(rows.first).to_contain_text("Campanha 21")
    await page.get_by_role("link", name="Mais antigas").click()
    await expect(rows).to_have_count(1)
    await page.select_option("#status-filter", "")
    await page.get_by_role("link", name="Campanha 22").click()
    await expect(page.locator("h1")).to_have_text("Campanha 22")
