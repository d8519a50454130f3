from __future__ import annotations

from tests.unit.edges.demo.demo_answers import account, service, tally

from switchover.edges.demo.scene import build_boards, list_broken
from switchover.practice.farm import WorkloadState
from switchover.practice.faults import Fault

L7 = service("mail-l7", "l7", {"owa": ("owa",), "ews": ("ews",)}, cas1_owa="down")
L4 = service("mail-l4", "l4", {"all": ("owa", "ews")}, cas1_all="down")


def state(server: str, workload: str, fault: Fault | None = None) -> WorkloadState:
    return WorkloadState(
        server=server,
        workload=workload,
        fault=fault,
        seconds=None,
        requests=0,
        checks=0,
        spoiled=0,
        connections=0,
    )


def test_one_verdict_for_a_whole_server_stands_at_each_of_its_workloads() -> None:
    single, whole = build_boards([L7, L4], account(), account())
    assert single.rows[0].states == {"owa": "down", "ews": "up"}
    assert whole.rows[0].states == {"owa": "down", "ews": "down"}
    assert (single.verdicts, whole.verdicts) == (2, 1)
    assert not single.is_whole


def test_counts_and_rates_are_the_clients_own() -> None:
    earlier = account(tally("mail-l7", "owa", cas2=100), at=0)
    now = account(
        tally("mail-l7", "owa", cas2=120, cas1=10, failed=3, moved=7),
        tally("mail-l4", "owa", cas1=50),
        at=10,
    )
    (board,) = build_boards([L7], now, earlier)
    assert (board.requests, board.failed, board.moved) == (133, 3, 7)
    assert [row.served for row in board.rows] == [10, 120]
    assert [row.per_second for row in board.rows] == [1.0, 2.0]
    assert board.per_second == 3.3


def test_a_server_that_is_broken_as_a_whole_is_named_once() -> None:
    farm = [
        state("cas1", "owa", Fault.HANG),
        state("cas1", "ews"),
        state("cas2", "owa", Fault.REFUSE),
        state("cas2", "ews", Fault.REFUSE),
        state("cas3", "owa"),
        state("cas3", "ews"),
    ]
    assert list_broken(farm) == ("cas1/owa hang", "cas2 refuse")
