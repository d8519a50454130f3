from __future__ import annotations

import pytest

from switchover.practice.workloads import WEB_WORKLOADS, WebPaths


def test_exchange_has_its_ten_virtual_directories_each_with_a_health_page() -> None:
    exchange = {workload.name: workload for workload in WEB_WORKLOADS["exchange"]}
    expected = "owa ecp activesync ews mapi rpc oab autodiscover api powershell"
    assert list(exchange) == expected.split()
    assert all(workload.healthcheck for workload in exchange.values())
    assert exchange["activesync"].paths == ("/Microsoft-Server-ActiveSync",)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/owa", "owa"),
        ("/OWA/healthcheck.htm", "owa"),
        ("/EWS/Exchange.asmx", "ews"),
        ("/microsoft-server-activesync", "activesync"),
        ("/owattack", None),
        ("/", None),
        ("/elsewhere", None),
    ],
)
def test_a_path_belongs_to_the_workload_of_its_first_segments(
    path: str, expected: str | None
) -> None:
    found = WebPaths(("exchange",)).find(path)
    assert (found.name if found else None) == expected


def test_the_longest_path_wins() -> None:
    paths = WebPaths(("sogo",))
    dav, web = paths.find("/SOGo/dav/ann/Calendar"), paths.find("/SOGo/so/ann")
    assert dav is not None
    assert web is not None
    assert (dav.name, web.name) == ("dav", "web")


def test_a_server_whose_workload_owns_the_root_gets_every_other_path() -> None:
    found = WebPaths(("roundcube",)).find("/?_task=mail")
    assert found is not None
    assert found.name == "webmail"


def test_the_first_template_wins_a_path_both_claim() -> None:
    found = WebPaths(("exchange", "sogo")).find("/Microsoft-Server-ActiveSync")
    assert found is not None
    assert found.healthcheck


@pytest.mark.parametrize(
    ("runs", "home"),
    [(("dav",), "/dav/"), (("sogo",), "/SOGo/dav/"), (("cyrus",), "/dav/"), (("exchange",), None)],
)
def test_well_known_dav_leads_to_the_dav_workload(runs: tuple[str, ...], home: str | None) -> None:
    assert WebPaths(runs).dav_home() == home


def test_well_known_dav_breaks_with_the_dav_workload() -> None:
    found = WebPaths(("sogo",)).find("/.well-known/caldav")
    assert found is not None
    assert found.name == "dav"
