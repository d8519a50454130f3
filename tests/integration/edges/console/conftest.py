"""An administrator's browser at the console of the shared switchover, and a farm on an engine of paper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.builders import http_service, mail_service
from tests.integration.edges.conftest import good_text
from tests.integration.edges.console.farm_pages import HOSTILE, SERVERS
from tests.integration.edges.console.looking import Desk, wish_of
from tests.integration.people import Browser, add_person, browser, open_session
from tests.integration.practice_farm import PracticeFarm
from tests.integration.suite import Suite

from switchover import clock
from switchover.balance.work import history
from switchover.directory.access.role import Role


@pytest.fixture
async def ada(running: Suite, farm: PracticeFarm) -> AsyncIterator[Browser]:
    """The browser of an administrator."""
    account = await add_person(running, "ada-of-the-forms", Role.ADMIN)
    async with browser(running, await open_session(running, account)) as opened:
        yield opened
    await running.apply(good_text(farm, running), farm.files)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async def events(*_: Any, **__: Any) -> list[dict[str, Any]]:
        return [
            {
                "id": 1, "at": clock.now(), "kind": "server-down", "severity": "error",
                "service": "web", "workload": "owa", "server": "cas1", "cause": HOSTILE, "detail": {},
            }
        ]  # fmt: skip

    async def removal(*_: Any) -> None:
        return None

    monkeypatch.setattr(history, "list_events", events)
    monkeypatch.setattr(history, "find_removal", removal)
    services = {"web": http_service(title="Webmail"), "imap": mail_service()}
    made = Desk(wish=wish_of(services, servers=SERVERS))
    made.engine.set("imap.imaps", "cas2", "DOWN", check="L4CON", check_text=HOSTILE)
    yield made
    await made.board.close()
