"""The log as the engine really writes it, and as an attacker would like it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchover.wire.haproxy.log import (
    ERROR_LOG_FORMAT,
    HTTP_LOG_FORMAT,
    TCP_LOG_FORMAT,
    EngineNotice,
    Mode,
    Record,
    Rejection,
    Session,
    event_ring,
    log_target,
    parse_log,
)

RECORDED = Path(__file__).parents[3] / "conversation" / "haproxy_log"
HEADER = b"<134>1 2026-11-22T09:20:43.294762+00:00 - haproxy 4927 - - "


def recorded(name: str) -> dict[str, list[Record]]:
    """The records of a recorded file by the situation that its comment names."""
    situations: dict[str, list[Record]] = {}
    current: list[Record] = []
    for line in (RECORDED / f"{name}.txt").read_bytes().splitlines():
        if line.startswith(b"# "):
            current = situations.setdefault(line[2:].decode(), [])
        else:
            current.append(parse_log(line.replace(b"\\n", b"\n")))
    return situations


def only_session(records: list[Record]) -> Session:
    (session,) = records
    assert isinstance(session, Session)
    return session


def http_line(**changed: str) -> bytes:
    fields = {
        "mark": "sw1h", "time": "1795339243.293", "pid": "4927", "frontend": "web", "backend": "owa",
        "server": "cas1", "address": "192.0.2.9", "port": "36564", "TR": "1", "Tw": "2", "Tc": "3",
        "Tr": "4", "Ta": "10", "status": "200", "end": "----", "retries": "0", "in": "94", "out": "56",
        "workload": "owa", "method": "GET", "path": "/owa/", "host": "mail.contoso.example",
    }  # fmt: skip
    return HEADER + "\t".join({**fields, **changed}.values()).encode("utf-8", "surrogateescape")


def test_every_recorded_session_line_is_a_session() -> None:
    records = [
        record
        for name in ("sessions_http", "sessions_tcp")
        for records in recorded(name).values()
        for record in records
    ]
    assert len(records) > 20
    assert all(isinstance(record, Session) for record in records)


def test_a_session_has_every_field_of_its_line() -> None:
    session = parse_log(http_line())
    assert session == Session(
        mode=Mode.HTTP,
        accepted_at=datetime(2026, 11, 22, 9, 20, 43, 293000, tzinfo=UTC),
        pid=4927,
        frontend="web",
        backend="owa",
        server="cas1",
        client_address="192.0.2.9",
        client_port=36564,
        request_milliseconds=1,
        queue_milliseconds=2,
        connect_milliseconds=3,
        response_milliseconds=4,
        total_milliseconds=10,
        status=200,
        termination="----",
        retries=0,
        is_redispatched=False,
        bytes_in=94,
        bytes_out=56,
        workload="owa",
        method="GET",
        path="/owa/",
        host="mail.contoso.example",
    )


def test_query_strings_and_path_parameters_never_come_through() -> None:
    odd = recorded("sessions_http")["denied, own answer, no server, odd path"]
    paths = [session.path for session in odd if isinstance(session, Session)]
    assert paths == ["/powershell", "/own", "/empty", "/owa/%00%0a"]
    assert "secret" not in repr(recorded("sessions_http"))


def test_a_redispatched_request_says_so() -> None:
    done = recorded("sessions_http")["done, some after a redispatch"]
    assert {(one.is_redispatched, one.retries) for one in done if isinstance(one, Session)} == {
        (False, 0),
        (True, 1),
    }


@pytest.mark.parametrize(
    ("situation", "termination", "status"),
    [
        ("client too slow", "cR--", 408),
        ("server says close", "SH--", 502),
        ("server says garbage", "PH--", 502),
        ("server stops half way", "sD--", 200),
        ("cut by the operator", "KD--", 200),
        ("server says 503", "----", 503),
    ],
)
def test_each_end_of_a_request_has_its_letters(
    situation: str, termination: str, status: int
) -> None:
    session = only_session(recorded("sessions_http")[situation])
    assert (session.termination, session.status) == (termination, status)


def test_phases_that_were_not_reached_have_no_time() -> None:
    session = only_session(recorded("sessions_tcp")["server refuses"])
    assert session.termination == "SC"
    assert session.connect_milliseconds is None
    assert session.status is None


def test_a_request_that_was_none_has_no_method_host_or_server() -> None:
    for session in recorded("sessions_http")["bad requests"]:
        assert isinstance(session, Session)
        assert (session.method, session.path, session.host, session.server) == ("", "", "", "")


def test_a_hostile_tls_name_shifts_no_field_and_is_printable() -> None:
    session = recorded("sessions_tcp")["TLS names, the last one hostile"][-1]
    assert isinstance(session, Session)
    assert (session.backend, session.server) == ("stream", "one")
    assert session.host.startswith("a\N{REPLACEMENT CHARACTER}b")
    assert session.host.isprintable()


def test_a_host_with_tabs_cannot_forge_a_workload() -> None:
    session = parse_log(http_line(host="x\tecp\tGET\t/\ty"))
    assert isinstance(session, Session)
    assert (session.workload, session.path) == ("owa", "/owa/")


def test_refused_handshakes_say_why() -> None:
    (records,) = recorded("rejections").values()
    assert all(isinstance(record, Rejection) for record in records)
    assert records[0].tls_reason.endswith("http request")  # type: ignore[union-attr]
    assert records[-1].host == "eas.contoso.example"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": "x"},
        {"time": "never"},
        {"time": "1e400"},
        {"time": "nan"},
        {"time": "9" * 30},
        {"status": ""},
        {"port": "9" * 5000},
        {"retries": "+"},
    ],
)
def test_a_malformed_session_line_is_kept_as_a_notice(changed: dict[str, str]) -> None:
    assert isinstance(parse_log(http_line(**changed)), EngineNotice)


@pytest.mark.parametrize("length", range(0, len(http_line()), 7))
def test_a_cut_line_is_no_error(length: int) -> None:
    assert parse_log(http_line()[:length]) is not None


@given(st.binary(max_size=300))
@example(b"<999>1 2026 - - - - - ")
@example(b"<1>1 9999-12-31T23:59:59-23:59 a b 99999999999999999999 - [x] Server a/b is UP.")
@example(b"sw1h" + b"\t" * 40)
@example(b"Health check for server a/b failed, reason: x, status: " + b"9" * 5000 + b"/2 UP.")
def test_no_bytes_raise(line: bytes) -> None:
    parse_log(line)
    parse_log(HEADER + line)


@given(st.text(max_size=40), st.sampled_from(["frontend", "server", "host", "path", "method"]))
def test_no_field_raises(text: str, field: str) -> None:
    parse_log(http_line(**{field: text.encode("utf-8", "replace").decode()}))


def test_a_huge_line_is_cut() -> None:
    notice = parse_log(HEADER + b"x" * 1_000_000)
    assert isinstance(notice, EngineNotice)
    assert len(notice.text) == 2_000


def test_unknown_lines_come_with_their_stamp_and_without_control_characters() -> None:
    notice = parse_log(b"<132>1 2026-11-22T10:20:43.5+01:00 - haproxy 7 - - Proxy web\x1b[2J gone.")
    assert isinstance(notice, EngineNotice)
    assert notice.text == "Proxy web\N{REPLACEMENT CHARACTER}[2J gone."
    assert notice.stamp.at == datetime(2026, 11, 22, 9, 20, 43, 500000, tzinfo=UTC)
    assert (notice.stamp.pid, notice.stamp.severity) == (7, 4)


def test_lines_without_any_header_are_read_too() -> None:
    bare = http_line().removeprefix(HEADER)
    assert isinstance(parse_log(bare), Session)
    assert isinstance(parse_log(b"<134>" + bare), Session)
    notice = parse_log(b"hello")
    assert isinstance(notice, EngineNotice)
    assert notice.stamp.at is None


def test_formats_have_no_quote_that_could_end_them_early() -> None:
    for text in (HTTP_LOG_FORMAT, TCP_LOG_FORMAT, ERROR_LOG_FORMAT):
        assert not set("'\"\\\n") & set(text)
    assert HTTP_LOG_FORMAT.count("\t") == TCP_LOG_FORMAT.count("\t")


def test_events_go_to_a_ring_only_when_there_is_one() -> None:
    assert len(log_target("/run/log.sock", events_ring=False)) == 1
    assert "ring@events" in log_target("/run/log.sock", events_ring=True)[1]
    assert "unix@/run/events.sock" in event_ring("/run/events.sock")[-1]
