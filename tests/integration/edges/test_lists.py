"""Every list of the API pages to its end, filters, and exports what it shows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.edges.lists import as_cells, execute, file_of, lines_of, pages, whole
from tests.integration.suite import Suite

pytestmark = pytest.mark.xdist_group("edges")
VIEWED = (
    "/services",
    "/servers",
    "/statistics",
    "/statistics/totals",
    "/revisions",
    "/events",
    "/terminations",
)


async def keep_events(at: Suite, kind: str, count: int) -> None:
    # Four at each moment, so that time alone does not order them.
    await execute(
        at,
        "insert into event (at, kind, severity, service, workload, server, cause, detail) "
        "select now() - make_interval(mins => n / 4), %s, "
        "       case when n %% 3 = 0 then 'error' else 'info' end, "
        "       'web', 'owa', 'cas' || n %% 2 + 1, '=cause, \"' || n || '\"', "
        "       jsonb_build_object('number', n) "
        "from generate_series(1, %s) n",
        kind,
        count,
    )


@pytest.mark.parametrize("path", [*VIEWED, "/tokens"])
@pytest.mark.parametrize("form", ["json", "csv"])
async def test_a_viewer_may_read_lists_and_who_has_no_token_may_not(
    running: Suite, path: str, form: str
) -> None:
    viewer = await running.post("/tokens", {"name": "list reader", "role": "viewer"})
    answer = await running.api("GET", path, token=viewer["secret"], format=form)
    assert answer.status == (200 if path in VIEWED else 403), answer.body
    nobody = await running.api("GET", path, token="", format=form)
    assert (nobody.status, nobody.content_type) == (401, "application/problem+json")
    await running.api("DELETE", f"/tokens/{viewer['id']}")


@pytest.mark.parametrize(
    ("path", "query", "status", "word"),
    [
        *((path, {"format": "xml"}, 422, "csv") for path in VIEWED),
        *((path, {"limit": "0"}, 422, "limit") for path in VIEWED),
        *((path, {"limit": "100001"}, 422, "limit") for path in VIEWED),
        *((path, {"service": "a\0b"}, 422, "service") for path in VIEWED[2:4]),
        *((path, {"after": "swo"}, 422, "no cursor of this list") for path in VIEWED[2:4]),
        ("/statistics", {"after": "swo", "format": "csv"}, 422, "no cursor of this list"),
        ("/terminations", {"after": "WyJ4Il0"}, 422, "no cursor of this list"),
        ("/tokens", {"before": "WyJ4Il0"}, 422, "no cursor of this list"),
        # A time, and what is no id.
        (
            "/tokens",
            {"before": "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsIngiXQ"},
            422,
            "no cursor of this list",
        ),
        ("/services", {"after": "gone"}, 409, "changed meanwhile"),
        ("/servers", {"after": "gone"}, 409, "changed meanwhile"),
        ("/servers", {"after": "gone", "format": "csv"}, 409, "changed meanwhile"),
        ("/events", {"before": str(2**63)}, 422, "before"),
        ("/events", {"severity": "grave"}, 422, "severity"),
        ("/revisions", {"verb": "explode"}, 422, "verb"),
        ("/statistics", {"hours": "17521"}, 422, "hours"),
        ("/statistics", {"hours": "NaN"}, 422, "hours"),
        ("/statistics", {"per": "second"}, 422, "per"),
        ("/statistics", {"per": "minute", "hours": "337"}, 422, "SWITCHOVER_MINUTE_DAYS"),
        ("/statistics/totals", {"per": "minute", "hours": "337"}, 422, "at most 336 hours"),
    ],
)
async def test_what_can_not_be_listed_is_a_problem_with_a_sentence(
    running: Suite, path: str, query: dict[str, str], status: int, word: str
) -> None:
    answer = await running.api("GET", path, **query)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert word in str(answer.body)


@pytest.mark.parametrize("path", ["services", "servers"])
async def test_services_and_servers_page_in_the_order_of_the_file(
    running: Suite, path: str
) -> None:
    usual = await running.get(f"/{path}")
    assert usual["after"] is None
    names = [row["name"] for row in usual[path]]
    assert names == {"services": ["web", "names", "imap"], "servers": ["cas1", "cas2"]}[path]
    by_one = await pages(running, f"/{path}", path, limit="1")
    assert [[row["name"] for row in page] for page in by_one] == [[name] for name in names]
    found = await running.get(f"/{path}", q=names[-1][1:].upper())
    assert [row["name"] for row in found[path]] == names[-1:]
    assert (await running.get(f"/{path}", q="nothing like it"))[path] == []


async def test_the_file_of_services_has_a_line_for_each_workload(running: Suite) -> None:
    listed = (await running.get("/services"))["services"]
    lines = await file_of(running, "/services")
    pools = [(service, pool) for service in listed for pool in service["pools"]]
    assert len(lines) == len(pools) > len(listed)
    for line, (service, pool) in zip(lines, pools, strict=True):
        assert line["service"] == service["name"]
        for name in ("title", "address", "port", "layout", "tls", "names", "scheduler"):
            assert line[name] == as_cells(service)[name]
        assert (line["workload"], line["servers"]) == (pool["workload"], "cas1 cas2")
        assert int(line["up"]) <= 2
    assert {line["service"] for line in await file_of(running, "/services", limit="1")} == {"web"}
    assert {line["service"] for line in await file_of(running, "/services", q="IMA")} == {"imap"}


async def test_the_file_of_servers_has_a_line_for_each_pool(running: Suite) -> None:
    await running.post("/servers/cas2/drain", {"service": "imap"})
    listed = (await running.get("/servers"))["servers"]
    lines = await file_of(running, "/servers")
    places = [(server, pool) for server in listed for pool in server["pools"]]
    assert len(lines) == len(places) > len(listed)
    for line, (server, pool) in zip(lines, places, strict=True):
        own = as_cells({"server": server["name"], "runs": server["runs"]})
        assert line["address"] == server["address"]
        steady = ("service", "workload", "wanted", "weight")
        expected = {**own, **as_cells({name: pool[name] for name in steady})}
        assert {name: line[name] for name in expected} == expected
    wanted = {(line["server"], line["service"]): line["wanted"] for line in lines}
    assert wanted["cas2", "imap"] == "drain"
    assert wanted["cas1", "imap"] == "ready"
    await running.post("/servers/cas2/resume")


async def test_events_page_filter_and_export(running: Suite) -> None:
    await keep_events(running, "audit-broken", 50)
    everything = await whole(
        running, "/events", "events", cursor="before", kind="audit-broken", limit="1000"
    )
    assert len(everything) == 50
    by_seven = await pages(
        running, "/events", "events", cursor="before", kind="audit-broken", limit="7"
    )
    assert [len(page) for page in by_seven] == [7] * 7 + [1]
    assert [row for page in by_seven for row in page] == everything
    order = [(row["at"], row["id"]) for row in everything]
    assert order == sorted(order, reverse=True)
    assert [len(p) for p in await pages(
        running, "/events", "events", cursor="before", kind="audit-broken", limit="25"
    )] == [25, 25]  # fmt: skip

    grave = await whole(
        running, "/events", "events", cursor="before", kind="audit-broken", severity="error"
    )
    assert grave == [row for row in everything if row["severity"] == "error"]
    middle = everything[20]["at"]
    later = await running.get("/events", kind="audit-broken", since=middle)
    earlier = await running.get("/events", kind="audit-broken", until=middle)
    assert later["events"] + earlier["events"] == everything

    lines = await file_of(running, "/events", kind="audit-broken")
    assert lines[0]["cause"].startswith("'=cause")  # what a spreadsheet would take for a formula
    assert lines == [as_cells(row) for row in everything]
    some = await file_of(
        running, "/events", kind="audit-broken", limit="12", before=str(order[9][1])
    )
    assert [line["id"] for line in some] == [str(row["id"]) for row in everything[10:22]]


async def test_more_events_than_an_export_reads_at_once_are_all_in_the_file(
    running: Suite,
) -> None:
    await keep_events(running, "events-lost", 2_345)
    lines = await file_of(running, "/events", kind="events-lost")
    assert len({line["id"] for line in lines}) == len(lines) == 2_345
    rows = await whole(
        running, "/events", "events", cursor="before", kind="events-lost", limit="1000"
    )
    assert [line["id"] for line in lines] == [str(row["id"]) for row in rows]


async def test_a_page_goes_on_where_its_last_row_was_deleted(running: Suite) -> None:
    await keep_events(running, "maintenance-kept", 20)
    first = await running.get("/events", kind="maintenance-kept", limit="8")
    await execute(running, "delete from event where id = %s", first["before"])
    rest = await whole(
        running,
        "/events",
        "events",
        cursor="before",
        kind="maintenance-kept",
        before=str(first["before"]),
    )
    shown = [row["detail"]["number"] for row in first["events"] + rest]
    assert sorted(shown) == list(range(1, 21))


async def test_revisions_page_filter_and_export(running: Suite) -> None:
    for _ in range(3):
        await running.post("/servers/cas1/drain", {"service": "imap", "reason": "lists, paged"})
        await running.post("/servers/cas1/resume", {"service": "imap"})
    everything = await whole(running, "/revisions", "revisions", cursor="before", limit="500")
    by_two = await pages(running, "/revisions", "revisions", cursor="before", limit="2")
    assert [row for page in by_two for row in page] == everything
    assert all(by_two)
    numbers = [row["number"] for row in everything]
    assert numbers == list(range(numbers[0], 0, -1))
    drains = await whole(running, "/revisions", "revisions", cursor="before", verb="drain")
    assert drains == [row for row in everything if row["verb"] == "drain"]
    assert len(drains) >= 3
    author = everything[0]["author"]
    named = await whole(running, "/revisions", "revisions", cursor="before", author=author)
    assert named == [row for row in everything if row["author"] == author]
    assert await file_of(running, "/revisions") == [as_cells(row) for row in everything]
    some = await file_of(running, "/revisions", limit="3")
    assert [line["number"] for line in some] == [str(number) for number in numbers[:3]]


async def test_tokens_page_filter_and_export(running: Suite) -> None:
    made = await asyncio.gather(
        *(
            running.post("/tokens", {"name": f"Paged {n}", "role": role})
            for n, role in enumerate(("viewer", "operator", "viewer", "admin", "viewer"))
        )
    )
    everything = (await running.get("/tokens"))["tokens"]
    by_two = await pages(running, "/tokens", "tokens", cursor="before", limit="2")
    listed = [row["id"] for page in by_two for row in page]
    assert listed == [row["id"] for row in everything]
    assert all(len(page) == 2 for page in by_two[:-1])
    ours = await running.get("/tokens", q="paged")
    assert {row["id"] for row in ours["tokens"]} == {token["id"] for token in made}
    viewers = await running.get("/tokens", q="paged", role="viewer")
    assert [row["role"] for row in viewers["tokens"]] == ["viewer"] * 3
    answer = await running.api("GET", "/tokens", q="paged", format="csv")
    assert lines_of(answer) == [as_cells(row) for row in ours["tokens"]]
    for token in made:
        assert token["secret"] not in answer.body
        await running.api("DELETE", f"/tokens/{token['id']}")


async def test_terminations_page_filter_and_export(running: Suite) -> None:
    await execute(
        running,
        "insert into termination_count (hour, service, workload, server, state, count) "
        "select date_trunc('hour', now()) - make_interval(hours => h), 'ended', w, s, t, h + 1 "
        "from generate_series(0, 47) h, unnest(array['owa', 'ews', '']) w, "
        "     unnest(array['cas1', 'cas2']) s, unnest(array['sH', 'SD', 'CD']) t",
    )
    asked = {"service": "ended", "hours": "10"}
    everything = (await running.get("/terminations", **asked))["terminations"]
    assert len(everything) == 18
    # The hour that 10 hours ago lies in, and those since.
    (count,) = {row["count"] for row in everything}
    assert count in {sum(range(1, 12)), sum(range(1, 11))}  # an hour may have ended meanwhile
    by_five: list[list[dict[str, Any]]] = await pages(
        running, "/terminations", "terminations", limit="5", **asked
    )
    assert [len(page) for page in by_five] == [5, 5, 5, 3]
    assert [row for page in by_five for row in page] == everything
    assert await file_of(running, "/terminations", **asked) == [as_cells(row) for row in everything]
    one = await running.get("/terminations", **asked, workload="owa", server="cas2")
    assert [row["state"] for row in one["terminations"]] == ["CD", "SD", "sH"]
    assert (await running.get("/terminations", service="none"))["terminations"] == []
