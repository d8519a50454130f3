"""Writes the log lines in this folder anew: a real engine is put into every situation we read.

Run from the project's root with ``python -m tests.conversation.haproxy_log.record``. The lines are what
the engine wrote, byte for byte; ports, process ids and times are those of the machine it ran on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.wire.haproxy_rig import Rig, Server, fetch, free_port, rig, servers

from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.command import Command
from switchover.wire.haproxy.log import (
    CAPTURE_HTTP_HOST,
    CAPTURE_TLS_NAME,
    ERROR_LOG_FORMAT,
    HTTP_LOG_FORMAT,
    TCP_LOG_FORMAT,
)
from switchover.wire.haproxy.runtime import CheckKind, HealthVerdict, ServerMode
from switchover.wire.haproxy.socket import LogReceiver

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


class Recorder:
    """Collects lines and puts each batch into a file, with a comment line for each situation."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.files: dict[str, list[bytes]] = {}

    def take(self, line: bytes) -> None:
        self.lines.append(line.rstrip(b"\n"))

    async def keep(self, file: str, situation: str, *, seconds: float = 0.7) -> None:
        await asyncio.sleep(seconds)
        kept = self.files.setdefault(file, [])
        kept.append(f"# {situation}".encode())
        kept.extend(line.replace(b"\n", b"\\n") for line in self.lines)
        self.lines.clear()

    def write(self) -> None:
        for name, lines in self.files.items():
            (HERE / f"{name}.txt").write_bytes(b"\n".join(lines) + b"\n")


async def raw(port: int, data: bytes, *, seconds: float = 0.3) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(4096), seconds)
    except (TimeoutError, OSError):
        return b""
    finally:
        writer.transport.abort()


def make_certificate(directory: Path) -> Path:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=mail.contoso.example",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    both = directory / "both.pem"
    both.write_bytes((directory / "cert.pem").read_bytes() + (directory / "key.pem").read_bytes())
    return both


async def health(recorder: Recorder, engine: Rig) -> None:
    """Every kind of health check failing and passing."""
    async with servers("one", "two") as (one, two):
        await _health(recorder, engine, one, two)


async def _health(recorder: Recorder, engine: Rig, one: Server, two: Server) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    filling = [socket.socket() for _ in range(4)]
    for client in filling:
        client.setblocking(False)
        client.connect_ex(full.getsockname())
    engine.write(
        f"""
backend web
    option httpchk GET /owa/healthcheck.htm
    http-check expect status 200
    server one 127.0.0.1:{one.port} weight 100 check
    server two 127.0.0.1:{two.port} weight 100 check backup
backend full
    mode tcp
    server one 127.0.0.1:{full.getsockname()[1]} check
backend tls
    mode tcp
    server one 127.0.0.1:{one.port} check check-ssl verify none
backend banner
    mode tcp
    option tcp-check
    tcp-check connect
    tcp-check send "GET / HTTP/1.1\\r\\n\\r\\n"
    tcp-check expect string "+OK ready" comment "banner of POP3"
    server one 127.0.0.1:{one.port} check
backend smtp
    mode tcp
    option smtpchk EHLO mail.contoso.example
    server one 127.0.0.1:{one.port} check
backend gone
    option httpchk GET /
    http-check disable-on-404
    server one 127.0.0.1:{one.port} check
backend ldap
    mode tcp
    option ldap-check
    server one 127.0.0.1:{one.port} check
"""
    )
    await engine.process.start()
    await recorder.keep(
        "health", "start: passing, refused TLS, wrong banner, no connection", seconds=1.5
    )
    for mode in ("503", "401", "404", "hang", "garbage", "close"):
        one.mode = mode
        await recorder.keep("health", f"server one says {mode}", seconds=1.2)
        one.mode = "200"
        await recorder.keep("health", "server one is well again", seconds=0.8)
    await one.refuse()
    await two.refuse()
    await recorder.keep("health", "both servers refuse")
    await one.open()
    await two.open()
    await recorder.keep("health", "both are back")
    await engine.process.stop(grace_seconds=0)
    recorder.lines.clear()
    for client in (*filling, full):
        client.close()


async def agent(recorder: Recorder, engine: Rig) -> None:
    """What an agent can say."""
    words = b"up\n"

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with servers("one") as (one,):
        engine.write(
            f"""
backend web
    server one 127.0.0.1:{one.port} weight 100 check agent-check agent-port {port} agent-inter 100ms
    server two 127.0.0.1:{one.port} weight 100 check
"""
        )
        await engine.process.start()
        await recorder.keep("agent", "start: up")
        for said in (
            "down", "up", "down #slow sign-in, 9 s", "up", "stopped", "up", "fail #probe", "up",
            "50%", "100%", "drain", "ready", "maint", "ready", "up", 'down #say "why"', "up",
        ):  # fmt: skip
            words = f"{said}\n".encode()
            await recorder.keep("agent", f"agent says {said}", seconds=0.5)
        listening.close()
        await recorder.keep("agent", "agent is gone", seconds=0.5)
        await engine.process.stop(grace_seconds=0)
        recorder.lines.clear()


