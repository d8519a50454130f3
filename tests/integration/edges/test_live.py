"""Live pages of a real switchover: what the engine notices is on the page within a second."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from tests.integration.edges.conftest import good_text
from tests.integration.people import Browser, add_person, browser, open_session, query
from tests.integration.practice_farm import PracticeFarm
from tests.integration.processes import eventually
from tests.integration.suite import Suite

from switchover.directory.access.role import Role
from switchover.edges.console.audience import MOST_OF_SESSION


@pytest.fixture
async def operator(running: Suite) -> AsyncIterator[Browser]:
    secret = await open_session(running, await add_person(running, "lin", Role.OPERATOR))
    async with browser(running, secret) as opened:
        yield opened


async def until_shown(who: Browser, topic: str, name: str, words: str) -> float:
    """Read a stream until an element shows these words; return the time of the epoch at which it came."""
    async with who.session.get(f"{who.url}/live", params={"topics": topic}) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            shown: dict[str, str] = json.loads(line[6:])
            if words in shown.get(name, ""):
                return time.time()
    raise AssertionError("the stream ended")


@pytest.mark.alone
async def test_a_workload_that_goes_down_is_shown_within_a_second_of_the_engine_noticing(
    running: Suite, farm: PracticeFarm, operator: Browser
) -> None:
    await running.all_up()
    watching = asyncio.create_task(until_shown(operator, "grid:web/cas1", "web.owa/cas1", ">down<"))
    await asyncio.sleep(1)
    await farm.break_("cas1/owa", "refuse")
    shown = await asyncio.wait_for(watching, 20)
    told = await running.event(kind="server-down", service="web", workload="owa", server="cas1")
    await farm.mend()
    assert shown - datetime.fromisoformat(told["at"]).timestamp() < 1.0


async def test_who_is_not_signed_in_watches_nothing(running: Suite) -> None:
    async with browser(running) as stranger:
        answer = await stranger.get("/live?topics=overview")
    assert (answer.status, answer.location.partition("?")[0]) == (303, "/sign-in")


async def test_a_server_is_drained_from_its_page_and_brought_back(
    running: Suite, operator: Browser
) -> None:
    await running.all_up()
    form = await operator.get("/servers/cas1/change?action=drain&where=imap")
    assert "works, less capacity" in form.words
    done = await operator.post(
        "/servers/cas1/change", action="drain", where="imap", reason="new disk"
    )
    assert done.status == 303
    page = await operator.get(done.location)
    assert "It is in force as revision" in page.words

    async def is_free() -> bool:
        # Another test's clients may be connected from before a reload.
        return "Nobody is connected any more" in (await operator.get("/servers/cas1")).words

    await eventually(is_free, seconds=30)
    latest = (await running.get("/revisions", limit="1"))["revisions"][0]
    assert (latest["author"], latest["origin"], latest["reason"]) == ("lin", "console", "new disk")
    back = await operator.post("/servers/cas1/change", action="resume", where="imap")
    assert "draining" not in (await operator.get(back.location)).words


async def test_the_overview_tells_what_happened_within_a_day(
    running: Suite, operator: Browser
) -> None:
    await query(
        running,
        """
        insert into event (at, kind, severity, service, workload, server, cause)
        values
            (now() - interval '3 hours', 'server-down', 'error', 'web', 'owa', 'tale1', 'first'),
            (now() - interval '2 hours', 'server-down', 'error', 'web', 'ews', 'tale1', 'last'),
            (now() - interval '1 hour', 'server-up', 'info', 'web', 'ews', 'tale1', ''),
            (now() - interval '30 hours', 'server-down', 'error', 'web', 'owa', 'old1', 'past')
        """,
    )

    # What the overview tells is read again at once only after something happened.
    await running.post("/servers/cas1/drain", {"service": "imap"})
    await running.post("/servers/cas1/resume", {"service": "imap"})

    async def words() -> str:
        return (await operator.get("/")).words

    async def told() -> bool:
        return "tale1" in await words()

    await eventually(told, seconds=30)
    found = await words()
    assert "ews, owa went down, up again: last" in found
    assert "old1" not in found


async def test_charts_are_drawn_from_what_was_counted(running: Suite) -> None:
    await query(running, "delete from stat_minute where service = 'web'")
    await query(
        running,
        """
        insert into stat_minute (
            minute, service, workload, server, requests, connect_errors, http_5xx,
            current_sessions_max, response_ms_avg
        )
        select date_trunc('minute', now()) - interval '10 minutes', 'web', w, s, n, 1, 2, 5, ms
        from (
            values ('owa', 'cas1', 10, 20.0), ('owa', 'cas2', 30, 40.0), ('ews', 'cas1', 5, null)
        ) as given (w, s, n, ms)
        """,
    )
    drawn = await running.get("/services/web/series", span="1h")
    lines: dict[str, Any] = {line["name"]: line for line in drawn["lines"]}
    place = lines["owa"]["requests"].index(40)
    assert lines["owa"]["errors"][place] == 6
    assert lines["owa"]["response_ms"][place] == 35.0
    assert lines["owa"]["sessions"][place] == 10
    assert lines["ews"]["response_ms"][place] is None
    assert lines["owa"]["requests"][place - 1] is None
    by_server = await running.get("/services/web/series", span="24h", by="server", workload="owa")
    assert {line["name"] for line in by_server["lines"]} == {"cas1", "cas2"}
    assert (await running.api("GET", "/services/nope/series")).status == 404


async def test_the_engines_part_of_a_service_is_told(running: Suite, farm: PracticeFarm) -> None:
    assert "web" in good_text(farm, running)
    answer = await running.api("GET", "/services/web/configuration")
    assert answer.content_type == "text/plain"
    assert "\nbackend web.owa\n" in answer.body
    assert "frontend imap" not in answer.body
    assert (await running.api("GET", "/services/nope/configuration")).status == 404


async def test_a_stream_ends_with_its_session_and_nobody_takes_all_of_them(running: Suite) -> None:
    secret = await open_session(running, await add_person(running, "nina", Role.OPERATOR))
    async with browser(running, secret) as nina:
        target = f"{running.url}/live?topics=overview"
        async with contextlib.AsyncExitStack() as stack:
            many = [
                await stack.enter_async_context(nina.session.get(target))
                for _ in range(MOST_OF_SESSION)
            ]
            assert {answer.status for answer in many} == {200}
            assert (await nina.get("/live?topics=overview")).status == 503
            (await running.api("PUT", "/accounts/nina/role", {"role": "viewer"})).good()
            async with asyncio.timeout(10):  # a stream lasts for a minute
                ends = [await answer.content.read() for answer in many]
            assert all(b"event: again" in end for end in ends)
            assert (await nina.get("/live?topics=overview")).status == 303
