"""The grid of a service and the workloads of a server as lists, and what is said of those that are gone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.builders import http_service, mail_service, server
from tests.integration.edges.console.asgi import Answer, ask, console
from tests.integration.edges.console.looking import Desk, wish_of

from switchover import clock
from switchover.balance.removal import Removal
from switchover.balance.work import history
from switchover.directory.access.role import Role
from switchover.wire.haproxy.statistics import NOTHING

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async def events(*_: Any, **__: Any) -> list[dict[str, Any]]:
        return []

    async def removal(_parts: Any, section: str, name: str) -> Removal | None:
        removed = Removal(number=7, author="ann", at=clock.now(), reason=HOSTILE)
        return removed if name == f"old-{section}" else None

    monkeypatch.setattr(history, "list_events", events)
    monkeypatch.setattr(history, "find_removal", removal)
    servers = {"cas2": server(2), "cas1": server(1)}
    services = {"web": http_service(servers=["cas2", "cas1"]), "imap": mail_service()}
    made = Desk(wish=wish_of(services, servers=servers))
    made.engine.set("web.owa", "cas1", "DOWN", check="L4CON")
    yield made
    await made.board.close()


async def page(desk: Desk, target: str) -> Answer:
    parts = {name: getattr(desk.suite, name) for name in ("board", "events", "recent", "balance")}
    answer = await ask(console(Role.VIEWER, **parts), target)
    assert HOSTILE not in answer.text
    return answer


@pytest.mark.parametrize(
    ("order", "first", "second"),
    [("", "cas2", "cas1"), ("?sort=server", "cas1", "cas2"), ("?sort=state", "cas1", "cas2")],
)
async def test_a_grid_is_sorted_and_had_as_a_file_in_that_order(
    desk: Desk, order: str, first: str, second: str
) -> None:
    text = (await page(desk, f"/services/web{order}")).text
    assert text.index(f'"web.owa/{first}"') < text.index(f'"web.owa/{second}"')
    sign = "&" if order else "?"
    lines = (await page(desk, f"/services/web{order}{sign}format=csv")).text.splitlines()
    assert lines[0].startswith("service,workload,server,state,wanted,reason,since,sessions,")
    wanted = [(pool, name) for name in (first, second) for pool in ("owa", "activesync")]
    assert [tuple(line.split(",")[1:3]) for line in lines[1:]] == wanted


async def test_errors_of_the_last_hour_stand_in_the_grid_whatever_the_engine_has_counted_since(
    desk: Desk,
) -> None:
    failed = {("web.owa", "cas1"): NOTHING._replace(response_errors=2, answers_5xx=1)}
    now = clock.now()
    desk.board.observation.errors.add(now - timedelta(minutes=30), failed)
    text = (await page(desk, "/services/web")).text
    assert "3 errors in 1 h" in text
    assert text.count("0 errors in 1 h") == 3
    file = (await page(desk, "/servers/cas1?format=json&q=owa")).text
    assert '"errors_in_last_hour": 3' in file


async def test_the_workloads_of_a_server_are_narrowed_sorted_and_had_as_a_file(desk: Desk) -> None:
    some = (await page(desk, "/servers/cas2?q=imap")).text
    assert 'id="imap.imaps/cas2"' in some
    assert 'id="web.owa/cas2"' not in some
    file = (await page(desk, "/servers/cas2?format=json&sort=workload")).text
    assert re.findall(r'"workload": "(\w+)"', file) == ["activesync", "imaps", "owa"]
    assert '"errors_in_last_hour": 0' in file


@pytest.mark.parametrize("kind", ["server", "service"])
async def test_what_was_removed_is_a_page_that_says_who_did_that(desk: Desk, kind: str) -> None:
    answer = await page(desk, f"/{kind}s/old-{kind}s")
    assert answer.status == 404
    assert f"old-{kind}s was removed" in answer.text
    assert 'href="/history/7"' in answer.text
    assert f'href="/events?{kind}=old-{kind}s"' in answer.text
