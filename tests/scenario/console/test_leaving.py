"""Somebody leaves: the page before each step says what goes with them, with JavaScript and without."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.signing import sign_in
from tests.scenario.console.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
PASSWORD = "four words make it"


async def make_token(page: Page, name: str) -> None:
    await page.goto("/tokens")
    await page.get_by_label("Who or what will use it").fill(name)
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.locator("#content")).to_contain_text(f"The token {name} is made")


async def test_tokens_end_with_the_account_that_made_them_after_a_page_that_says_so(
    visit: Visit, stage: Stage
) -> None:
    made = {"name": "lea", "role": "admin", "password": PASSWORD}
    (await stage.suite.api("POST", "/accounts", made)).good()
    async with visit() as (page, _):
        await sign_in(page, "lea", PASSWORD)
        for name in ("backup", "monitor"):
            await make_token(page, name)
    async with visit("admin") as (page, _):
        await page.goto("/tokens?maker=lea")
        await page.get_by_role("link", name="Revoke monitor").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("End the token monitor")
        assert await issues_of(page) == []
        await page.get_by_label("Reason").fill("not used")
        await page.get_by_role("button", name="End the token").click()
        await expect(page).to_have_url(f"{stage.suite.url}/tokens")
    async with visit("admin", javascript=False) as (page, _):
        await page.goto("/accounts/lea")
        await page.get_by_role("link", name="Remove").click()
        words = page.locator("#content")
        await expect(words).to_contain_text("1 valid token that lea made end with it")
        await page.get_by_role("button", name="Remove").click()
        await expect(page).to_have_url(f"{stage.suite.url}/accounts")
        await expect(page.get_by_role("link", name="lea", exact=True)).to_have_count(0)
    left = await stage.suite.get("/tokens", maker="lea", valid="true")
    assert left["tokens"] == []
