"""What only a real server shows: answers without a body, and answers to who is still sending."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from tests.integration.people import add_person, browser, open_session
from tests.integration.suite import Suite

from switchover.directory.access.role import Role
from switchover.edges.api.limits import MAX_FORM_BYTES, SMALL_BYTES

pytestmark = pytest.mark.xdist_group("edges")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_monitors_may_ask_with_head(running: Suite) -> None:
    account = await add_person(running, "mona-who-monitors", Role.VIEWER)
    async with browser(running) as stranger:
        page = await stranger.ask("HEAD", "/sign-in")
        assert (page.status, page.text) == (200, "")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert (await stranger.ask("HEAD", "/")).location == "/sign-in"
        # It would use up the code of somebody's sign-in.
        assert (await stranger.ask("HEAD", "/sign-in/oidc/callback?code=c&state=s")).status == 405
    async with browser(running, await open_session(running, account)) as mona:
        assert [(await mona.ask("HEAD", path)).status for path in ("/", "/servers")] == [200, 200]
        assert (await mona.ask("HEAD", "/live")).status == 405


async def test_who_is_still_sending_reads_why_it_is_too_much(running: Suite) -> None:
    account = await add_person(running, "ada-of-the-large-forms", Role.ADMIN)
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    async with browser(running, await open_session(running, account)) as ada:
        large = io.BytesIO(bytes(MAX_FORM_BYTES + 1))
        page = await ada.ask("POST", "/platform-file", data=large, headers=kind)
        assert (page.status, "16,777,216 bytes" in page.words) == (413, True)
        page = await ada.ask("POST", "/theme", data=pieces(), headers=FORM)
        assert (page.status, "65,536 bytes" in page.words) == (413, True)
        assert (await ada.get("/help")).status == 200


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"x" * (SMALL_BYTES // 2)
