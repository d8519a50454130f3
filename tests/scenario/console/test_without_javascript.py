"""Who has no JavaScript reads every page and does every thing: links and forms are enough."""

from __future__ import annotations

import pytest
from playwright.async_api import Page
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import settled
from tests.scenario.console.pages import UNSIGNED, address_of, page_paths

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]


async def outline(page: Page, address: str, *, javascript: bool) -> list[str]:
    """Return the headings and the heads of columns of a page, as they can be seen.

    Charts are left out: they are drawn by a script, and hidden from who can not see them; a table beside
    them says the same.
    """
    await page.goto(address)
    await settled(page)
    # What is worked out is asked for by the page itself, or by its button.
    ask = page.locator('main form[hx-trigger^="load"]')
    if not javascript and await ask.count():
        await ask.locator("button").first.click()
    await ask.wait_for(state="detached")
    found = page.locator(":is(h1, h2, h3, th):not([aria-hidden=true] *):visible")
    return [" ".join(text.split()) for text in await found.all_inner_texts()]


async def test_every_page_says_the_same_without_javascript(visit: Visit) -> None:
    paths = [path for path in page_paths() if not path.startswith(UNSIGNED)]
    without = {}
    async with visit("admin", javascript=False) as (page, _):
        for path in paths:
            without[path] = await outline(page, address_of(path), javascript=False)
    async with visit("admin") as (page, _):
        for path in paths:
            assert without[path] == await outline(page, address_of(path), javascript=True), path
