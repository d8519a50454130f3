"""Every page is usable by everybody: accessible, in both colours, on a telephone and on a wall."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page
from tests.scenario.console.axe import serious_issues
from tests.scenario.console.conftest import Visit
from tests.scenario.console.pages import UNSIGNED, address_of, page_paths

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
NARROW, WIDE = 380, 2560


def test_the_pages_are_those_of_the_application() -> None:
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
        issues: list[Any] = []
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            issues += [f"{scheme}: {issue}" for issue in await serious_issues(page)]
        for width in (NARROW, WIDE):
            await page.set_viewport_size({"width": width, "height": 900})
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
