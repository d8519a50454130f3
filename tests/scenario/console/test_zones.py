"""Times are those of the account's zone everywhere, also in what arrives while the page is open."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from tests.scenario.console.conftest import Visit
from tests.scenario.console.stage import Stage

from switchover import clock
from switchover.edges.console.moment import moment_html

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
]

WINTER = "2026-01-31T23:30:05Z"
# A moment as it comes in a live part: made for everybody, in UTC.
ARRIVE = """
(at) => {
  const part = document.createElement("p");
  part.innerHTML = `<time datetime="${at}" title="in UTC">in UTC</time>`;
  document.body.append(part);
  part.dispatchEvent(new CustomEvent("live-change", {bubbles: true}));
  const time = part.querySelector("time");
  part.remove();
  return [time.textContent, time.title];
}
"""


def _as_the_server_writes(at: str, zone: str) -> list[str]:
    html = moment_html(at, zone=zone, now=clock.now())
    found = re.match(r'<time datetime="[^"]+" title="([^"]+)">([^<]+)</time>', html)
    assert found
    return [found[2], found[1]]


async def test_the_zone_of_the_browser_is_one_click_away_and_holds_for_live_parts_too(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("operator", zone="Asia/Tokyo") as (page, _):
        await page.goto("/account")
        await expect(page.locator("body")).to_have_attribute("data-zone", "UTC")
        await page.get_by_role("button", name="Use Asia/Tokyo").click()
        await expect(page.get_by_role("link", name="Asia/Tokyo")).to_be_visible()
        await expect(page.get_by_role("button", name="Use Asia/Tokyo")).to_be_hidden()
        await page.goto("/services/mail")
        await expect(page.locator(".live-mark")).to_be_visible()
        await stage.farm.break_("cas1/ews", "503")
        cell = page.locator('[id="mail.ews/cas1"]')
        await expect(cell).to_contain_text("down")
        at = await cell.locator("time").get_attribute("datetime")
        told = await page.evaluate(
            "(at) => new Date(new Date(at).getTime() + 9 * 3600e3).toISOString().slice(0, 19).replace('T', ' ')",
            at,
        )
        await expect(cell.locator("time")).to_have_attribute("title", f"{told} Asia/Tokyo")
        assert await page.evaluate(ARRIVE, WINTER) == _as_the_server_writes(WINTER, "Asia/Tokyo")
        await page.evaluate("document.body.dataset.zone = 'America/St_Johns'")
        assert await page.evaluate(ARRIVE, WINTER) == _as_the_server_writes(
            WINTER, "America/St_Johns"
        )
        await page.goto("/account")
        await page.get_by_label("Time zone").select_option("UTC")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("body")).to_have_attribute("data-zone", "UTC")
    await stage.reset()
