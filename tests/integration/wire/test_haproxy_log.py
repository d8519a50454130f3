"""The engine's log reaches us: as datagrams, and as events that wait while we are away."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
from pathlib import Path

import pytest
from tests.integration.wire.haproxy_rig import eventually, fetch, free_port, rig, servers

from switchover.errors import Unavailable
from switchover.wire.haproxy.log import (
    CAPTURE_HTTP_HOST,
    CAPTURE_TLS_NAME,
    HTTP_LOG_FORMAT,
    TCP_LOG_FORMAT,
    Mode,
    Record,
    Session,
    event_ring,
    log_target,
    parse_log,
)
from switchover.wire.haproxy.notices import HealthTransition, ServerEvent, ServerNotice
from switchover.wire.haproxy.socket import EventReceiver, LogReceiver


def sessions(records: list[Record]) -> list[Session]:
    return [record for record in records if isinstance(record, Session)]


def downs(records: list[Record]) -> list[ServerNotice]:
    notices = [record for record in records if isinstance(record, ServerNotice)]
    return [notice for notice in notices if notice.event is ServerEvent.DOWN]


async def test_sessions_of_both_modes_come_with_host_and_workload() -> None:
    records: list[Record] = []
    async with rig() as engine, servers("one") as (one,):
        http, tcp = free_port(), free_port()
        # As root the worker becomes another user, who must still be able to write to our socket.
        drop = f"user {pwd.getpwnam('nobody').pw_name}" if os.getuid() == 0 else ""
        engine.directory.chmod(0o711)
        engine.write(
            f"""
frontend web
    bind 127.0.0.1:{http}
    log-format '{HTTP_LOG_FORMAT}'
    {CAPTURE_HTTP_HOST}
    http-request set-var(txn.sw_workload) str(owa)
    default_backend web
backend web
    server one 127.0.0.1:{one.port}
frontend stream
    mode tcp
    bind 127.0.0.1:{tcp}
    log-format "{TCP_LOG_FORMAT}"
    tcp-request inspect-delay 100ms
    {CAPTURE_TLS_NAME}
    default_backend stream
backend stream
    mode tcp
    server one 127.0.0.1:{one.port}
""",
            extra=drop,
        )
        path = engine.directory / "log.sock"
        async with LogReceiver(path, lambda line: records.append(parse_log(line))):
            await engine.process.start()
            await fetch(http, host="Mail.Contoso.example:443", path="/owa/?x=1")
            await fetch(tcp)
            await eventually(lambda: len(sessions(records)) == 2)
        web, stream = sessions(records)
        assert (web.mode, web.host, web.workload, web.path, web.status) == (
            Mode.HTTP, "mail.contoso.example", "owa", "/owa/", 200,
        )  # fmt: skip
        assert (stream.mode, stream.server, stream.host, stream.status) == (
            Mode.TCP, "one", "", None,
        )  # fmt: skip
        assert stream.bytes_out > 0


async def test_a_receiver_takes_over_the_socket_of_a_killed_one(short_directory: Path) -> None:
    path = short_directory / "log.sock"
    left_behind = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    left_behind.bind(str(path))
    left_behind.close()
    lines: list[bytes] = []
    async with LogReceiver(path, lines.append):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"one", str(path))
            await eventually(lambda: lines == [b"one"])
            sender.sendto(b"last", str(path))
    assert lines == [b"one", b"last"]
    assert not path.exists()


async def test_a_socket_that_cannot_be_made_is_told(short_directory: Path) -> None:
    missing = short_directory / "none" / "log.sock"
    for receiver in (LogReceiver(missing, print), EventReceiver(missing, print)):
        with pytest.raises(Unavailable, match="cannot listen"):
            async with receiver:
                pass


async def test_events_wait_in_the_engine_while_nobody_reads() -> None:
    records: list[Record] = []
    async with rig() as engine, servers("one", "two") as (one, two):
        path = engine.directory / "events.sock"
        ring = "\n".join(event_ring(str(path)))
        targets = log_target(f"{engine.directory}/log.sock", events_ring=True)
        engine.write(
            f"""
{ring}
frontend web
    bind 127.0.0.1:{free_port()}
    default_backend web
backend web
    server one 127.0.0.1:{one.port} check
    server two 127.0.0.1:{two.port} check
""",
            extra=targets[1],
        )
        await engine.process.start()
        await one.refuse()
        await eventually(lambda: "web/one is DOWN" in engine.process.messages_file.read_text())
        # Only now somebody listens.
        async with EventReceiver(path, lambda line: records.append(parse_log(line))):
            await eventually(lambda: [notice.server for notice in downs(records)] == ["one"])
            assert downs(records)[0].stamp.at is not None
            assert any(isinstance(record, HealthTransition) for record in records)
        await two.refuse()
        await eventually(lambda: "web/two is DOWN" in engine.process.messages_file.read_text())
        # The next one to listen gets what happened meanwhile.
        async with EventReceiver(path, lambda line: records.append(parse_log(line))):
            await eventually(lambda: [notice.server for notice in downs(records)] == ["one", "two"])
            # And so it goes on after a reload, from the new worker's own ring.
            assert (await engine.process.reload()).ok
            await two.open()
            await eventually(
                lambda: any(
                    isinstance(record, ServerNotice) and record.event is ServerEvent.UP
                    for record in records
                )
            )


@pytest.mark.parametrize("sent", [b"x", b"5 ab", b"-1 a", b"99999999999 a", b"nonsense " * 20_000])
async def test_a_stranger_on_the_event_socket_is_shown_out(
    short_directory: Path, sent: bytes
) -> None:
    lines: list[bytes] = []
    path = short_directory / "events.sock"
    async with EventReceiver(path, lines.append):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(sent)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 2) == b""
        writer.close()
        good, sender = await asyncio.open_unix_connection(path)
        sender.write(b"5 first7 second\n")
        await eventually(lambda: lines == [b"first", b"second\n"])
        sender.close()
        assert good is not None
