"""A second factor from its first code to the day the telephone is lost."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.async_api import Page, expect
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.signing import fill_in, sign_in
from tests.scenario.console.stage import PASSWORD, Stage, make_account

from switchover import clock

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
STEP_SECONDS = 30


def code_of(spelled: str, *, later: int = 0) -> str:
    """Return what an authenticator shows for a secret, so many steps from now."""
    # As authenticators have it: SHA-1, six digits, 30 seconds (RFC 6238).
    secret = base64.b32decode(spelled.replace(" ", ""))
    at = clock.now().timestamp() + later * STEP_SECONDS
    return TOTP(secret, 6, SHA1(), STEP_SECONDS, enforce_key_length=False).generate(at).decode()


async def give_code(page: Page, code: str) -> None:
    await page.get_by_label("Code from your authenticator").fill(code)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def leave(page: Page, name: str) -> None:
    """Sign out and give name and password anew."""
    await page.get_by_role("banner").get_by_role("button", name=name).click()
    await page.get_by_role("button", name="Sign out").click()
    await fill_in(page, name, PASSWORD)
    await expect(page).to_have_url(re.compile("/sign-in/code"))


async def test_a_second_factor_is_asked_for_and_a_recovery_code_works_once(
    visit: Visit, stage: Stage
) -> None:
    await make_account(stage.suite, "tina", "operator")
    async with visit() as (page, watch):
        watch.expect("status of 401|status of 422")
        await sign_in(page, "tina", PASSWORD)
        await page.goto("/account")
        await page.get_by_role("button", name="Add a second factor").click()
        spelled = await page.locator(".enrolment code").inner_text()
        assert await issues_of(page) == []
        await page.get_by_label("Type the six digits").fill("000000")
        await page.get_by_label("Your password").fill(PASSWORD)
        await page.get_by_role("button", name="Put it in force").click()
        await expect(page.get_by_role("alert")).to_contain_text("Not in force yet")
        await page.get_by_label("Type the six digits").fill(code_of(spelled))
        await page.get_by_label("Your password").fill(PASSWORD)
        await page.get_by_role("button", name="Put it in force").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
        assert await issues_of(page) == []
        codes = (await page.locator("pre.code").inner_text()).split()
        await page.get_by_role("link", name="I have kept them").click()

        await leave(page, "tina")
        await give_code(page, "123456")
        await expect(page.get_by_role("alert")).to_contain_text("Not signed in")
        assert await issues_of(page) == []
        await give_code(page, codes[0])
        await expect(page).to_have_url(f"{stage.home}/")
        await page.goto("/account")
        await expect(page.locator("main")).to_contain_text(f"{len(codes) - 1} recovery codes left")

        await leave(page, "tina")
        await give_code(page, codes[0])
        await expect(page.get_by_role("alert")).to_contain_text("Not signed in")
        await give_code(page, code_of(spelled, later=1))
        await expect(page).to_have_url(f"{stage.home}/")
