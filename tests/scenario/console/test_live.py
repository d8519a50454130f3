"""What happens on the platform is on the screen within a second, and nobody has reloaded the page."""

from __future__ import annotations

from datetime import datetime

import pytest
from playwright.async_api import expect
from tests.integration.processes import eventually
from tests.scenario.console.conftest import Visit
from tests.scenario.console.stage import Stage

from switchover import clock

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.alone,
]
BAR_SECONDS = 1.0
# Notes when, by the browser's clock, the text of an element first fits; the page is one document all the time.
NOTE_WHEN_SHOWN = """
([id, pattern]) => {
  window.openedAt = performance.timeOrigin;
  const look = () => {
    if (!window.shownAt && new RegExp(pattern).test(document.getElementById(id).innerText))
      window.shownAt = Date.now();
  };
  new MutationObserver(look).observe(document.body,
    {childList: true, subtree: true, characterData: true, attributes: true});
  look();
}
"""


@pytest.mark.parametrize(
    ("address", "element", "pattern"),
    [
        ("/", "service-line:mail:pools", r"ews\s+1 of 2"),
        ("/services/mail", "mail.ews/cas1", r"^\s*down"),
        ("/servers/cas1", "mail.ews/cas1", r"^\s*down"),
    ],
)
async def test_an_operator_sees_a_workload_go_down_within_a_second_of_the_engine_noticing(
    visit: Visit, stage: Stage, address: str, element: str, pattern: str
) -> None:
    await stage.reset()
    async with visit("operator") as (page, _):
        await page.goto(address)
        await expect(page.locator(".live-mark")).to_be_visible()
        await page.evaluate(NOTE_WHEN_SHOWN, [element, pattern])
        assert await page.evaluate("window.shownAt") is None
        began = clock.now().isoformat()
        await stage.farm.break_("cas1/ews", "503")
        # Not by a function that waits in the page: its policy forbids to make one from text.
        shown_at = await eventually(lambda: page.evaluate("window.shownAt")) / 1000
        event = await stage.suite.event(
            kind="server-down", service="mail", workload="ews", server="cas1", since=began
        )
        noticed_at = datetime.fromisoformat(event["at"]).timestamp()
        print(f"{address}: {1000 * (shown_at - noticed_at):.0f} ms after the engine noticed")
        assert shown_at - noticed_at < BAR_SECONDS
        assert await page.evaluate("performance.timeOrigin === window.openedAt")
