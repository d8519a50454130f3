"""While a part is away open pages go on, say so plainly, and come back by themselves."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Page, expect
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.stage import Stage

from switchover import clock

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]
PATIENCE_MS = 40_000.0
OLD = re.compile(r"^old, as of \d\d:\d\d$")


async def is_called(page: Page, word: str | re.Pattern[str]) -> None:
    """Wait until each mark of the page that says whether it is live says this."""
    for mark in await page.locator(".live-mark").all():
        await expect(mark).to_have_text(word, timeout=PATIENCE_MS)


@contextlib.contextmanager
def frozen(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextlib.asynccontextmanager
async def stopped_database(stage: Stage) -> AsyncIterator[None]:
    assert stage.database is not None
    await stage.database.stop()
    try:
        yield
    finally:
        await stage.database.start()


async def test_states_of_an_engine_that_does_not_answer_are_called_old_on_every_page(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    addresses = ("/", "/services", "/services/mail", "/servers", "/servers/cas1")
    async with visit("operator") as (first, _):
        pages = [first, *[await first.context.new_page() for _ in addresses[1:]]]
        for page, address in zip(pages, addresses, strict=True):
            await page.goto(address)
            await is_called(page, "live")
        with frozen((await stage.suite.info()).pid):
            for page in pages:
                await is_called(page, OLD)
                await expect(page.locator("#trouble")).to_contain_text("The engine does not answer")
            # A page that is opened now says the same.
            await first.goto("/services/imap")
            await expect(first.locator("#trouble")).to_contain_text("The engine does not answer")
            assert await issues_of(first) == []
        for page in pages:
            await is_called(page, "live")
            await expect(page.locator("#trouble")).to_be_empty()


async def test_an_engine_that_was_killed_is_back_on_the_page_that_was_open(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("operator") as (page, _):
        await page.goto("/services/mail")
        await is_called(page, "live")
        opened_at = await page.evaluate("performance.timeOrigin")
        began = clock.now().isoformat()
        for process in ((await stage.suite.processes()).master.pid, (await stage.suite.info()).pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        await stage.suite.event(kind="engine-started", since=began)
        await stage.suite.all_up()
        for server in ("cas1", "cas2"):
            cell = page.locator(f'[id="mail.owa/{server}"]')
            await expect(cell).to_contain_text("up", timeout=PATIENCE_MS)
        await is_called(page, "live")
        await expect(page.locator("#trouble")).to_be_empty()
        assert await page.evaluate("performance.timeOrigin") == opened_at


async def test_without_the_database_pages_go_on_and_nothing_that_was_typed_is_lost(
    visit: Visit, stage: Stage
) -> None:
    await stage.reset()
    async with visit("admin") as (page, watch):
        watch.expect("503")
        form = await page.context.new_page()
        await form.goto("/services/mail/edit")
        await form.locator("[name=title]").fill("Typed meanwhile")
        await page.goto("/services/mail")
        await is_called(page, "live")
        async with stopped_database(stage):
            trouble = page.locator("#trouble")
            await expect(trouble).to_contain_text("database does not answer", timeout=PATIENCE_MS)
            # The engine is heard as before, and so is the page.
            await stage.farm.break_("cas1/ews", "503")
            await expect(page.locator('[id="mail.ews/cas1"]')).to_contain_text("down")
            await is_called(page, "live")
            await page.goto("/servers/cas1")
            await expect(page.locator("#trouble")).to_contain_text("database does not answer")
            answer = await page.goto("/history")
            assert answer is not None
            assert answer.status == 503
            assert await issues_of(page) == []
            await page.goto("/")
            await form.get_by_role("button", name="Preview").click()
            await expect(form.locator("#notices")).to_contain_text("Nothing can be changed now")
        await expect(page.locator("#trouble")).to_be_empty(timeout=PATIENCE_MS)
        await form.get_by_role("button", name="Preview").click()
        await expect(form.locator("#preview")).to_contain_text("Typed meanwhile")
    await stage.reset()
