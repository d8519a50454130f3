"""What somebody writes is not lost: neither when the session ends meanwhile nor by leaving the page."""

from __future__ import annotations

import pytest
from playwright.async_api import Dialog, Route, expect
from tests.scenario.console.axe import serious_issues
from tests.scenario.console.conftest import Visit
from tests.scenario.console.signing import fill_in, sign_in
from tests.scenario.console.stage import PASSWORD

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]


async def test_what_was_typed_outlives_the_session_it_was_typed_in(visit: Visit) -> None:
    async with visit() as (page, _):
        await page.clock.install()
        await sign_in(page, "admin", PASSWORD)
        await page.goto("/services/mail/edit")
        title, notices = page.locator("[name=title]"), page.locator("#notices")
        await title.fill("Typed for long")
        token = await page.locator("main form [name=csrf]").first.get_attribute("value")
        told = {"seconds": 100, "name": "admin", "csrf": token, "takes_changes": True}

        async def soon_over(route: Route) -> None:
            if route.request.method == "GET":
                await route.fulfill(json=told)
            else:
                await route.continue_()

        await page.route("**/session", soon_over)
        await page.clock.fast_forward(6_000)
        await expect(notices).to_contain_text("You will be signed out soon")
        await page.get_by_role("button", name="Stay signed in").click()
        await expect(notices).not_to_contain_text("signed out")
        await page.unroute("**/session")
        await page.clock.fast_forward(6_000)

        # It ends for good, by another tab; the form is not sent into nothing.
        other = await page.context.new_page()
        await other.goto("/account")
        await other.get_by_role("banner").get_by_role("button", name="admin").click()
        await other.get_by_role("button", name="Sign out").click()
        await expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
        await page.get_by_role("button", name="Preview").click()
        await expect(notices).to_contain_text("You were signed out")
        await expect(title).to_have_value("Typed for long")
        assert await serious_issues(page) == []
        await fill_in(other, "admin", PASSWORD)
        await expect(other).to_have_url("/")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.locator("#preview")).to_contain_text("Typed for long")


async def test_a_page_with_a_changed_form_asks_before_it_is_left(visit: Visit) -> None:
    asked: list[str] = []

    async def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.accept()

    async with visit("admin") as (page, _):
        page.on("dialog", leave)
        await page.goto("/services/mail/edit")
        await page.goto("/services/mail/edit")
        await page.locator("[name=title]").press_sequentially("x")
        await page.goto("/")
        assert asked == ["beforeunload"]
        await page.goto("/services/mail/edit")
        await page.locator("[name=title]").press_sequentially("x")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.locator("main")).to_contain_text("Nothing has been changed yet")
        assert asked == ["beforeunload"]
        # What was typed is held by the preview alone now.
        await page.get_by_role("heading", level=1).click()
        await page.get_by_role("link", name="Overview", exact=True).click()
        await expect(page).to_have_url("/")
        assert asked == ["beforeunload", "beforeunload"]