async def administration(recorder: Recorder, engine: Rig) -> None:
    """Every command that changes a server, with a tracked and a backup server."""
    async with servers("one", "two") as (one, two):
        engine.write(
            f"""
backend web
    server one 127.0.0.1:{one.port} weight 100 check
    server two 127.0.0.1:{two.port} weight 100 check
    server spare 127.0.0.1:{two.port} weight 100 check backup
backend follower
    server one 127.0.0.1:{one.port} weight 100 track web/one
frontend front
    bind 127.0.0.1:{free_port()}
    default_backend web
"""
        )
        await engine.process.start()
        await recorder.keep("administration", "start")
        one_by_one: tuple[tuple[str, Callable[[], Command]], ...] = (
            ("drain one", lambda: runtime.set_mode("web", "one", ServerMode.DRAIN)),
            ("maintain one", lambda: runtime.set_mode("web", "one", ServerMode.MAINTENANCE)),
            ("maintain its follower too", lambda: runtime.set_mode("follower", "one", ServerMode.MAINTENANCE)),
            ("drain two: on backup", lambda: runtime.set_mode("web", "two", ServerMode.DRAIN)),
            ("maintain the spare: nothing left", lambda: runtime.set_mode("web", "spare", ServerMode.MAINTENANCE)),
            ("spare is ready", lambda: runtime.set_mode("web", "spare", ServerMode.READY)),
            ("two is ready", lambda: runtime.set_mode("web", "two", ServerMode.READY)),
            ("one is ready", lambda: runtime.set_mode("web", "one", ServerMode.READY)),
            ("follower is ready", lambda: runtime.set_mode("follower", "one", ServerMode.READY)),
            ("health of two down", lambda: runtime.set_health("web", "two", HealthVerdict.DOWN)),
            ("health of two stopping", lambda: runtime.set_health("web", "two", HealthVerdict.STOPPING)),
            ("health of two up", lambda: runtime.set_health("web", "two", HealthVerdict.UP)),
            ("weight of two 0", lambda: runtime.set_weight("web", "two", 0)),
            ("weight of two 50", lambda: runtime.set_weight("web", "two", 50)),
            ("no checks of two", lambda: runtime.disable_checks("web", "two", CheckKind.HEALTH)),
            ("checks of two", lambda: runtime.enable_checks("web", "two", CheckKind.HEALTH)),
            ("address of two", lambda: runtime.set_address("web", "two", "127.0.0.2", two.port)),
        )  # fmt: skip
        for situation, command in one_by_one:
            await engine.process.runtime.ask_one(command(), timeout=2)
            await recorder.keep("administration", situation, seconds=0.4)
        await two.refuse()
        await recorder.keep("administration", "two goes down")
        await engine.process.runtime.ask_one(
            runtime.set_mode("web", "two", ServerMode.MAINTENANCE), timeout=2
        )
        await recorder.keep("administration", "maintain two while down")
        await engine.process.reload()
        await recorder.keep("administration", "reload")
        await engine.process.stop(grace_seconds=1)
        await recorder.keep("administration", "stop")


async def sessions(recorder: Recorder, engine: Rig) -> None:
    """Every way a session ends that we can bring about."""
    async with servers("one", "two") as (one, _):
        http, tcp, dead, tls = (free_port() for _ in range(4))
        engine.write(
            f"""
frontend web
    bind 127.0.0.1:{http}
    log-format "{HTTP_LOG_FORMAT}"
    {CAPTURE_HTTP_HOST}
    http-request set-var(txn.sw_workload) str(owa)
    http-request deny deny_status 403 if {{ path_beg /powershell }}
    http-request return status 200 if {{ path /own }}
    use_backend empty if {{ path_beg /empty }}
    default_backend web
backend web
    option redispatch
    retries 1
    server one 127.0.0.1:{one.port} weight 100
    server two 127.0.0.1:{free_port()} weight 100
backend empty
    server one 127.0.0.1:{one.port} disabled
frontend stream
    mode tcp
    bind 127.0.0.1:{tcp}
    log-format "{TCP_LOG_FORMAT}"
    tcp-request inspect-delay 200ms
    {CAPTURE_TLS_NAME}
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    default_backend stream
backend stream
    mode tcp
    server one 127.0.0.1:{one.port}
frontend dead
    mode tcp
    bind 127.0.0.1:{dead}
    log-format "{TCP_LOG_FORMAT}"
    default_backend dead
backend dead
    mode tcp
    retries 0
    server one 127.0.0.1:{free_port()}
frontend decrypting
    bind 127.0.0.1:{tls} ssl crt {make_certificate(engine.directory)} ssl-min-ver TLSv1.2
    bind 127.0.0.1:{free_port()} accept-proxy
    log-format "{HTTP_LOG_FORMAT}"
    error-log-format "{ERROR_LOG_FORMAT}"
    {CAPTURE_HTTP_HOST}
    default_backend web
"""
        )
        await engine.process.start()
        await _http_sessions(recorder, engine, http, one)
        await _stream_sessions(recorder, engine, tcp, dead, one)
        await _tls_sessions(recorder, tls)
        await engine.process.stop(grace_seconds=0)


