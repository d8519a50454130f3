"""The events page: filters, places, files and news, against a real database."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from tests.builders import farm, http_service, server
from tests.integration.edges.console.asgi import ask, console

from switchover.balance import queries
from switchover.directory.access.role import Role
from switchover.store.pool import Database

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def row(number: int, **changes: Any) -> tuple[object, ...]:
    values = {
        "at": START + timedelta(seconds=number),
        "kind": "server-down" if number % 2 else "server-up",
        "severity": "error" if number % 2 else "info",
        "service": "mail",
        "workload": "owa",
        "server": f"cas{1 + number % 3}",
        "cause": f"cause {number}",
        "detail": {},
    }
    return tuple({**values, **changes}.values())


async def keep(database: Database, *rows: tuple[object, ...]) -> None:
    async with database.transaction() as connection:
        await queries.insert_events(connection, rows)


@pytest.fixture
def page(database: Database) -> FastAPI:
    """The application on a database of its own, as a viewer sees it."""
    wish = SimpleNamespace(balance=farm({"mail": http_service()}))
    parts = SimpleNamespace(database=database, wish=((1, ""), wish))
    return console(Role.VIEWER, balance=parts)


def causes(text: str) -> list[str]:
    return re.findall(r"cause \d+", text)


async def test_the_newest_stand_first_and_the_next_page_goes_on_after_the_last(
    page: FastAPI, database: Database
) -> None:
    await keep(database, *map(row, range(250)))
    seen: list[str] = []
    target = "/events"
    for _ in range(3):
        text = (await ask(page, target)).text
        seen += causes(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        target = following[1].replace("&amp;", "&") if following else ""
    assert target == ""
    assert seen == [f"cause {number}" for number in reversed(range(250))]


async def test_the_oldest_stand_first_where_somebody_asks_for_that(
    page: FastAPI, database: Database
) -> None:
    # Two clocks: a later id may have an earlier moment.
    await keep(database, *map(row, range(250)), row(250, at=START))
    wanted = ["cause 0", "cause 250", *(f"cause {number}" for number in range(1, 250))]
    seen: list[str] = []
    target = "/events?sort=at"
    for _ in range(3):
        text = (await ask(page, target)).text
        seen += causes(text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        target = following[1].replace("&amp;", "&") if following else ""
        assert "/events/news" not in text
    assert (seen, target) == (wanted, "")
    kept = await ask(page, "/events?sort=at&format=csv")
    assert [line["cause"] for line in csv.DictReader(io.StringIO(kept.text))] == wanted


async def test_a_part_of_a_name_that_stands_for_many_stands_for_all_and_says_so(
    database: Database,
) -> None:
    servers = {f"cas{number}": server(1 + number % 200) for number in range(120)}
    wish = SimpleNamespace(
        balance=farm({"mail": http_service(servers=[*servers])}, servers=servers)
    )
    parts = SimpleNamespace(database=database, wish=((1, ""), wish))
    page = console(Role.VIEWER, balance=parts)
    await keep(
        database,
        *(row(number, server=f"cas{number}") for number in range(90)),
        row(99, server="cas"),
    )
    text = (await ask(page, "/events?server=cas")).text
    assert len(causes(text)) == 91
    assert "Server “cas”: cas0, cas1, cas2 and 117 more." in text
    assert "Server “" not in (await ask(page, "/events?server=cas7")).text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 90),
        ("server=cas1", 30),
        ("server=CAS", 60),  # a server that is gone is found by its whole name
        ("server=cas3", 30),
        ("server=cas1&kind=server-down", 15),
        ("severity=info", 45),
        ("service=mai&workload=ow", 90),
        ("service=gone", 0),
        ("workload=owa&kind=server-down&severity=info", 0),
        ("since=2026-03-01T12:00:10&until=2026-03-01T12:00:20", 10),
    ],
)
async def test_filters_hold_on_the_page_and_in_both_files(
    page: FastAPI, database: Database, query: str, count: int
) -> None:
    await keep(database, *map(row, range(90)))
    assert len(causes((await ask(page, f"/events?{query}")).text)) == count
    as_csv = await ask(page, f"/events?{query}&format=csv")
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert len(list(csv.DictReader(io.StringIO(as_csv.text)))) == count
    as_json = await ask(page, f"/events?{query}&format=json")
    assert len(json.loads(as_json.text)) == count


async def test_each_event_is_told_in_words_with_the_engines_own_beside_them(
    page: FastAPI, database: Database
) -> None:
    cause = "Layer7 wrong status: code 503: Service Unavailable"
    await keep(database, row(1, cause=cause, detail={"code": 503, "milliseconds": 4}))
    text = (await ask(page, "/events")).text
    assert "The server answered that it is not well (503) after 4 ms." in text
    assert cause in text
    assert 'href="/servers/cas2"' in text


async def test_what_servers_and_people_wrote_is_text(page: FastAPI, database: Database) -> None:
    await keep(
        database,
        row(1, cause=HOSTILE, server='"><b>', detail={"author": HOSTILE, "reason": "'\"&"}),
    )
    text = (await ask(page, "/events")).text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert '"><b>' not in text


async def test_news_are_nothing_until_something_that_fits_happens(
    page: FastAPI, database: Database
) -> None:
    await keep(database, row(1), row(2))
    text = (await ask(page, "/events?server=cas2")).text
    found = re.search(r'hx-get="(/events/news[^"]+)"', text)
    assert found
    news = found[1].replace("&amp;", "&")
    assert (await ask(page, news, hx_request="true", hx_target="list")).status == 204
    await keep(database, row(3))
    assert (await ask(page, news, hx_request="true", hx_target="list")).status == 204
    await keep(database, row(4))
    fresh = await ask(page, news, hx_request="true", hx_target="list")
    assert fresh.status == 200
    assert causes(fresh.text) == ["cause 4", "cause 1"]
    assert "<h1>" not in fresh.text


async def test_older_pages_and_closed_spans_wait_for_nothing(
    page: FastAPI, database: Database
) -> None:
    await keep(database, *map(row, range(3)))
    assert "/events/news" in (await ask(page, "/events")).text
    assert "/events/news" not in (await ask(page, "/events?place=2")).text
    assert "/events/news" not in (await ask(page, "/events?until=2026-03-02T00:00")).text


@pytest.mark.parametrize(
    "query",
    ["since=x", "place=x", "kind=odd", "severity=grave", "format=xml", "service=%01", "sort=cause"],
)
async def test_what_can_not_be_read_is_told_and_no_fault_of_ours(page: FastAPI, query: str) -> None:
    answer = await ask(page, f"/events?{query}")
    assert answer.status == 422, answer.text


async def test_before_anything_happened_the_page_says_so(page: FastAPI) -> None:
    assert "Nothing has happened yet" in (await ask(page, "/events")).text
