"""What does not serve at present: the same workload in several pools, shared verdicts, whole servers."""

from __future__ import annotations

import pytest
from tests.builders import farm, http_service, mail_service, server, stream_service
from tests.unit.balance.engine_rows import row, snapshot_of

from switchover.balance.present import not_serving, outages_now
from switchover.balance.status_words import Condition
from switchover.balance.virtual_service import Balance

FARM = farm(
    {"web": http_service(), "again": http_service(address="192.0.2.9"), "imap": mail_service()},
    servers={"cas1": server(1), "cas2": server(2), "spare": server(3)},
)


def texts(balance: Balance, *rows: object) -> list[str]:
    return [item.text for item in outages_now(balance, not_serving(snapshot_of(balance, rows)))]  # type: ignore[arg-type]


def test_with_all_up_there_is_nothing() -> None:
    assert texts(FARM, row("web.owa", "cas1"), row("imap.imaps", "cas1", "UP 1/2")) == []


@pytest.mark.parametrize("status", ["DOWN", "DOWN 1/2"])
def test_a_workload_that_is_down_is_named(status: str) -> None:
    assert texts(FARM, row("web.owa", "cas1", status), row("imap.imaps", "cas1")) == ["cas1/owa"]


def test_a_workload_that_one_service_still_reaches_is_not_down() -> None:
    rows = (row("web.owa", "cas1", "DOWN"), row("again.owa", "cas1"))
    assert texts(FARM, *rows) == []


def test_a_server_that_is_down_whole_is_one_item() -> None:
    names = ("web.owa", "web.activesync", "again.owa", "again.activesync", "imap.imaps")
    rows = [row(name, "cas1", "DOWN") for name in names]
    assert texts(FARM, *rows) == ["cas1"]


@pytest.mark.parametrize(
    ("statuses", "condition"),
    [
        (("DRAIN", "MAINT"), Condition.DRAIN),
        (("MAINT", "MAINT"), Condition.MAINTENANCE),
        (("MAINT", "DOWN"), Condition.DOWN),
    ],
)
def test_what_is_ordered_is_told_apart_from_what_is_broken(
    statuses: tuple[str, str], condition: Condition
) -> None:
    rows = (row("web.owa", "cas1", statuses[0]), row("again.owa", "cas1", statuses[1]))
    found = not_serving(snapshot_of(FARM, rows))
    assert found == {("cas1", "exchange", "owa"): condition}
    is_down = condition is Condition.DOWN
    assert bool(outages_now(FARM, found)) is is_down


def test_a_verdict_of_several_workloads_counts_where_none_is_for_one_alone() -> None:
    shared = farm(
        {
            "both": stream_service(health={"workload": "owa"}),
            "web": http_service(address="192.0.2.9", workloads=["owa"]),
        },
        servers={"cas1": server(1), "cas2": server(2)},
    )
    rows = (row("both.all", "cas1", "DOWN"), row("web.owa", "cas1"))
    assert texts(shared, *rows) == ["cas1/activesync"]


def test_a_server_that_is_not_in_the_engine_is_no_outage() -> None:
    rows = (row("web.owa", "cas1", "DOWN"), row("web.owa", "gone", "DOWN"))
    assert texts(FARM, *rows) == ["cas1/owa"]
