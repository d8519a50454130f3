"""Whether ports are free is asked of the kernel, and who holds them of /proc."""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from switchover.balance.compile import Compiled
from switchover.balance.lint import MachineFacts
from switchover.balance.probes.interfaces import bind_error, bindable, read_addresses
from switchover.balance.probes.listeners import Listeners, conflicts, parent_of
from switchover.balance.probes.machine import (
    ListeningPlace,
    check_ports,
    described,
    descriptor_limit,
    find_ca_bundle,
    find_port_faults,
    read_machine_facts,
    with_current_addresses,
)
from switchover.balance.resolve import resolve
from switchover.errors import InvalidInput
from switchover.model.platform_file.read import read_platform_file
from switchover.wire.haproxy.binary import (
    Engine,
    EngineVersion,
    NewerEngine,
    Origin,
    find_binary,
    read_version,
)
from switchover.wire.haproxy.config import Bind, EngineConfig, Frontend, Global

HOLD = (
    "import socket, sys\n"
    "server = socket.create_server((sys.argv[1], 0), family=socket.AF_INET6 if ':' in sys.argv[1]"
    " else socket.AF_INET)\n"
    "print(server.getsockname()[1], flush=True)\n"
    "sys.stdin.read()\n"
)
NOBODY = 65534
UNPRIVILEGED_START = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@contextmanager
def another_program(address: str = "127.0.0.1") -> Iterator[tuple[int, int]]:
    """Yield port and process id of a program that listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.communicate("")


def as_nobody(ask: Callable[[], Iterable[object]]) -> list[str]:
    """Return what ``ask`` finds, as text, when an ordinary user asks.

    In a process of its own: one that has changed its user once can no longer look into itself.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writer, "\n".join(str(item) for item in ask()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        told = answers.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    return told.splitlines()


def messages(*places: ListeningPlace, binary: Path | None = None) -> list[str]:
    """Return the faults of the places as an ordinary user would meet them."""
    return as_nobody(
        lambda: [fault.message for _, fault in find_port_faults(places, set(), binary=binary)]
    )


def place(port: int, address: str = "127.0.0.1") -> ListeningPlace:
    return ListeningPlace(address=address, port=port, path=("services", "mail", "port"))


def farm(port: int, address: str = "127.0.0.1") -> str:
    return (
        "platform: contoso\nservers:\n  cas1: {address: 192.0.2.11, runs: exchange}\nservices:\n"
        f"  mail:\n    address: {address}\n    port: {port}\n    layout: l4\n"
        "    workloads: [owa]\n    servers: [cas1]\n"
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_a_free_port_is_no_fault():
    assert find_port_faults([place(free_port())], set()) == ()


def test_a_taken_port_names_the_program_and_the_key():
    with another_program() as (port, pid):
        ((found, problem),) = find_port_faults([place(port)], set())
    assert found.port == port
    assert problem.path == "services.mail.port"
    assert f"127.0.0.1 port {port} is used by " in problem.message
    assert f"(process {pid})" in problem.message
    assert "another address or port" in problem.hint


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
def test_a_listener_on_every_address_is_in_the_way(address):
    with another_program("0.0.0.0") as (port, _):
        assert len(find_port_faults([place(port, address)], set())) == 1


def test_a_listener_on_another_address_is_not():
    with another_program() as (port, _):
        assert find_port_faults([place(port, "127.0.0.2")], set()) == ()


@pytest.mark.parametrize("ours", ["127.0.0.1", "0.0.0.0", "::"])
def test_what_our_engine_listens_on_is_ours(ours):
    with another_program() as (port, _):
        assert find_port_faults([place(port)], {(ours, port)}) == ()
        assert find_port_faults([place(port)], {(ours, port + 1)}) != ()


def test_our_engine_is_recognised_by_its_processes():
    with another_program() as (port, pid):
        assert find_port_faults([place(port)], set(), own_pids=[pid]) == ()
        assert find_port_faults([place(port)], set(), own_pids=[os.getpid()]) == ()
        assert find_port_faults([place(port)], set(), own_pids=[1]) != ()


def test_a_port_of_switchover_itself_is_said_to_be():
    with socket.create_server(("127.0.0.1", 0)) as server:
        ((_, problem),) = find_port_faults([place(server.getsockname()[1])], set())
    assert "is used by switchover itself" in problem.message


def test_a_connection_that_has_just_ended_is_no_fault():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # this side closes first: it keeps the port in TIME_WAIT
        client.close()
    assert find_port_faults([place(port)], set()) == ()


def test_an_address_that_is_not_here_is_told():
    ((_, problem),) = find_port_faults([place(443, "203.0.113.7")], set())
    assert problem.message == "203.0.113.7 is not an address of this machine"
    assert "ip_nonlocal_bind" in problem.hint


def test_a_low_port_needs_a_right():
    start = int(UNPRIVILEGED_START.read_text())
    told = ["127.0.0.9 port 19 needs a right that this user does not have"] if start > 19 else []
    assert messages(place(19, "127.0.0.9")) == told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file a capability")
def test_an_engine_with_the_right_may_use_low_ports(short_directory):
    engine = short_directory / "haproxy"
    engine.write_bytes(b"")
    low = place(19, "127.0.0.9")
    assert messages(low, binary=engine) == messages(low)
    # vfs_cap_data revision 2, effective, CAP_NET_BIND_SERVICE (10) permitted
    granted = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
    os.setxattr(engine, "security.capability", granted)
    assert messages(low, binary=engine) == []


async def test_a_change_with_a_taken_port_is_refused_with_its_line():
    with another_program() as (port, _):
        file = read_platform_file(farm(port), source="farm.yaml")
        with pytest.raises(InvalidInput, match="is used by") as caught:
            await check_ports(resolve(file), None, file=file)
        (problem,) = caught.value.problems
        assert (problem.source, problem.line) == ("farm.yaml", 7)
        with pytest.raises(InvalidInput) as caught:
            await check_ports(resolve(file), None)
        assert caught.value.problems[0].path == "services.mail.port"


async def test_a_port_that_our_engine_has_already_stays_ours():
    with another_program() as (port, _):
        running = Compiled(
            config=EngineConfig(
                global_=Global(
                    description="", admin_socket="", log_socket="", state_file="", max_connections=1
                ),
                frontends=(
                    Frontend(
                        name="mail",
                        mode="tcp",
                        binds=(Bind(address="127.0.0.1", port=port), Bind(address="abns@sorry")),
                        client_timeout_seconds=60,
                    ),
                ),
            )
        )
        await check_ports(resolve(read_platform_file(farm(port))), running)


async def test_a_change_with_free_ports_passes():
    file = read_platform_file(farm(free_port()))
    await check_ports(resolve(file), None, file=file)


def test_listeners_in_both_families_are_found():
    with another_program() as (port, pid):
        holder = Listeners().find("127.0.0.1", port)
        assert holder is not None
        assert holder.pids == (pid,)
        assert holder.program.startswith("python")
    if bind_error("::1", 0) is None:
        with another_program("::1") as (port, pid):
            holder = Listeners().find("::1", port)
            assert holder is not None
            assert holder.pids == (pid,)
    assert Listeners().find("127.0.0.1", free_port()) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as somebody else")
def test_the_processes_of_others_are_told_by_user():
    with another_program() as (port, _):
        assert messages(place(port)) == [
            f"127.0.0.1 port {port} is used by a program of the user root"
        ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "127.0.0.2", True),
        ("::", "127.0.0.2", True),
        ("::", "::1", True),
        ("::1", "127.0.0.1", False),
        ("::1", "0.0.0.0", False),
    ],
)
def test_which_listeners_get_in_each_others_way(first, second, expected):
    assert conflicts(first, second) is expected
    assert conflicts(second, first) is expected


