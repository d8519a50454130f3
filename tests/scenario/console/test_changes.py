"""Operators and administrators change the platform in the browser, see what it does, and take it back."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect
from tests.integration.practice_farm import NAME
from tests.integration.server_certificate import make_certificate
from tests.scenario.console.axe import serious_issues
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]


async def drain(page: Page, server: str, reason: str, *, where: str = "") -> None:
    """Drain a server by its page, having seen what users would feel."""
    await page.goto(f"/servers/{server}")
    await page.get_by_role("link", name="Drain", exact=True).click()
    if where:
        await page.get_by_label("Where", exact=True).select_option(where)
        await expect(page.locator("#preview")).to_contain_text(where)
    await page.get_by_label("Reason, for the history").fill(reason)
    sure = page.get_by_label("I know that nobody serves these users then.")
    if await sure.is_visible():
        await sure.check()
    await page.locator("#preview").get_by_role("button", name=re.compile("Drain")).click()
    await expect(page.locator("#notices")).to_contain_text("revision")


async def test_a_server_is_drained_after_seeing_what_users_would_feel_and_resumed(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("operator") as (page, _):
        await drain(page, "cas2", "monthly updates")
        await expect(page.locator("main")).to_contain_text("drain")
        servers = await stage.suite.servers()
        assert servers["mail.owa", "cas2"].is_draining
        assert not servers["mail.owa", "cas1"].is_draining
        newest = await stage.suite.get("/revisions/0")
        assert (newest["author"], newest["origin"], newest["verb"], newest["reason"]) == (
            "operator", "console", "drain", "monthly updates",
        )  # fmt: skip

        await page.goto("/servers/cas2")
        await page.get_by_role("link", name="Resume", exact=True).click()
        await page.locator("#preview").get_by_role("button", name=re.compile("Resume")).click()
        await expect(page.locator("#notices")).to_contain_text("revision")
        assert not (await stage.suite.servers())["mail.owa", "cas2"].is_draining


async def test_a_change_is_rolled_back_after_looking_at_what_that_does(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    good = (await stage.suite.get("/revisions/0"))["number"]
    async with visit("admin") as (page, _):
        await drain(page, "cas1", "a mistake", where="phones")
        assert (await stage.suite.servers())["phones.owa", "cas1"].is_draining
        await page.goto("/history")
        await page.locator("main").get_by_role("link", name=str(good), exact=True).click()
        await page.get_by_role("link", name=re.compile("Roll back to this")).click()
        await expect(page.locator("#rollback")).to_contain_text("What users would feel")
        await page.get_by_label("Why, for the history").fill("drained the wrong one")
        await page.get_by_role("button", name=f"Roll back to revision {good}").click()
        await expect(page.locator("#notices")).to_contain_text("in force")
        assert not (await stage.suite.servers())["phones.owa", "cas1"].is_draining
        newest = await stage.suite.get("/revisions/0")
        assert (newest["verb"], newest["author"]) == ("rollback", "admin")
        assert newest["reason"] == "drained the wrong one"


async def test_a_service_is_added_by_the_form_with_its_difference_seen_before(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("admin") as (page, _):
        await page.goto("/services")
        await page.get_by_role("link", name="Add a service").click()
        await page.get_by_role("link", name="IMAP over TLS").first.click()
        await page.locator("#field-name").fill("imap-inside")
        await page.locator("#field-address").fill(stage.suite.address)
        await page.locator("#field-port").fill("12993")
        await page.locator("#server-mx1").check()
        await page.get_by_role("button", name="Preview").last.click()
        await expect(page.get_by_role("region", name="Difference")).to_contain_text("imap-inside")
        before = await stage.suite.get("/revisions/0/text")
        assert "imap-inside" not in before
        await page.get_by_label("Why, for the history").fill("for the branch office")
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("imap-inside")
        after = await stage.suite.get("/revisions/0/text")
        assert after.startswith(before.rstrip("\n"))
        servers = await stage.suite.servers()
        assert any(backend.startswith("imap-inside.") for backend, _ in servers)


async def test_a_server_is_removed_after_its_page_has_shown_by_itself_what_that_does(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    may_answer = asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "POST":
            await may_answer.wait()
        await route.continue_()

    async with visit("admin") as (page, _):
        await page.route("**/servers/cas2/remove", hold)
        await page.goto("/servers/cas2/remove")
        await expect(page.locator("main")).to_contain_text("It is in use.")
        assert await serious_issues(page) == []
        may_answer.set()
        await expect(page.get_by_role("region", name="Difference")).to_contain_text("cas2")
        assert await issues_of(page) == []
        await page.get_by_label("Why, for the history").fill("worn out")
        await page.get_by_role("button", name="Remove", exact=True).click()
        await expect(page.locator("#notices")).to_contain_text("in force as revision")
        assert ("mail.owa", "cas2") not in await stage.suite.servers()
    await stage.reset()


async def test_a_sent_file_replaces_one_of_others_only_when_that_was_said(
    visit: Visit, stage: Stage, tmp_path: Path
) -> None:
    await stage.reset()
    make_certificate(tmp_path, [NAME], (-1, 90))
    pair = (tmp_path / "server.crt").read_bytes() + (tmp_path / "server.key").read_bytes()
    (tmp_path / "front.pem").write_bytes(pair)
    async with visit("admin") as (page, watch):
        watch.expect("status of 409")
        await page.goto("/add-service?start=exchange-web")
        await page.locator("#field-name").fill("branch")
        await page.locator("#field-address").fill(stage.suite.address)
        await page.locator("#field-port").fill("14443")
        await page.locator("#field-names").fill(NAME)
        await page.locator("#server-cas1").check()
        certificate = page.locator("[type=file][name='file.tls.certificate']")
        await certificate.set_input_files(tmp_path / "front.pem")
        await page.get_by_role("button", name="Preview").last.click()
        await expect(page.locator("#preview")).to_contain_text("Others use front.pem")
        await expect(page.locator("#preview")).to_contain_text("service mail")
        await page.get_by_role("button", name="Apply").click()
        await expect(page.get_by_role("alert").first).to_contain_text("Not done.")
        assert await issues_of(page) == []
        before = (await stage.suite.get("/revisions/0"))["files"]["front.pem"]
        await page.get_by_label("Replace front.pem for service mail too").check()
        await page.get_by_role("button", name="Apply").click()
        await expect(page.locator("#notices")).to_contain_text("in force as revision")
        assert (await stage.suite.get("/revisions/0"))["files"]["front.pem"] != before
    await stage.reset()
