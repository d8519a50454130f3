"""Live questions against real TLS servers on loopback: HAProxy, a talker, a silent one."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import pytest
from tests.unit.balance.paper import TODAY, Paper

from switchover import clock
from switchover.balance.assets import Assets, check_assets
from switchover.balance.certificate import read_presented
from switchover.balance.lint import Endpoint, LiveTargets, lint, live_targets
from switchover.balance.probes.live_facts import ask_live, fetch_certificate, resolve_name
from switchover.balance.resolve import resolve
from switchover.model.platform_file.read import read_platform_file
from switchover.wire.haproxy.binary import find_binary

ENGINE = """\
defaults
    mode tcp
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend names
    bind 127.0.0.1:{names} ssl crt owa.pem crt ews.pem alpn h2,http/1.1
frontend both
    bind 127.0.0.1:{both} ssl crt both.pem alpn h2,http/1.1
frontend old
    bind 127.0.0.1:{old} ssl crt both.pem alpn http/1.1
frontend header
    bind 127.0.0.1:{header} accept-proxy ssl crt owa.pem
"""


@dataclass(frozen=True, slots=True)
class Servers:
    """Ports of the TLS servers, and the certificates they show."""

    names: int
    both: int
    old: int
    header: int
    owa: Paper
    ews: Paper


def free_ports(number: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [item.getsockname()[1] for item in held]
    for item in held:
        item.close()
    return ports


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("tls")
    owa, ews = Paper("owa.contoso.example"), Paper("ews.contoso.example")
    (folder / "owa.pem").write_bytes(owa.bundle)
    (folder / "ews.pem").write_bytes(ews.bundle)
    both = Paper("owa.contoso.example", "ews.contoso.example")
    (folder / "both.pem").write_bytes(both.bundle)
    ports = dict(zip(("names", "both", "old", "header"), free_ports(4), strict=True))
    file = folder / "haproxy.cfg"
    file.write_text(ENGINE.format(**ports))
    binary, _ = find_binary()
    process = subprocess.Popen([binary, "-db", "-f", file], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        wait_for(ports["header"])
        yield Servers(**ports, owa=owa, ews=ews)
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(port: int) -> None:
    end = clock.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert clock.monotonic() < end, "the TLS servers did not start"
        else:
            return


@pytest.fixture
async def talker() -> AsyncIterator[int]:
    """A server that greets in the clear where TLS is expected."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx1.contoso.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield server.getsockname()[1]


def at(port: int, host: str = "", **more: bool) -> Endpoint:
    return Endpoint(server="cas1", address="127.0.0.1", port=port, host=host, **more)


@pytest.mark.parametrize("name", ["owa", "ews"])
async def test_the_certificate_is_the_one_for_the_name_asked(servers: Servers, name: str):
    answer = await fetch_certificate(at(servers.names, f"{name}.contoso.example", http=True))
    expected = read_presented(getattr(servers, name).pem, name="x").leaf
    assert answer.certificate == expected
    assert answer.alpn == "h2"
    assert answer.error == ""


async def test_a_server_without_http2_says_so(servers: Servers):
    answer = await fetch_certificate(at(servers.old, "owa.contoso.example", http=True))
    assert answer.alpn == "http/1.1"


async def test_mail_ports_are_not_offered_http(servers: Servers):
    answer = await fetch_certificate(at(servers.names))
    assert answer.alpn is None
    assert answer.certificate is not None


async def test_a_port_that_wants_a_proxy_header_gets_one(servers: Servers):
    answer = await fetch_certificate(at(servers.header, "owa.contoso.example", send_proxy=True))
    assert answer.certificate == read_presented(servers.owa.pem, name="x").leaf
    without = await fetch_certificate(at(servers.header, "owa.contoso.example"))
    assert without.certificate is None
    assert without.error


