"""The first morning: from nothing but a process to a service that carries mail, all in the browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect
from tests.integration.practice_farm import PORTS
from tests.integration.suite import Suite, suite
from tests.scenario.console.browser import watched
from tests.scenario.console.looks import issues_of
from tests.scenario.console.stage import PASSWORD, Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
EMPTY = ("/", "/services", "/events", "/history", "/what-if")
"""Pages that have nothing to show yet, and say so."""


async def test_the_console_leads_from_nothing_to_a_running_service(
    browser: Browser, stage: Stage
) -> None:
    async with (
        suite(cycle_seconds="0.5") as fresh,
        watched(browser, fresh.url, zone="Europe/Brussels") as (page, _),
    ):
        await claim(page, fresh)
        await expect(page).to_have_url(re.compile("/start"))
        for address in EMPTY:
            await page.goto(address)
            assert (address, await issues_of(page)) == (address, [])
        for name in ("mx1", "mx2"):
            await add_server(page, name, stage.farm.addresses[name])
        await add_imap_service(page, fresh.address)

        await expect(page.get_by_role("heading", level=1)).to_have_text("imap")
        for name in ("mx1", "mx2"):
            row = page.get_by_role("row").filter(has_text=name)
            await expect(row).to_contain_text("up", timeout=15_000)
        whole = await fresh.get("/revisions/0")
        assert (whole["author"], whole["origin"]) == ("anna", "console")
        rows = (await fresh.servers()).values()
        assert {row.server for row in rows} == {"mx1", "mx2"}


async def claim(page: Page, at: Suite) -> None:
    """Make the first account with the code that the log told."""
    await page.goto("/")
    await expect(page).to_have_url(re.compile("/first-run"))
    assert await issues_of(page) == []
    code = re.findall(r"console=unclaimed code=(\S+)", at.log.read_text())[-1]
    await page.get_by_label("Code from the log").fill(code)
    await page.get_by_label("Your name").fill("anna")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Password, once more").fill(PASSWORD)
    await expect(page.get_by_label("Time zone")).to_have_value("Europe/Brussels")
    await page.get_by_role("button", name="Make the account and sign in").click()


async def add_server(page: Page, name: str, address: str) -> None:
    await page.goto("/start")
    await page.get_by_role("link", name=re.compile("Add (a|another) server")).click()
    await page.get_by_label("Name", exact=False).filter(visible=True).last.fill(name)
    await page.get_by_label("Address").fill(address)
    await page.get_by_label("Dovecot").check()
    await page.get_by_text("Details").click()
    ports = "\n".join(f"{usual}: {real}" for usual, real in PORTS.values())
    await page.get_by_label("Ports that differ from the usual").fill(ports)
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("region", name="Difference")).to_contain_text(name)
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator("#notices")).to_contain_text("revision")


async def add_imap_service(page: Page, address: str) -> None:
    await page.goto("/start")
    await page.get_by_role("link", name="Add a service").click()
    await page.get_by_role("link", name="IMAP over TLS").first.click()
    await page.get_by_label("Name", exact=False).first.fill("imap")
    await page.get_by_label("Address", exact=False).first.fill(address)
    await page.get_by_label("Port", exact=False).first.fill("10993")
    await page.get_by_role("button", name="Preview").last.click()
    await expect(page.get_by_role("region", name="Difference")).to_contain_text("imap")
    await page.get_by_role("button", name="Apply").click()
