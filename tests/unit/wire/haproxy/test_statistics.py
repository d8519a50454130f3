"""Counters that survive reloads, restarts and cleared counters, and are read quickly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import Corrupt
from switchover.wire.haproxy.statistics import (
    NOTHING,
    Counters,
    RowKind,
    Sample,
    WorkerId,
    count_between,
    parse_statistics,
    take_sample,
)

# Recorded from a 2.8.25 (its first 82 columns; it has 139).
HEADER = (
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,"
    "status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,"
    "type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,"
    "hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,"
    "comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,"
    "agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,"
    "agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,"
)
FRONTEND = (
    "web,FRONTEND,,,2,2,9972,3,82,56,0,0,0,,,,,OPEN,,,,,,,,,1,2,0,,,,0,3,0,3,,,,0,1,0,0,0,0,,2,2,2,,,"
    "0,0,0,0,,,,,,,,,,,,,,,,,,,,,http,,6,6,6,0,0,"
)
SERVER = (
    "b,z2,0,0,1,1,,2,82,56,,0,,7,0,0,0,UP,100,1,0,3,1,1,3,,1,3,3,,2,,2,2,,2,L7OK,200,4,0,1,0,0,5,0,,,,"
    "1,0,0,,,,,0,OK,,0,0,1,12,,,,Layer7 check passed,,2,3,4,,,,127.0.0.1:19001,,http,,,,,,,"
)
QUOTED = SERVER.replace(",OK,", ',"250 a, ""b"" c",')
WORKER = WorkerId(100, 1000)
NEXT = WorkerId(200, 2000)


def counters(**counted: int) -> Counters:
    return NOTHING._replace(**counted)


def sample(worker: WorkerId, **counted: int) -> dict[WorkerId, Sample]:
    return {worker: Sample(worker=worker, counters={("b", "s"): counters(**counted)})}


def test_a_server_row_is_read() -> None:
    frontend, server = parse_statistics(f"{HEADER}\n{FRONTEND}\n{SERVER}\n\n")
    assert (frontend.kind, frontend.key, frontend.sessions_now) == (
        RowKind.FRONTEND, ("web", "FRONTEND"), 2,
    )  # fmt: skip
    assert (server.kind, server.status, server.check, server.check_code) == (
        RowKind.SERVER, "UP", "L7OK", 200,
    )  # fmt: skip
    assert (server.weight, server.check_milliseconds, server.total_milliseconds) == (100, 4, 12)
    assert server.counters == counters(
        sessions=2, requests=1, bytes_in=82, bytes_out=56, connect_errors=7, checks_failed=3,
        went_down=1, downtime_seconds=3, answers_2xx=1, answers_5xx=5,
    )  # fmt: skip


def test_what_a_server_said_may_hold_commas_and_quotes() -> None:
    (row,) = parse_statistics(f"{HEADER}\n{QUOTED}\n")
    assert row.check_text == '250 a, "b" c'
    assert row.total_milliseconds == 12


def test_columns_are_found_by_name() -> None:
    moved = HEADER.replace("# pxname,svname,", "# new,pxname,svname,")
    (row,) = parse_statistics(f"{moved}\n9,{SERVER}\n")
    assert row.key == ("b", "z2")


@pytest.mark.parametrize(
    "text",
    ["", "No such thing\n", "# pxname,svname\n", f"{HEADER}\nb,z2,0,0\n", f"{HEADER}\n{SERVER.replace(',82,', ',x,')}\n"],
)  # fmt: skip
def test_what_is_no_statistic_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt, match="show stat"):
        parse_statistics(text)


def test_five_thousand_servers_are_read() -> None:
    rows = "\n".join(
        SERVER.replace("b,z2", f"b{number // 20},s{number % 20}", 1) for number in range(5000)
    )
    parsed = parse_statistics(f"{HEADER}\n{rows}\n")
    assert len({row.key for row in parsed}) == 5000


def test_the_same_worker_counts_on() -> None:
    counted = count_between(sample(WORKER, sessions=5), sample(WORKER, sessions=8, retries=1))
    assert counted == {("b", "s"): counters(sessions=3, retries=1)}


def test_nothing_new_is_left_out() -> None:
    assert count_between(sample(WORKER, sessions=5), sample(WORKER, sessions=5)) == {}


def test_after_a_reload_both_workers_count() -> None:
    now = sample(WORKER, sessions=9) | sample(NEXT, sessions=2)
    assert count_between(sample(WORKER, sessions=5), now) == {("b", "s"): counters(sessions=6)}


def test_a_process_id_that_came_back_is_another_worker() -> None:
    reused = WorkerId(WORKER.pid, WORKER.started_at_epoch + 50)
    counted = count_between(sample(WORKER, sessions=5), sample(reused, sessions=6))
    assert counted == {("b", "s"): counters(sessions=6)}


def test_cleared_counters_begin_again() -> None:
    counted = count_between(
        sample(WORKER, sessions=5, bytes_in=9), sample(WORKER, sessions=6, bytes_in=1)
    )
    assert counted == {("b", "s"): counters(sessions=6, bytes_in=1)}


def test_a_new_server_counts_in_full() -> None:
    before = {WORKER: Sample(worker=WORKER, counters={})}
    assert count_between(before, sample(WORKER, sessions=2)) == {("b", "s"): counters(sessions=2)}


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(min_value=0, max_value=50)), min_size=1, max_size=30
    )
)
def test_no_sequence_of_reloads_loses_or_invents_a_session(
    steps: list[tuple[bool, int]],
) -> None:
    """Each step reloads or not, then sessions end, on the current worker; samples in between."""
    worker, total, seen = WORKER, {WORKER: 0}, 0
    earlier: dict[WorkerId, Sample] = {}
    for is_reload, ended in steps:
        if is_reload:
            worker = WorkerId(worker.pid + 1, worker.started_at_epoch + 1)
            total[worker] = 0
        total[worker] += ended
        now = {one: sample(one, sessions=count)[one] for one, count in total.items()}
        counted = count_between(earlier, now)
        seen += counted.get(("b", "s"), NOTHING).sessions
        earlier = now
    assert seen == sum(ended for _, ended in steps)


def test_a_sample_keeps_counters_by_name() -> None:
    taken = take_sample(WORKER, parse_statistics(f"{HEADER}\n{SERVER}\n"))
    assert taken.counters["b", "z2"].answers_5xx == 5
