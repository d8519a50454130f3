"""One browser and one stage for all stories of the console, on one event loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page
from tests.scenario.console.browser import Watch, chromium, watched
from tests.scenario.console.signing import sign_in
from tests.scenario.console.stage import PASSWORD, Stage, own_database, staged

Visit = Callable[..., AbstractAsyncContextManager[tuple[Page, Watch]]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Stage]:
    async with own_database() as database, staged(database) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, stage: Stage) -> Visit:
    """Open a page as nobody, or signed in: ``async with visit("operator", width=380) as (page, watch)``."""
    return partial(_visit, browser, stage)


@contextlib.asynccontextmanager
async def _visit(
    browser: Browser, stage: Stage, role: str | None = None, **looks: Any
) -> AsyncIterator[tuple[Page, Watch]]:
    if role and role not in stage.states:
        # Once for each role: afterwards they are somebody who was here this morning.
        async with watched(browser, stage.home) as (page, _):
            await sign_in(page, role, PASSWORD)
            stage.states[role] = await page.context.storage_state()
    state = stage.states[role] if role else None
    async with watched(browser, stage.home, state=state, **looks) as opened:
        yield opened
