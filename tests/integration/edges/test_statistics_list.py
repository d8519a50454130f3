"""Statistics as they are read: in pages, by minutes or hours, added up, as a file."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.edges.lists import as_cells, execute, file_of, pages, read_csv, whole
from tests.integration.processes import eventually
from tests.integration.suite import Ended, Suite, run_cli
from typer.testing import CliRunner

from switchover.balance.statistics.columns import COUNTERS, KEYS, TOPS, VALUES
from switchover.edges.cli.main import build

pytestmark = pytest.mark.xdist_group("edges")
Run = Callable[..., Ended]


@pytest.fixture
def run(running: Suite) -> Run:
    runner = CliRunner()

    def call(*arguments: str) -> Ended:
        done = runner.invoke(build(), arguments, env={"SWITCHOVER_DATA": str(running.data)})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ended(code=done.exit_code, out=done.stdout, err=done.stderr)

    return call


async def keep(at: Suite, service: str, count: int, *, per: str = "minute") -> None:
    """Count something in each of the last ``count`` minutes or hours, for four servers of pools."""
    unit = {"minute": "mins", "hour": "hours"}[per]
    numbers = ", ".join(f"n * {place + 1}" for place, _ in enumerate((*COUNTERS, *TOPS)))
    await execute(
        at,
        f"insert into stat_{per} ({per}, {', '.join(KEYS)}, {', '.join(VALUES)}) "
        f"select date_trunc('{per}', now()) - make_interval({unit} => n), %s, w, s, {numbers}, "
        "       n / 4.0, null "
        "from generate_series(1, %s) n, unnest(array['owa', 'ews']) w, "
        "     unnest(array['cas1', 'cas2']) s",
        service,
        count,
    )


def place(row: dict[str, Any], time: str = "minute") -> tuple[str, ...]:
    return (row[time], *(row[key] for key in KEYS))


async def test_pages_reach_the_end_without_gaps_or_doubles(running: Suite) -> None:
    await keep(running, "paged", 50)
    asked = {"service": "paged", "hours": "1"}
    found = await pages(running, "/statistics", "minutes", limit="7", **asked)
    assert [len(page) for page in found] == [7] * 28 + [4]
    rows = [row for page in found for row in page]
    assert len({place(row) for row in rows}) == 200
    assert [place(row) for row in rows] == sorted(place(row) for row in rows)
    at_once = await running.get("/statistics", limit="200", **asked)
    assert (at_once["minutes"], at_once["after"], at_once["per"]) == (rows, None, "minute")


async def test_the_usual_page_has_a_thousand_rows_and_leads_on(running: Suite) -> None:
    await keep(running, "usual", 300)
    found = await pages(running, "/statistics", "minutes", service="usual", hours="6")
    assert [len(page) for page in found] == [1000, 200]


async def test_what_comes_and_goes_while_somebody_pages_moves_nothing(running: Suite) -> None:
    await keep(running, "moving", 20)
    first = await running.get("/statistics", service="moving", limit="10")
    await execute(
        running,
        "delete from stat_minute where service = 'moving' and minute <= %s",
        first["minutes"][7]["minute"],
    )
    await execute(
        running,
        "insert into stat_minute (minute, service, workload, server) "
        "values (date_trunc('minute', now()), 'moving', 'owa', 'cas1')",
    )
    rest = await whole(
        running, "/statistics", "minutes", service="moving", after=first["after"], limit="10"
    )
    rows = first["minutes"] + rest
    assert len({place(row) for row in rows}) == len(rows) == 81
    assert rows[-1]["requests"] == 0  # the newest came at the end


async def test_names_narrow_what_is_shown(running: Suite) -> None:
    await keep(running, "narrow", 5)
    rows = await whole(
        running, "/statistics", "minutes", service="narrow", workload="owa", server="cas2",
        limit="2",
    )  # fmt: skip
    assert len(rows) == 5
    assert {place(row)[1:] for row in rows} == {("narrow", "owa", "cas2")}
    assert (await running.get("/statistics", service="none"))["minutes"] == []


async def test_hours_come_from_the_table_of_hours_as_far_back_as_they_are_kept(
    running: Suite,
) -> None:
    await keep(running, "hourly", 17_000, per="hour")
    asked = {"service": "hourly", "workload": "owa", "server": "cas1"}
    long = await whole(running, "/statistics", "hours", hours=str(730 * 24), limit="10000", **asked)
    assert len(long) == 17_000
    assert [row["sessions"] for row in long] == list(range(17_000, 0, -1))
    short = await running.get("/statistics", hours="10", per="hour", **asked)
    sessions = [row["sessions"] for row in short["hours"]]
    assert sessions == list(range(len(sessions), 0, -1))
    assert len(sessions) in {9, 10}  # an hour may have ended meanwhile
    totals = await running.get("/statistics/totals", hours=str(730 * 24), **asked)
    assert [row["sessions"] for row in totals["totals"]] == [sum(range(1, 17_001))]
    await keep(running, "hourly", 3)
    by_minute = await running.get("/statistics", hours="10", **asked)
    assert [row["sessions"] for row in by_minute["minutes"]] == [3, 2, 1]


@pytest.mark.parametrize(
    ("hours", "per"), [("1", "minute"), ("48", "minute"), ("49", "hour"), ("17520", "hour")]
)
async def test_how_fine_depends_on_how_far_back(running: Suite, hours: str, per: str) -> None:
    for path in ("/statistics", "/statistics/totals"):
        assert (await running.get(path, service="none", hours=hours))["per"] == per


async def test_the_file_holds_every_row_as_json_shows_it(running: Suite) -> None:
    await keep(running, "filed", 600)  # 2,400 rows: more than an export reads at once
    asked = {"service": "filed", "hours": "24"}
    lines = await file_of(running, "/statistics", **asked)
    rows = await whole(running, "/statistics", "minutes", limit="10000", **asked)
    assert len(lines) == 2_400
    assert lines == [as_cells(row) for row in rows]
    assert list(lines[0]) == ["minute", *KEYS, *VALUES]
    some = await file_of(running, "/statistics", **asked, limit="1500")
    assert some == lines[:1500]
    hourly = await file_of(running, "/statistics", service="none", per="hour")
    assert hourly == []


async def test_totals_are_the_sums_of_their_rows(running: Suite) -> None:
    await keep(running, "summed", 90)
    asked = {"service": "summed", "hours": "2"}
    rows = await whole(running, "/statistics", "minutes", limit="10000", **asked)
    sums: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        counted = {name: row[name] for name in COUNTERS}
        sums.setdefault(place(row)[1:], Counter()).update(counted)
    body = await running.get("/statistics/totals", **asked)
    assert [tuple(row[key] for key in KEYS) for row in body["totals"]] == sorted(sums)
    for row in body["totals"]:
        assert {name: row[name] for name in COUNTERS} == sums[tuple(row[key] for key in KEYS)]
    assert {row["current_sessions_max"] for row in body["totals"]} == {
        max(row["current_sessions_max"] for row in rows)
    }
    assert body["since"] <= rows[0]["minute"].replace("Z", "+00:00")
    half = await running.get("/statistics/totals", service="summed", hours="1")
    assert half["since"] > body["since"]
    assert half["totals"][0]["requests"] < body["totals"][0]["requests"]
    by_three = await pages(running, "/statistics/totals", "totals", limit="3", **asked)
    assert [len(page) for page in by_three] == [3, 1]
    assert [row for page in by_three for row in page] == body["totals"]
    assert await file_of(running, "/statistics/totals", **asked) == [
        as_cells(row) for row in body["totals"]
    ]


async def test_the_command_line_adds_up_and_exports(running: Suite, run: Run) -> None:
    await keep(running, "spoken", 30)
    words = ("statistics", "--service", "spoken", "--hours", "2", "--per", "minute")
    shown = await asyncio.to_thread(run, *words)
    assert shown.code == 0, shown.err
    (line,) = [one.split() for one in shown.out.splitlines() if "owa" in one and "cas1" in one]
    total = sum(range(1, 31))
    assert line[:5] == ["spoken", "owa", "cas1", f"{total:,}", f"{2 * total:,}"]
    assert "from counts per minute" in shown.out

    rows = await whole(running, "/statistics", "minutes", service="spoken", limit="10000")
    told = (await asyncio.to_thread(run, *words, "-o", "json")).json
    assert (told["per"], told["minutes"]) == ("minute", rows)
    assert [row["sessions"] for row in told["totals"]] == [total] * 4
    file = await asyncio.to_thread(run, *words, "-o", "csv")
    assert read_csv(file.out) == [as_cells(row) for row in rows]

    nothing = await asyncio.to_thread(run, "statistics", "--service", "none", "--hours", "100")
    assert (nothing.code, "no statistics" in nothing.out) == (0, True)
    too_long = ("statistics", "--hours", "400", "--per", "minute")
    for output in ("table", "json", "csv"):
        refused = await asyncio.to_thread(run, *too_long, "-o", output)
        assert (refused.code, refused.out) == (2, "")
        assert "SWITCHOVER_MINUTE_DAYS" in refused.err


@pytest.mark.parametrize(
    ("words", "column"),
    [
        (("service", "list"), "service"),
        (("server", "list"), "server"),
        (("token", "list"), "id"),
        (("events",), "id"),
        (("history",), "number"),
        (("terminations",), "state"),
        (("statistics",), "minute"),
    ],
)
async def test_every_list_command_writes_a_file(
    running: Suite, run: Run, words: tuple[str, ...], column: str
) -> None:
    file = await asyncio.to_thread(run, *words, "-o", "csv")
    assert file.code == 0, file.err
    assert column in file.out.splitlines()[0].split(",")
    assert all(line[column] for line in read_csv(file.out))


async def has_events(at: Suite, least: int) -> bool:
    return len(await at.events()) >= least


async def test_a_file_has_all_there_is_unless_less_is_asked_for(running: Suite, run: Run) -> None:
    for _ in range(12):
        await running.post("/servers/cas2/drain", {"service": "imap"})
        await running.post("/servers/cas2/resume", {"service": "imap"})
    newest = (await running.get("/revisions/0"))["number"]
    everything = read_csv((await asyncio.to_thread(run, "history", "-o", "csv")).out)
    assert [int(line["number"]) for line in everything] == list(range(newest, 0, -1))
    assert len(everything) > 20
    # Events are written down a moment after what they tell of.
    await eventually(lambda: has_events(running, 3))
    for command in ("history", "events"):
        some = await asyncio.to_thread(run, command, "-n", "3", "-o", "csv")
        assert len(read_csv(some.out)) == 3
        told = (await asyncio.to_thread(run, command, "-o", "json")).out
        assert len(next(iter(json.loads(told).values()))) <= 30
    refused = await asyncio.to_thread(run, "history", "--show", "1", "-o", "csv")
    assert refused.code == 2


async def test_lists_of_the_command_line_look_for_names(running: Suite, run: Run) -> None:
    for words, key, part, found in (
        (("service", "list"), "services", "IMA", ["imap"]),
        (("server", "list"), "servers", "2", ["cas2"]),
        (("token", "list"), "tokens", "no such token", []),
    ):
        told = (await asyncio.to_thread(run, *words, "--name", part, "-o", "json")).json
        assert [row["name"] for row in told[key]] == found


async def test_a_file_that_breaks_off_is_told_and_no_success() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"4\r\nid\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(break_off, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        environment = {
            "SWITCHOVER_URL": f"http://127.0.0.1:{port}", "SWITCHOVER_TOKEN": "swo_" + "a" * 43,
        }  # fmt: skip
        ended = await asyncio.to_thread(run_cli, "events", "-o", "csv", environment=environment)
    assert ended.code == 75
    assert "broke off" in ended.err
