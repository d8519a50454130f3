"""Every page is usable by everybody: accessible, in both colours, on a telephone and on a wall."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.scenario.console.conftest import Visit
from tests.scenario.console.looks import issues_of
from tests.scenario.console.pages import (
    ON_THE_WAY,
    UNSIGNED,
    address_of,
    forgotten_pages,
    page_paths,
)
from tests.scenario.console.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("console"),
    pytest.mark.timeout(180),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def trouble(stage: Stage) -> AsyncIterator[None]:
    """Something to show: a workload that is down, a server that drains, a change and its reason."""
    await stage.farm.break_("cas1/ecp", "503")
    await stage.suite.post("/servers/mx2/drain", {"reason": "monthly updates"})
    await stage.suite.event(kind="server-down", workload="ecp")
    yield
    await stage.reset()


@pytest.mark.parametrize("path", page_paths())
async def test_a_page_is_accessible_in_both_colours_and_fits_every_width(
    visit: Visit, path: str
) -> None:
    role = None if path.startswith(UNSIGNED) else "admin"
    async with visit(role) as (page, _):
        answer = await page.goto(address_of(path))
        assert answer is not None
        assert answer.status == 200
        assert await issues_of(page) == []


async def test_no_page_of_the_application_is_forgotten() -> None:
    assert {"/", "/services", "/servers", "/events", "/history", "/what-if", "/sign-in"} <= set(
        page_paths()
    )
    assert forgotten_pages() == set()


@pytest.mark.parametrize("story", sorted(set(ON_THE_WAY.values())))
async def test_who_leads_to_a_page_looks_at_it_too(story: str) -> None:
    module, _, name = story.partition(".")
    teller = getattr(importlib.import_module(f"tests.scenario.console.{module}"), name)
    assert "issues_of(page)" in inspect.getsource(teller)