def test_parents_are_found_and_the_dead_have_none():
    assert parent_of(os.getpid()) == os.getppid()
    assert parent_of(2**22 + 1) is None


def test_the_machine_knows_its_addresses():
    addresses = read_addresses()
    assert "127.0.0.1" in addresses
    for address in addresses:
        if not address.startswith("fe80:"):  # link-local ones need an interface to bind
            assert bind_error(address, 0) is None
    assert bindable(["127.9.9.9", "203.0.113.7"]) == {"127.9.9.9"}
    assert bind_error("203.0.113.7", 0) == errno.EADDRNOTAVAIL


async def test_facts_of_this_machine():
    binary, _ = find_binary()
    version = await read_version(binary)
    facts = await read_machine_facts(version, binary, timeout=10)
    assert facts.engine == version.text
    assert facts.threads >= 1
    assert facts.descriptor_limit == descriptor_limit() > 100
    assert "127.0.0.1" in facts.addresses
    bundle = find_ca_bundle()
    assert bundle is None or b"BEGIN CERTIFICATE" in bundle.read_bytes()


@pytest.mark.parametrize(
    ("origin", "path", "told"),
    [
        (
            Origin.MACHINE,
            Path("/usr/sbin/haproxy"),
            "HAProxy 3.0.11 with OpenSSL 3.5.1 at /usr/sbin/haproxy",
        ),
        (Origin.DISTRIBUTION, None, "HAProxy 3.0.11 with OpenSSL 3.5.1 in the distribution"),
    ],
)
def test_newer_engines_are_described_in_words(origin, path, told):
    version = EngineVersion(
        haproxy=(3, 0, 11), text="3.0.11", tls_library="OpenSSL 3.5.1", tls_version=(3, 5, 1)
    )
    engine = Engine(origin=origin, version=version, path=path)
    assert described(NewerEngine(engine=engine, newer_haproxy=True, newer_tls=True)) == told


def test_addresses_are_read_again_for_each_change():
    balance = resolve(read_platform_file(farm(443, "127.9.9.9")))
    facts = with_current_addresses(MachineFacts(engine="2.8.25"), balance)
    assert "127.9.9.9" in facts.addresses
    assert facts.engine == "2.8.25"
