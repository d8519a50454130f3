"""Pages that nobody opens by an address: refusals, faults, and what is shown once."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from tests.integration.processes import eventually
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
# What a page's own form would send, made as large or as strange as wished.
SEND = """
([action, fields]) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = action;
  for (const [name, value] of Object.entries(fields)) {
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
}
"""


async def send(page: Page, path: str, /, **fields: str) -> int:
    """Send a form from the page that is open; return the status of what comes."""
    token = await page.locator("[name=csrf]").first.get_attribute("value")
    async with page.expect_navigation() as navigation:
        await page.evaluate(SEND, [path, {"csrf": token or "", **fields}])
    answer = await navigation.value
    assert answer is not None
    return answer.status


async def opened(page: Page, address: str) -> int:
    answer = await page.goto(address)
    assert answer is not None
    return answer.status


async def tells_of(page: Page, address: str, word: str) -> bool:
    await page.goto(address)
    return word in await page.locator("main").inner_text()


async def test_every_refusal_is_a_page_that_says_what_to_do(visit: Visit) -> None:
    async with visit("viewer") as (page, watch):
        watch.expect("status of 4")
        assert await opened(page, "/accounts") == 403
        assert await issues_of(page) == []
        assert await opened(page, "/no-such-page") == 404
        assert await issues_of(page) == []
        assert await opened(page, "/services/nothing") == 404
        await expect(page.get_by_role("banner")).to_contain_text("viewer")
        assert await opened(page, "/history/1x") in {404, 422}
        assert await issues_of(page) == []
        await page.goto("/account")
        assert await send(page, "/account/zone", zone="x" * 70_000) == 413
        assert await issues_of(page) == []
        await page.goto("/account")
        assert await send(page, "/account/zone", zone="UTC", csrf="not this") == 403
        await page.goto("/account")
        await page.context.clear_cookies()
        assert await send(page, "/account/zone", zone="UTC") == 401
        assert await issues_of(page) == []


async def test_a_refused_change_a_new_token_and_drift_are_pages_for_everybody(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("admin") as (page, watch):
        watch.expect("status of 4")
        await page.goto("/servers/cas1/change")
        await stage.suite.post("/servers/cas2/maintain", {"service": "mail"})
        assert await send(page, "/servers/cas1/change", action="maintain", where="mail") == 409
        assert await issues_of(page) == []
        await page.goto("/tokens")
        assert await send(page, "/tokens", name="monitor", role="viewer", days="7") == 200
        assert await issues_of(page) == []
        await page.goto("/services/mail/edit")
        await page.locator("[name=port]").fill("no number")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("alert").first).to_contain_text("Nothing was changed")
        assert await issues_of(page) == []
        await stage.suite.command("set weight mail.owa/cas1 7")
        await eventually(lambda: tells_of(page, "/drift", "cas1"))
        assert await issues_of(page) == []
    await stage.suite.cli("drift", "repair")
    await stage.reset()
