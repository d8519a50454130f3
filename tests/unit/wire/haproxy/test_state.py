"""What the engine says of itself, and what a new worker may take over from the old one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import Corrupt
from switchover.wire.haproxy.state import (
    AdminFlag,
    CheckFlag,
    CheckResult,
    Endpoints,
    Operation,
    configured_ports,
    parse_info,
    parse_processes,
    parse_servers,
    render_state_file,
)

COLUMNS = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl "
    "srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
# Recorded from a 2.8.25: drained, in maintenance, down, disabled in the file but made ready.
SERVERS = f"""\
1
{COLUMNS}
3 b 1 s1 127.0.0.1 2 8 100 100 2 6 3 4 2 0 0 0 - 19001 - 0 0 - - 0
3 b 2 s2 127.0.0.1 0 1 33 100 2 6 3 0 14 22 0 0 - 19002 - 1 0 - - 19100
3 b 4 s4 2001:db8::1 0 0 100 100 0 8 2 0 6 0 0 0 - 19999 - 0 0 - - 0
5 t 1 s1 127.0.0.1 2 4 100 100 1 6 3 4 6 0 0 0 - 19003 - 0 0 - - 0

"""
CONFIGURATION = """\
# server b s0 is not a server
global
    maxconn 100
defaults
    default-server inter 2s
frontend f
    bind :443
backend b
    server s1 192.0.2.1:993 weight 100 check
    server s2 [2001:db8::1]:143 check
    # server s3 192.0.2.3:25
    server s4 unix@/run/x.sock
listen t
    server s1 cas1.contoso.example:443 ssl verify none
    server s2 192.0.2.9
    server s5 2001:db8::7
userlist u
    server no 192.0.2.1:1
"""
INFO = """\
Name: HAProxy
Version: 2.8.25-5cf5d0683
Nbthread: 2
Pid: 8094
Uptime_sec: 65
Ulimit-n: 1057
Maxsock: 1057
Maxconn: 500
Hard_maxconn: 500
ConnRateLimit: 0
SessRateLimit: 0
SslRateLimit: 0
CompressBpsRateLim: 0
CurrConns: 3
CumConns: 50
CumReq: 40
Idle_pct: 99
Stopping: 1
Listeners: 4
DroppedLogs: 7
PoolAlloc_bytes: 58736
Start_time_sec: 1795340426
node: vm
"""
PROCESSES = """\
#<PID>          <type>          <reloads>       <uptime>        <version>
11603           master          3 [failed: 1]   1d02h03m04s     2.8.25-5cf5d0683
# workers
11696           worker          1               0d00h00m01s     2.8.25-5cf5d0683
# old workers
11692           worker          2               0d00h00m01s     2.8.25-5cf5d0683
11604           worker          3               0d00h00m02s     2.8.25-5cf5d0683
# programs

