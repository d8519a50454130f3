"""How a page as it stands looks to everybody: accessible, in both colours, on a telephone and on a wall."""

from __future__ import annotations

from playwright.async_api import Page
from tests.integration.processes import eventually
from tests.scenario.console.axe import serious_issues
from tests.scenario.console.browser import HEIGHT, WIDTH

NARROW, WIDE = 380, 2560
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules that see colours: all that can differ in the dark."""
WIDEST_TEXT = 1400
"""Wider than this nobody reads a paragraph: on a wall a page has columns, or air."""


async def issues_of(page: Page) -> list[str]:
    """Return what is wrong with the looks of a page; it is left as wide and as light as it was."""
    await settled(page)
    issues = [] if await page.locator("h1").count() == 1 else ["not one heading of the page"]
    issues += [] if await page.title() else ["no title"]
    issues += [f"light: {issue}" for issue in await serious_issues(page)]
    await page.emulate_media(color_scheme="dark")
    issues += [f"dark: {issue}" for issue in await serious_issues(page, only=COLOURS)]
    for width in (NARROW, WIDE):
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        await page.wait_for_timeout(50)
        if await _too_wide(page):
            await page.wait_for_timeout(1000)  # charts are drawn anew for another width
        issues += [f"{width} px: {fault}" for fault in await _too_wide(page)]
    issues += [f"{WIDE} px: {fault}" for fault in await _too_long(page)]
    await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    await page.emulate_media(color_scheme="light")
    return issues


async def settled(page: Page) -> None:
    """Wait until what the page itself asks for is there."""

    async def is_quiet() -> bool:
        return not await page.evaluate("document.querySelector('.htmx-request') !== null")

    await eventually(is_quiet)


async def _too_wide(page: Page) -> list[str]:
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


async def _too_long(page: Page) -> list[str]:
    """Return paragraphs with lines that are longer than anybody follows with the eye."""
    found: list[str] = await page.evaluate(
        """most => {
          const widest = one => {
            const range = document.createRange();
            range.selectNodeContents(one);
            return Math.max(0, ...[...range.getClientRects()].map(line => line.width));
          };
          return [...document.querySelectorAll('main p, main li')]
            .filter(one => widest(one) > most && one.innerText.length > 100)
            .map(one => `a line of ${Math.round(widest(one))} px: ${one.innerText.slice(0, 60)}`)
            .slice(0, 8);
        }""",
        WIDEST_TEXT,
    )
    return found
