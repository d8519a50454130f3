"""Two people change the platform at once: neither loses what was typed, nor undoes the other unawares."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]


async def retitle(page: Page, service: str, title: str) -> None:
    """Bring a change of a service as far as its preview, with a reason typed."""
    await page.goto(f"/services/{service}/edit")
    await page.locator("[name=title]").fill(title)
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("#preview")).to_contain_text(title)
    await page.get_by_label("Why, for the history").fill(f"so says {title}")


async def apply(page: Page) -> None:
    await page.get_by_role("button", name="Apply").click()


async def test_who_comes_second_is_told_and_keeps_what_was_typed(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("admin") as (one, _), visit("admin") as (other, _):
        await retitle(one, "mail", "Title of one")
        await retitle(other, "imap", "Title of the other")
        await apply(other)
        await expect(other.locator("#notices")).to_contain_text("in force as revision")

        await apply(one)
        await expect(one.locator("#preview")).to_contain_text("Somebody changed the platform")
        assert await issues_of(one) == []
        await expect(one.get_by_label("Why, for the history")).to_have_value("so says Title of one")
        # What is shown is the change against what the other made of it.
        difference = one.get_by_role("region", name="Difference")
        await expect(difference).to_contain_text("Title of one")
        await expect(difference).not_to_contain_text("Title of the other")
        await apply(one)
        await expect(one.locator("#notices")).to_contain_text("in force as revision")
        text = await stage.suite.get("/revisions/0/text")
        assert "Title of one" in text
        assert "Title of the other" in text
        assert (await stage.suite.get("/revisions/0"))["reason"] == "so says Title of one"


async def test_two_changes_of_one_service_show_what_the_later_would_undo(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("admin") as (one, _), visit("admin") as (other, _):
        await retitle(one, "imap", "Title of one")
        await retitle(other, "imap", "Title of the other")
        await apply(other)
        await expect(other.locator("#notices")).to_contain_text("in force as revision")
        await apply(one)
        removed = one.get_by_role("row").filter(has_text="removed")
        await expect(removed.filter(has_text="Title of the other")).to_be_visible()
        await one.get_by_role("button", name="Back to the form").click()
        await expect(one.locator("[name=title]")).to_have_value("Title of one")
    await stage.reset()


async def test_a_rollback_looks_again_when_somebody_was_faster(visit: Visit, stage: Stage) -> None:
    await stage.reset()
    async with visit("admin") as (page, watch):
        watch.expect("status of 409")
        await page.goto("/history/1/rollback")
        await page.get_by_label("Why, for the history").fill("the old one was better")
        await stage.suite.post("/servers/mx1/drain", {"reason": "somebody else"})
        await page.get_by_role("button", name=re.compile("Roll back to")).click()
        await expect(page.locator("#notices")).to_contain_text("Somebody changed something since")
        reason = page.get_by_label("Why, for the history")
        await expect(reason).to_have_value("the old one was better")
        assert await issues_of(page) == []
    await stage.reset()
