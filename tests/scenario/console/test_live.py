"""What happens on the platform is on the screen within a second, and nobody has reloaded the page."""

from __future__ import annotations

from datetime import datetime

import pytest
from tests.scenario.console.conftest import Visit
from tests.scenario.console.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.alone,
]
BAR_SECONDS = 1.0
# Notes, by the browser's clock, when the text of the page first fits; the page is one document all the time.
NOTE_WHEN_SHOWN = """
([selector, word]) => {
  window.openedAt = performance.timeOrigin;
  const look = () => {
    if (window.shownAt) return;
    const fits = [...document.querySelectorAll(selector)].some(one => one.innerText.includes(word));
    if (fits) window.shownAt = Date.now();
  };
  new MutationObserver(look).observe(document.body,
    {childList: true, subtree: true, characterData: true, attributes: true});
  look();
}
"""


@pytest.mark.parametrize(("address", "cell"), [("/", "main"), ("/services/mail", "main")])
async def test_a_workload_that_goes_down_is_seen_within_a_second_of_the_engine_noticing(
    visit: Visit, stage: Stage, address: str, cell: str
) -> None:
    await stage.reset()
    async with visit("viewer") as (page, _):
        await page.goto(address)
        await page.wait_for_timeout(1000)  # until the stream of events stands
        await page.evaluate(NOTE_WHEN_SHOWN, [cell, "down"])
        assert await page.evaluate("window.shownAt") is None
        await stage.farm.break_("cas1/ews", "503")
        try:
            await page.wait_for_function("window.shownAt")
        finally:
            await stage.farm.mend()
        shown_at = await page.evaluate("window.shownAt") / 1000
        event = await stage.suite.event(kind="server-down", workload="ews", server="cas1")
        noticed_at = datetime.fromisoformat(event["at"]).timestamp()
        assert shown_at - noticed_at < BAR_SECONDS
        assert await page.evaluate("performance.timeOrigin === window.openedAt")
        print(f"{address}: {1000 * (shown_at - noticed_at):.0f} ms after the engine noticed")
