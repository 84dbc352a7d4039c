"""Take docs/images/campaign.png: the page of a campaign that is being sent, as it is now.

Starts a Recado of its own in a temporary folder, sends the example contacts through the simulator,
and photographs the page in Chromium once enough of them have been read.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import async_playwright

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "campaign.png"
TEXT = "Olá {nome|morador}, tudo bem? Amanhã às 19h30 tem assembleia do {condominio|condomínio}."
PER_SECOND = 20
WANTED_SHARE = 0.62  # of the campaign, when the picture is taken
FAULTS = {"rules": [{"rate": 0.02, "fault": {"kind": "error", "code": 131026}}]}
SIZE = {"width": 1280, "height": 1240}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


async def main() -> None:
    program = os.environ.get("RECADO_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory(prefix="recado-picture-") as home:
        await asyncio.to_thread(Path(home).chmod, 0o755)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "recado", "up", "--json", "--port", "0"),
            env={**os.environ, "RECADO_HOME": home},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout
            up = json.loads(await process.stdout.readline())
            async with aiohttp.ClientSession(
                up["url"], headers={"Authorization": f"Bearer {up['api_key']}"}
            ) as api:
                campaign = await prepare(api, up)
                await photograph(program, up, api, campaign)
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def prepare(api: aiohttp.ClientSession, up: dict[str, Any]) -> int:
    """Import the example contacts and make a campaign to them; its id."""
    async with api.post(f"{up['simulator_url']}/_sim/faults", json=FAULTS) as answer:
        answer.raise_for_status()
    channel = (await call(api, "GET", "channels"))["items"][0]["id"]
    await call(api, "PATCH", f"channels/{channel}", {"pacing": {"perSecond": PER_SECOND}})
    form = aiohttp.FormData({"list": "Moradores"})
    form.add_field("file", (ROOT / "examples" / "contatos.csv").read_bytes(), filename="c.csv")
    async with api.post("/api/v1/contacts/import", data=form) as answer:
        started = await answer.json()
    while True:
        found = await call(api, "GET", f"imports/{started['id']}")
        if found["status"] == "completed":
            break
        await asyncio.sleep(0.2)
    made = await call(
        api,
        "POST",
        "campaigns",
        {
            "name": "Assembleia de novembro",
            "channel_ids": [channel],
            "audience": {"list_ids": [found["list_id"]]},
            "content": {"type": "text", "text": TEXT},
        },
    )
    return int(made["id"])


async def photograph(
    program: str, up: dict[str, Any], api: aiohttp.ClientSession, campaign: int
) -> None:
    """Start the campaign and take its picture when much of it is done."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(
            base_url=up["url"],
            locale="pt-BR",
            color_scheme="light",
            timezone_id="America/Sao_Paulo",
            viewport=SIZE,
            device_scale_factor=1.25,
        )
        await page.goto(f"/login?next=/campaigns/{campaign}")
        await page.fill("input[name=email]", up["email"])
        await page.fill("input[name=password]", up["password"])
        await page.keyboard.press("Enter")
        await page.wait_for_url(lambda url: urlsplit(url).path.startswith("/campaigns"))
        await call(api, "POST", f"campaigns/{campaign}/start")
        await page.goto(f"/campaigns/{campaign}")
        while True:
            progress = await call(api, "GET", f"campaigns/{campaign}/progress")
            if progress["sent"] > WANTED_SHARE * max(1, progress["total"]):
                break
            await asyncio.sleep(0.3)
        await asyncio.sleep(2.5)  # the page hears of it every two seconds
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURE)
        await browser.close()


async def call(
    api: aiohttp.ClientSession, method: str, path: str, body: object = None
) -> dict[str, Any]:
    async with api.request(method, f"/api/v1/{path}", json=body) as answer:
        answer.raise_for_status()
        found: dict[str, Any] = await answer.json()
        return found


if __name__ == "__main__":
    asyncio.run(main())