async def _http_sessions(recorder: Recorder, engine: Rig, port: int, one: Server) -> None:
    recorder.lines.clear()
    for _ in range(3):
        await fetch(port, path="/owa/?token=secret")
    await recorder.keep("sessions_http", "done, some after a redispatch")
    for path in ("/powershell", "/own", "/empty", "/owa/%00%0a;jsessionid=secret?x=1"):
        await fetch(port, path=path)
    await recorder.keep("sessions_http", "denied, own answer, no server, odd path")
    await raw(port, b"GET / HTTP/9.9 bogus\r\n\r\n")
    await raw(port, b"GET /" + b"a" * 20_000)
    await raw(port, b'GET / HTTP/1.1\r\nHost: a\xff\tb"c\r\n\r\n')
    await raw(port, b'GET /\xc3\xa9"|#x HTTP/1.1\r\nHost: \x01\r\n\r\n')
    await recorder.keep("sessions_http", "bad requests")
    await raw(port, b"GET / HTTP/1.1\r\nHost: slow", seconds=2.3)
    await recorder.keep("sessions_http", "client too slow")
    for mode in ("503", "close", "garbage"):
        one.mode = mode
        await fetch(port)
        await recorder.keep("sessions_http", f"server says {mode}", seconds=0.3)
    one.mode = "hang"
    await raw(port, b"GET /aborted HTTP/1.1\r\nHost: a\r\n\r\n")
    await recorder.keep("sessions_http", "client aborts while the server hangs", seconds=0.3)
    await fetch(port)
    await recorder.keep("sessions_http", "server hangs too long", seconds=0.3)
    one.mode = "half"
    await fetch(port)
    await recorder.keep("sessions_http", "server stops half way", seconds=0.3)
    asking = asyncio.create_task(fetch(port, path="/cut"))
    await asyncio.sleep(0.3)
    await engine.process.runtime.ask_one(runtime.shutdown_sessions("web", "one"), timeout=2)
    await asyncio.wait([asking])
    await recorder.keep("sessions_http", "cut by the operator", seconds=0.3)
    one.mode = "200"


async def _stream_sessions(
    recorder: Recorder, engine: Rig, port: int, dead: int, one: Server
) -> None:
    await fetch(port)
    await recorder.keep("sessions_tcp", "done")
    await raw(dead, b"x")
    await recorder.keep("sessions_tcp", "server refuses")
    one.mode = "hang"
    await raw(port, b"GET / HTTP/1.1\r\n\r\n", seconds=0.6)
    await recorder.keep("sessions_tcp", "client leaves")
    await raw(port, b"GET / HTTP/1.1\r\n\r\n", seconds=3)
    await recorder.keep("sessions_tcp", "server silent")
    one.mode = "200"
    for name in ("mail.contoso.example", "Mail.Contoso.Example"):
        await raw(port, client_hello(name.encode()))
    await raw(port, client_hello(b"a\tb\nsw1t\t<13>\xff\x01"))
    await recorder.keep("sessions_tcp", "TLS names, the last one hostile")


async def _tls_sessions(recorder: Recorder, port: int) -> None:
    await raw(port, b"GET / HTTP/1.0\r\n\r\n")
    await raw(port, b"\x16\x03\x01\x00\x05junk!")
    await raw(port, b"")
    trusting = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLError):
        await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname="eas.contoso.example"
        )
    await recorder.keep("rejections", "clear text, junk, nothing, unknown certificate authority")


def client_hello(name: bytes) -> bytes:
    """The smallest TLS 1.2 ClientHello with a server name (RFC 5246 7.4.1.2, RFC 6066 3)."""
    entry = b"\x00" + len(name).to_bytes(2) + name
    extension = b"\x00\x00" + (len(entry) + 2).to_bytes(2) + len(entry).to_bytes(2) + entry
    body = (
        b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
        + len(extension).to_bytes(2) + extension
    )  # fmt: skip
    handshake = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(handshake).to_bytes(2) + handshake


async def main() -> None:
    recorder = Recorder()
    async with rig() as engine, LogReceiver(engine.directory / "log.sock", recorder.take):
        for situation in (health, agent, administration, sessions):
            engine.process.state_file.unlink(missing_ok=True)
            await situation(recorder, engine)
    recorder.write()


if __name__ == "__main__":
    asyncio.run(main())
