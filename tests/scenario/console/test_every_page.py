"""Every page is usable by everybody: accessible, in both colours, on a telephone and on a wall."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page
from tests.scenario.console.axe import serious_issues
from tests.scenario.console.conftest import Visit
from tests.scenario.console.pages import UNSIGNED, address_of, page_paths
from tests.scenario.console.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
NARROW, WIDE = 380, 2560
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules that see colours: all that can differ in the dark."""


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def trouble(stage: Stage) -> AsyncIterator[None]:
    """Something to show: a workload that is down, a server that drains, a change and its reason."""
    await stage.farm.break_("cas1/ecp", "503")
    await stage.suite.post("/servers/mx2/drain", {"reason": "monthly updates"})
    await stage.suite.event(kind="server-down", workload="ecp")
    yield
    await stage.reset()


async def test_the_pages_are_those_of_the_application() -> None:
    assert {"/", "/services", "/servers", "/events", "/history", "/what-if", "/sign-in"} <= set(
        page_paths()
    )


@pytest.mark.parametrize("path", page_paths())
async def test_a_page_is_accessible_in_both_colours_and_fits_every_width(
    visit: Visit, path: str
) -> None:
    role = None if path.startswith(UNSIGNED) else "admin"
    async with visit(role) as (page, _):
        answer = await page.goto(address_of(path))
        assert answer is not None
        assert answer.status == 200
        assert await page.locator("h1").count() == 1
        assert await page.title() != ""
        issues = [f"light: {issue}" for issue in await serious_issues(page)]
        await page.emulate_media(color_scheme="dark")
        issues += [f"dark: {issue}" for issue in await serious_issues(page, only=COLOURS)]
        for width in (NARROW, WIDE):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.wait_for_timeout(50)
            if await too_wide(page):
                await page.wait_for_timeout(1000)  # charts are drawn anew for another width
            issues += [f"{width} px: {fault}" for fault in await too_wide(page)]
        assert issues == []


async def too_wide(page: Page) -> list[str]:
    """Return what stands out of the page sideways, where the page itself would have to be scrolled."""
    found: list[str] = await page.evaluate(
        """() => {
          const room = document.documentElement.clientWidth;
          if (document.scrollingElement.scrollWidth <= room) return [];
          return [...document.querySelectorAll('body *')]
            .filter(one => one.getBoundingClientRect().right > room + 1)
            .map(one => `${one.tagName.toLowerCase()}.${one.className} ends at ` +
              `${Math.round(one.getBoundingClientRect().right)} of ${room}`)
            .slice(0, 8).concat('the page scrolls sideways');
        }"""
    )
    return found