"""


def test_every_column_that_matters_is_read() -> None:
    drained, maintained, down, _ = parse_servers(SERVERS)
    assert (drained.backend, drained.server, drained.address, drained.port) == (
        "b", "s1", "127.0.0.1", 19001,
    )  # fmt: skip
    assert drained.admin is AdminFlag.FORCED_DRAIN
    assert (drained.is_draining, drained.is_maintenance) == (True, False)
    assert drained.check == CheckFlag.CONFIGURED
    assert (maintained.is_draining, maintained.is_maintenance) == (False, True)
    assert (maintained.weight, maintained.configured_weight) == (33, 100)
    assert maintained.agent == CheckFlag.CONFIGURED | CheckFlag.ENABLED | CheckFlag.AGENT
    assert CheckFlag.PAUSED in maintained.check
    assert down.operation is Operation.STOPPED
    assert (down.check_result, down.check_health) == (CheckResult.FAILED, 0)


ROW = "1\n3 b 1 s1 127.0.0.1 2 8 100 100 2 6 3 4 2 0 0 0 - 19001 -"


@pytest.mark.parametrize(
    ("tail", "endpoints"),
    [
        ("1 77 192.0.2.1 127.0.0.1 9", Endpoints(True, "192.0.2.1", 77, "127.0.0.1", 9)),
        ("-1 0 0.0.0.0 :: 0 and more", Endpoints()),
        ("0 0 - - 0", Endpoints()),
        ("0 0", None),
        ("", None),
    ],
)
def test_where_a_server_is_checked_is_read_where_it_is_told(
    tail: str, endpoints: Endpoints | None
) -> None:
    (row,) = parse_servers(f"{ROW} {tail}\n")
    assert row.endpoints == endpoints


def test_disabled_in_the_file_alone_is_not_maintenance() -> None:
    assert not parse_servers(SERVERS)[3].is_maintenance


@pytest.mark.parametrize("text", ["", "2\n", "No such backend.\n", "1\n3 b 1 s1 127.0.0.1 2 8 100\n",
                                  "1\n3 b 1 s1 127.0.0.1 2 8 x 100 2 6 3 4 2 0 0 0 - 1 - 0\n",
                                  "1\n3 b 1 s1 127.0.0.1 9 8 1 100 2 6 3 4 2 0 0 0 - 1 - 0\n"])  # fmt: skip
def test_what_is_no_server_state_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt):
        parse_servers(text)


@given(st.integers(min_value=0, max_value=len(SERVERS)))
def test_a_cut_state_is_corrupt_or_lacks_only_whole_rows(cut: int) -> None:
    # A row cut inside its last number would read as another port, but the loaded columns end before.
    try:
        rows = parse_servers(SERVERS[:cut])
    except Corrupt:
        return
    whole = parse_servers(SERVERS)
    assert [row.columns[:18] for row in rows] == [row.columns[:18] for row in whole[: len(rows)]]


def test_ports_are_those_of_the_configuration() -> None:
    assert configured_ports(CONFIGURATION) == {
        ("b", "s1"): 993,
        ("b", "s2"): 143,
        ("b", "s4"): 0,
        ("t", "s1"): 443,
        ("t", "s2"): 0,
        ("t", "s5"): 0,
    }


def test_a_state_file_keeps_modes_and_weights_but_takes_ports_from_the_configuration() -> None:
    text = render_state_file(parse_servers(SERVERS), configured_ports(CONFIGURATION))
    drained, maintained, socket, other = parse_servers(text)
    assert (drained.port, maintained.port, socket.port, other.port) == (993, 143, 0, 443)
    assert drained.is_draining
    assert maintained.is_maintenance
    assert maintained.weight == 33


def test_a_state_file_cannot_switch_tls_off_or_move_checks() -> None:
    text = render_state_file(parse_servers(SERVERS), configured_ports(CONFIGURATION))
    rows = [line for line in text.splitlines()[1:] if not line.startswith("#")]
    assert {len(row.split()) for row in rows} == {20}


def test_servers_that_are_gone_are_left_out() -> None:
    assert (
        parse_servers(render_state_file(parse_servers(SERVERS), {("b", "s2"): 1}))[0].server == "s2"
    )
    assert render_state_file(parse_servers(SERVERS), {}).count("\n") == 2


def test_a_workers_facts_are_read() -> None:
    info = parse_info(INFO)
    assert (info.pid, info.started_at_epoch, info.is_stopping) == (8094, 1795340426, True)
    assert (info.max_connections, info.configured_connections) == (500, 500)
    assert not any(info.rate_limits.values())
    assert (info.max_sockets, info.open_files_limit, info.dropped_logs) == (1057, 1057, 7)


@pytest.mark.parametrize("text", ["", "Name: HAProxy\n", INFO.replace("Pid: 8094", "Pid: x")])
def test_what_lacks_a_fact_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt, match="show info"):
        parse_info(text)


def test_the_master_lists_its_workers_old_and_new() -> None:
    processes = parse_processes(PROCESSES)
    assert (processes.master.pid, processes.failed_reloads) == (11603, 1)
    assert processes.master.uptime_seconds == 93_784
    assert [worker.pid for worker in processes.workers] == [11696]
    assert [(worker.pid, worker.reloads) for worker in processes.old_workers] == [
        (11692, 2),
        (11604, 3),
    ]


@pytest.mark.parametrize("text", ["", "# workers\n", PROCESSES.replace("1d02h", "soon")])
def test_what_is_no_process_list_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt):
        parse_processes(text)
