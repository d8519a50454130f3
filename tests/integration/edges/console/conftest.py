"""An administrator's browser at the console of the shared switchover."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.integration.edges.conftest import good_text
from tests.integration.people import Browser, add_person, browser, open_session
from tests.integration.practice_farm import PracticeFarm
from tests.integration.suite import Suite

from switchover.directory.access.role import Role


@pytest.fixture
async def ada(running: Suite, farm: PracticeFarm) -> AsyncIterator[Browser]:
    """The browser of an administrator."""
    account = await add_person(running, "ada-of-the-forms", Role.ADMIN)
    async with browser(running, await open_session(running, account)) as opened:
        yield opened
    await running.apply(good_text(farm, running), farm.files)
