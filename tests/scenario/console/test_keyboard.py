"""Everything can be done without a mouse, and one always sees where one is."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect
from tests.scenario.console.conftest import Visit
from tests.scenario.console.stage import PASSWORD, Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
MOST_TABS = 300
"""More than a page has but for the lines of its lists."""
# Elements get a number of their own when they are first seen: live pages add and remove others.
NUMBER = "window.seen ??= 0; const number = one => one.ownNumber ??= ++window.seen;"
FOCUSED = f"""
() => {{
  {NUMBER}
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
  return {{number: number(one), what: one.outerHTML.slice(0, 120),
    seen: outlined || style.boxShadow !== 'none'}};
}}
"""
CONTROLS = f"""
() => {{
  {NUMBER}
  const kinds = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
  return [...document.querySelectorAll(kinds)]
    .filter(one => one.checkVisibility({{visibilityProperty: true}}) && !one.disabled
      && one.tabIndex >= 0 && one.getBoundingClientRect().width > 0)
    .filter(one => one.type !== 'radio' || one.checked)
    .map(one => [number(one), one.outerHTML.slice(0, 120)]);
}}
"""

HERE = "() => [...document.querySelectorAll('*')].map(one => one.ownNumber).filter(Boolean)"


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until ``wanted`` has the focus."""
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab never came to {wanted}")


@pytest.mark.parametrize(
    "address", ["/", "/services", "/services/mail", "/servers/cas1", "/events", "/what-if"]
)
async def test_tab_comes_to_every_control_and_the_focus_can_be_seen(
    visit: Visit, address: str
) -> None:
    async with visit("admin") as (page, _):
        await page.goto(address)
        controls: dict[int, str] = dict(await page.evaluate(CONTROLS))
        reached: dict[int, dict[str, Any]] = {}
        last = 0
        for _ in range(len(controls) + MOST_TABS):
            await page.keyboard.press("Tab")
            found = await page.evaluate(FOCUSED)
            # Fields of dates have several places each; the last is a button with a ring of its own.
            if found is None or (found["number"] in reached and found["number"] != last):
                break
            last = found["number"]
            reached.setdefault(last, found)
        # What is live may have been replaced meanwhile.
        here = set(await page.evaluate(HERE))
        assert [controls[number] for number in (controls.keys() & here) - reached.keys()] == []
        assert [found["what"] for found in reached.values() if not found["seen"]] == []
        first = next(iter(reached.values()))
        assert "Skip to the content" in first["what"]


async def test_a_server_is_found_drained_and_resumed_without_a_mouse(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit() as (page, _):
        await page.goto("/sign-in")
        await tab_to(page, page.get_by_label("Name"))
        await page.keyboard.type("operator")
        await tab_to(page, page.get_by_label("Password", exact=True))
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{stage.home}/")

        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
        await page.keyboard.type("cas2")
        await page.keyboard.press("Enter")
        await tab_to(page, page.locator("main").get_by_role("link", name="cas2", exact=True))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("cas2")

        for word, is_draining in (("Drain", True), ("Resume", False)):
            await tab_to(page, page.get_by_role("link", name=word, exact=True))
            await page.keyboard.press("Enter")
            await tab_to(page, page.get_by_label("Reason, for the history"))
            await page.keyboard.type("by keyboard")
            await page.keyboard.press("Enter")
            await expect(page.locator("#notices")).to_contain_text("revision")
            servers = await stage.suite.servers()
            assert servers["mail.owa", "cas2"].is_draining == is_draining
