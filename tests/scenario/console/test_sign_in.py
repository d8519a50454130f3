"""Who comes in, who does not, and what a small role may not do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from tests.integration.oidc_provider import real_provider
from tests.integration.suite import suite
from tests.scenario.console.browser import watched
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.signing import fill_in, sign_in
from tests.scenario.console.stage import PASSWORD, Stage, make_account

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
STREAM_ENDED = "EventSource's response has a MIME type"
"""What Chromium says of a live page whose session has ended: it is led to the sign-in page."""


async def test_somebody_from_the_identity_provider_gets_in_with_the_role_of_his_group(
    browser: Browser, tmp_path: Path
) -> None:
    people = {"bruno": {"groups": ["mail-operators"], "name": "Bruno"}}
    async with suite(start=False) as fresh:
        home = f"http://{fresh.address}:8440"
        with real_provider(tmp_path, home, people) as provider:
            given = {f"SWITCHOVER_{key.upper()}": value for key, value in provider.settings.items()}
            fresh.environment.update(given, SWITCHOVER_OIDC_OPERATOR_GROUPS="mail-operators")
            await fresh.start("--api", f"{fresh.address}:8440")
            await make_account(fresh, "anna", "admin")
            async with watched(browser, home) as (page, watch):
                watch.homes.add(provider.issuer)
                # The provider's pages, and what they ask for, are not ours to judge.
                watch.expect(f"{re.escape(provider.issuer)}|fonts.googleapis.com")
                await page.goto("/events?severity=error")
                await page.get_by_role("link", name="Continue with Contoso").click()
                await page.locator("[name=login]").fill("bruno")
                await page.locator("[name=password]").fill("any")
                await page.locator("[type=submit]").click()
                await page.locator("[type=submit]").click()
                await expect(page).to_have_url(f"{home}/events?severity=error")
                await expect(page.get_by_role("banner")).to_contain_text("bruno")
                await expect(page.get_by_role("banner")).to_contain_text("operator")
                # What comes back from the provider without having been asked for is told plainly.
                await page.context.clear_cookies()
                watch.expect("status of 40[13]")
                await page.goto("/sign-in/oidc/callback?error=access_denied")
                await expect(page.get_by_role("alert")).to_contain_text("Not signed in")
                assert await issues_of(page) == []


async def test_a_wrong_password_is_told_plainly_and_lets_nobody_in(visit: Visit) -> None:
    async with visit() as (page, watch):
        watch.expect("status of 40[13]|status of 422|status of 429")
        await page.goto("/servers?q=cas")
        await expect(page).to_have_url(re.compile("/sign-in"))
        await fill_in(page, "viewer", "not this one at all")
        await expect(page.get_by_role("alert")).to_contain_text("Not signed in")
        assert await issues_of(page) == []
        await page.goto("/servers")
        await expect(page).to_have_url(re.compile("/sign-in"))


async def test_after_signing_in_one_is_where_one_wanted_to_be_and_after_signing_out_nowhere(
    visit: Visit, stage: Stage
) -> None:
    async with visit() as (page, watch):
        watch.expect(STREAM_ENDED)
        await page.goto("/servers?q=cas")
        await fill_in(page, "viewer", PASSWORD)
        await expect(page).to_have_url(f"{stage.home}/servers?q=cas")
        cookie = next(one for one in await page.context.cookies() if one["name"] == "switchover")
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Lax"
        await page.get_by_role("banner").get_by_role("button", name="viewer").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_url(re.compile("/sign-in"))
        # Back, or with the old cookie: the session is gone on the server too.
        await page.context.add_cookies([cookie])  # type: ignore[list-item]
        await page.goto("/servers")
        await expect(page).to_have_url(re.compile("/sign-in"))


async def test_a_viewer_sees_everything_and_can_change_nothing(visit: Visit, stage: Stage) -> None:
    await stage.reset()
    before = (await stage.suite.get("/revisions/0"))["number"]
    async with visit("viewer") as (page, watch):
        for address in ("/", "/services/mail", "/servers/cas1", "/history/1"):
            await page.goto(address)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            shown = await page.locator("main").get_by_role("button").all_inner_texts()
            links = await page.locator("main").get_by_role("link").all_inner_texts()
            for word in ("Drain", "Maintenance", "Resume", "Add a s", "Roll back", "Remove"):
                assert not [text for text in (*shown, *links) if word in text], (address, word)
        watch.expect("status of 403")
        for address in ("/servers/cas1/change", "/services/mail/edit", "/accounts", "/tokens"):
            answer = await page.goto(address)
            assert answer is not None
            assert answer.status == 403, address
        token = await page.locator("[name=csrf]").first.get_attribute("value")
        answer = await page.request.post(
            f"{stage.home}/servers/cas1/change",
            form={"csrf": token or "", "action": "drain"},
            headers={"Origin": stage.home, "Sec-Fetch-Site": "same-origin"},
            max_redirects=0,
        )
        assert answer.status == 403
    assert (await stage.suite.get("/revisions/0"))["number"] == before


async def test_a_session_ends_when_the_role_changes(browser: Browser, stage: Stage) -> None:
    await stage.suite.api(
        "POST", "/accounts", {"name": "carla", "role": "operator", "password": PASSWORD}
    )
    async with watched(browser, stage.home) as (page, watch):
        watch.expect(STREAM_ENDED)
        await sign_in(page, "carla", PASSWORD)
        (await stage.suite.api("PUT", "/accounts/carla/role", {"role": "viewer"})).good()
        await page.goto("/servers")
        await expect(page).to_have_url(re.compile("/sign-in"))