async def test_what_does_not_answer_in_tls_is_an_answer_too(talker: int):
    (closed,) = free_ports(1)
    assert (await fetch_certificate(at(closed))).error == "connection refused"
    told = await fetch_certificate(at(talker))
    assert told.error.startswith("TLS failed: ")


async def test_silence_ends_at_the_deadline(silent: int):
    targets = LiveTargets(endpoints=(at(silent),))
    before = clock.monotonic()
    facts = await ask_live(targets, each=0.3)
    assert facts.endpoints[("cas1", silent, "")].error == "no answer in time"
    assert clock.monotonic() - before < 2.0


async def test_many_silent_servers_end_at_the_common_deadline(silent: int):
    endpoints = tuple(replace(at(silent), host=f"h{number}.example") for number in range(60))
    before = clock.monotonic()
    facts = await ask_live(LiveTargets(endpoints=endpoints), each=0.4, total=0.8, at_once=4)
    assert clock.monotonic() - before < 3.0
    assert {answer.error for answer in facts.endpoints.values()} == {"no answer in time"}
    assert len(facts.endpoints) == 60


async def test_names_are_resolved_or_said_not_to_be():
    assert "127.0.0.1" in (await resolve_name("localhost")).addresses
    for name in ("nowhere.invalid", "a" * 70 + ".example"):
        answer = await resolve_name(name)
        assert answer.addresses == ()
        assert answer.error
    facts = await ask_live(LiveTargets(names=("localhost",)))
    assert facts.names["localhost"].addresses


FARM = """\
platform: contoso
servers:
  cas1: {{address: 127.0.0.1, runs: exchange, product: exchange-se, ports: {{443: {port}}}}}
services:
  mail:
    address: 127.0.0.1
    port: 8443
    layout: l7
    names: [owa.contoso.example]
    workloads: [owa, mapi]
    servers: [cas1]
    tls: {{certificate: mail.pem}}
"""


async def codes(text: str, files: dict[str, bytes]) -> set[str]:
    file = read_platform_file(text)
    balance = resolve(file)
    checked = check_assets(file, balance, files)
    assert checked.problems == ()
    live = await ask_live(live_targets(balance), each=5)
    return {finding.code for finding in lint(balance, checked.assets, live, now=TODAY)}


async def test_two_certificates_for_one_sign_in_are_found_live(servers: Servers):
    text = FARM.format(port=servers.names)
    other = Paper("owa.contoso.example")
    assert "extended-protection-certificate" in await codes(text, {"mail.pem": other.bundle})
    same = await codes(text, {"mail.pem": servers.owa.bundle})
    assert "extended-protection-certificate" not in same
    assert "extended-protection-unverified" not in same
    assert "server-certificate-untrusted" in same


TWO_NAMES = """\
platform: contoso
servers:
  cas1: {{address: 127.0.0.1, runs: exchange, ports: {{443: {port}}}}}
services:
  apart:
    address: 127.0.0.1
    port: 8443
    layout: l4-names
    names: {{owa: owa.contoso.example, ews: ews.contoso.example}}
    servers: [cas1]
"""


async def test_one_certificate_for_two_names_is_found_live_where_http2_is_spoken(servers: Servers):
    assert "http2-coalescing" not in await codes(TWO_NAMES.format(port=servers.names), {})
    assert "http2-coalescing" in await codes(TWO_NAMES.format(port=servers.both), {})
    assert "http2-coalescing" not in await codes(TWO_NAMES.format(port=servers.old), {})


async def test_a_server_that_is_away_is_said_to_be_unknown():
    (port,) = free_ports(1)
    found = await codes(FARM.format(port=port), {"mail.pem": Paper("owa.contoso.example").bundle})
    assert {"live-check-incomplete", "extended-protection-unverified"} <= found


def test_nothing_of_a_platform_without_services_is_asked():
    file = read_platform_file("platform: contoso\nservers: {}\n")
    assert live_targets(resolve(file)) == LiveTargets()
    assert lint(resolve(file), Assets(), now=TODAY) == ()
