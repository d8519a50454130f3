"""Overview, services, servers and changes as browsers get them, on an engine of paper."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.builders import http_service, server
from tests.integration.edges.console.farm_pages import HOSTILE, page
from tests.integration.edges.console.looking import Desk, wish_of
from tests.unit.balance.engine_rows import row

from switchover import clock
from switchover.balance.statistics.series import Lines, Span, began_at, make_series
from switchover.balance.work import history, views
from switchover.balance.work.cycle import NOTHING_APPLIED, CycleReport
from switchover.directory.access.role import Role
from switchover.edges.console.pages.service import GRID_CELLS
from switchover.errors import Unavailable


async def test_the_overview_shows_the_worst_service_first_with_its_workloads(desk: Desk) -> None:
    answer = await page(desk, "/")
    assert answer.status == 200
    assert answer.text.index("/services/imap") < answer.text.index("/services/web")
    assert re.search(r'state warning">degraded</span> <strong>imaps</strong>', answer.text)
    assert "1 of 2" in answer.text
    assert "the engine runs revision 1 as ordered" in answer.text
    assert "last cycle" in answer.text
    assert "The last 24 hours" in answer.text


async def test_a_page_says_what_to_watch_and_from_which_snapshot_it_was_made(desk: Desk) -> None:
    text = (await page(desk, "/")).text
    watched = re.findall(r'data-live="([^"]*)"', text)
    assert watched == ["trouble,overview", "service-line:imap,service-line:web"]
    (since,) = set(re.findall(r'data-live-since="([^"]*)"', text))
    assert re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", since)
    for name in ("service-line:web:sessions", "overview-counts", "overview-recent"):
        assert f'id="{name}"' in text


PAGES = ["/", "/services", "/services/web", "/servers", "/servers/cas1"]


@pytest.mark.parametrize("target", PAGES)
async def test_every_page_with_states_says_that_they_are_old_while_the_engine_is_away(
    desk: Desk, target: str
) -> None:
    calm = (await page(desk, target)).text
    assert '<div id="trouble"></div>' in calm
    assert re.search(r'data-live="[^"]*\btrouble\b', calm)
    desk.engine.is_away = True
    desk.board.hear(())
    text = (await page(desk, target)).text
    assert "The engine does not answer" in text
    assert re.search(r'data-old="20[0-9-]+T[0-9:]+\+00:00"', text)


async def test_before_the_first_platform_file_the_overview_leads_to_one() -> None:
    desk = Desk(wish=None)
    desk.engine.is_away = True
    desk.board.cycle.report = CycleReport(at=clock.now(), sentence=NOTHING_APPLIED, revision=None)
    text = (await page(desk, "/")).text
    assert "does not answer" not in text
    assert "the engine starts with the first service" in text
    assert "No service yet" in text
    assert 'href="/start"' in text
    assert (await page(desk, "/services/web")).status == 404
    assert "No server yet" in (await page(desk, "/servers")).text
    await desk.board.close()


@pytest.mark.parametrize(
    ("target", "expected", "absent"),
    [
        ("/services?q=WEBM", "/services/web", "/services/imap"),
        ("/services?state=degraded", "/services/imap", "/services/web"),
        ("/services?layout=l7", "/services/web", "/services/imap"),
        ("/services?q=imaps", "/services/imap", "/services/web"),
        ("/servers?q=ghent", "/servers/cas2", "/servers/cas1"),
        ("/servers?state=unused", "/servers/spare", "/servers/cas1"),
        ("/servers?state=degraded", "/servers/cas2", "/servers/spare"),
    ],
)
async def test_lists_are_narrowed_by_their_address(
    desk: Desk, target: str, expected: str, absent: str
) -> None:
    text = (await page(desk, target)).text
    assert f'href="{expected}"' in text
    assert f'href="{absent}"' not in text


@pytest.mark.parametrize(
    "target",
    [
        "/services?sort=-sessions", "/services?sort=address", "/services?sort=rate",
        "/servers?sort=name", "/servers?sort=-state", "/servers?sort=site&page=1",
    ],
)  # fmt: skip
async def test_lists_are_sorted_by_their_address(desk: Desk, target: str) -> None:
    assert (await page(desk, target)).status == 200


async def test_lists_are_had_as_files(desk: Desk) -> None:
    services = await page(desk, "/services?format=csv")
    assert services.headers["content-type"].startswith("text/csv")
    assert services.text.splitlines()[0].startswith("service,title,state,address")
    assert "imap" in services.text
    servers = await page(desk, "/servers?format=json&q=cas2")
    assert '"cas2"' in servers.text
    assert '"cas1"' not in servers.text
    ordered = (await page(desk, "/servers?format=json&sort=-name")).text
    assert re.findall(r'"server": "(\w+)"', ordered) == ["spare", "cas2", "cas1"]


async def test_a_service_shows_every_server_of_every_workload(desk: Desk) -> None:
    text = (await page(desk, "/services/web")).text
    for workload in ("owa", "activesync"):
        for name in ("cas1", "cas2"):
            assert f'id="web.{workload}/{name}"' in text
            assert f'id="web.{workload}/{name}:now"' in text
    assert 'href="/servers/cas1/change?where=web"' in text
    assert 'data-url="/services/web/series?span=24h&amp;by=workload"' in text


async def test_a_service_with_many_servers_is_shown_in_pages_the_worst_first() -> None:
    servers = {f"cas{number}": server(number) for number in range(1, 61)}
    desk = Desk(wish=wish_of({"web": http_service(servers=list(servers))}, servers=servers))
    desk.engine.set("web.owa", "cas55", "DOWN")
    text = (await page(desk, "/services/web")).text
    assert text.count('data-label="owa"') == 50
    assert text.index("web.owa/cas55") < text.index('web.owa/cas1"')
    assert "grid:web/cas55" in text
    assert "1 to 50 of 60" in text
    following = (await page(desk, "/services/web?page=2")).text
    assert following.count('data-label="owa"') == 10
    only = (await page(desk, "/services/web?q=cas60")).text
    assert only.count('data-label="owa"') == 1
    await desk.board.close()


async def test_a_service_of_many_workloads_shows_fewer_servers_on_a_page() -> None:
    servers = {f"cas{number}": server(number) for number in range(1, 41)}
    workloads = ["owa", "ecp", "activesync", "ews", "mapi", "rpc", "oab", "autodiscover"]
    service = http_service(servers=list(servers), workloads=workloads)
    desk = Desk(wish=wish_of({"web": service}, servers=servers))
    text = (await page(desk, "/services/web")).text
    assert text.count('class="cell-now"') == GRID_CELLS
    assert f"1 to {GRID_CELLS // 8} of 40" in text
    await desk.board.close()


async def test_who_may_only_look_is_offered_no_change(desk: Desk) -> None:
    for target in ("/", "/services", "/services/web", "/servers", "/servers/cas1"):
        text = (await page(desk, target, Role.VIEWER)).text
        assert "/change" not in text
        assert "/services/new" not in text
        assert "/edit" not in text


async def test_htmx_gets_the_charts_alone(desk: Desk) -> None:
    answer = await page(
        desk, "/services/web?span=7d&by=server", hx_request="true", hx_target="charts"
    )
    assert answer.text.lstrip().startswith('<section id="charts"')
    assert "span=7d&amp;by=server" in answer.text


async def test_a_server_shows_its_workloads_and_what_happened_to_it(desk: Desk) -> None:
    text = (await page(desk, "/servers/cas2")).text
    assert 'id="imap.imaps/cas2"' in text
    assert "connection refused" in text
    assert "Went down" in text
    assert 'href="/servers/cas2/change?where=imap%2Fimaps"' in text or (
        'href="/servers/cas2/change?where=imap/imaps"' in text
    )
    assert "In no service" in (await page(desk, "/servers/spare")).text


@pytest.mark.parametrize("target", ["/services/nope", "/servers/nope", "/servers/nope/connections"])
async def test_a_name_that_there_is_not_is_a_page_that_says_so(desk: Desk, target: str) -> None:
    answer = await page(desk, target)
    assert answer.status == 404
    assert "nope" in answer.text


async def test_without_the_database_servers_are_shown_without_events(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(history, "list_events", away)
    answer = await page(desk, "/servers/cas1")
    assert answer.status == 200
    assert "The database does not answer now" in answer.text


async def test_who_is_connected_is_listed_the_longest_first(desk: Desk) -> None:
    line = "0x{}: proto=tcpv4 src={} fe=web be=web.owa srv=cas1 ts=0 age=9d\n"
    desk.engine.sessions = line.format(0, "192.0.2.7:1") + line.format(123, "192.0.2.8:1")
    text = (await page(desk, "/servers/cas1/connections")).text
    assert text.index("192.0.2.8:1") < text.index("192.0.2.7:1")
    assert "2 h 3 min" in text
    exported = await page(desk, "/servers/cas1/connections?format=csv&q=192.0.2.8")
    head, only = exported.text.splitlines()
    assert head == "client,service,workload,age,seconds"
    assert only.startswith("192.0.2.8:1,web,owa,2h3m,73")


def fake_series(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(_parts: Any, service: str, *, span: Span, by: Lines, **_: Any) -> Any:
        now = clock.now()
        began = began_at(span, now)
        rows = [
            {
                "moment": began.timestamp(), "line": "owa", "requests": 1200, "errors": 3,
                "response_ms": 41.26, "sessions": 9,
            }
        ]  # fmt: skip
        return make_series(service, rows, span=span, by=by, began=began, now=now)

    monkeypatch.setattr(history, "get_series", get)


async def test_charts_are_also_a_table_and_a_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_series(monkeypatch)
    text = (await page(desk, "/services/web/charts?span=1h")).text
    assert "41.3 ms" in text
    assert "1\u202f200" in text
    csv = await page(desk, "/services/web/charts?span=1h&format=csv&sort=errors")
    assert csv.text.splitlines()[0] == "at,line,requests,errors,response_ms,sessions"
    assert csv.text.splitlines()[1].endswith("Z,owa,1200,3,41.3,9")
    drawn = await page(desk, "/services/web/series?span=1h&by=server")
    assert drawn.headers["content-type"] == "application/json"
    assert '"by":"server"' in drawn.text
    assert (await page(desk, "/services/web/series?span=2h")).status == 422
    shown = (await page(desk, "/services/web")).text
    assert "data-left-out hidden" in shown
    assert ">Requests <" in shown
    assert ">Connections <" in (await page(desk, "/services/imap")).text
    assert (await page(desk, "/services/nope/series")).status == 404


async def test_the_engines_configuration_of_a_service_is_text(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "engine_configuration", lambda _: f"frontend web\n  # {HOSTILE}\n")
    text = (await page(desk, "/services/web/configuration")).text
    assert "frontend web" in text
    assert "&lt;img" in text


async def test_a_drain_counts_down_on_the_page(desk: Desk) -> None:
    desk.engine.set("web.owa", "cas1", "DRAIN", sessions_now=4)
    desk.engine.rows.append(row("web.extra", "x", "UP"))
    text = (await page(desk, "/services/web")).text
    assert "<b>4</b> connections remain" in text


async def test_what_is_no_topic_is_refused(desk: Desk) -> None:
    assert (await page(desk, "/live?topics=secrets")).status == 422
