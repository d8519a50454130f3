"""The runtime socket of a real engine: many commands, payloads, and answers that do not come."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conversation.haproxy_log.record import make_certificate
from tests.integration.wire.haproxy_rig import Rig, Server, fetch, free_port, rig, servers

from switchover.errors import InvalidInput, Refused, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.command import Command, Fault
from switchover.wire.haproxy.listings import parse_map, parse_sessions
from switchover.wire.haproxy.runtime import CheckKind, HealthVerdict, ServerMode
from switchover.wire.haproxy.socket import Runtime
from switchover.wire.haproxy.state import (
    Operation,
    ServerState,
    parse_info,
    parse_servers,
)
from switchover.wire.haproxy.statistics import RowKind, parse_statistics


@contextlib.asynccontextmanager
async def farm() -> AsyncIterator[tuple[Rig, Server, int, int]]:
    """One engine with a map, a list and a certificate in front of one server."""
    async with rig() as engine, servers("one") as (one,):
        web, tls = free_port(), free_port()
        make_certificate(engine.directory)
        (engine.directory / "names.map").write_text("owa.contoso.example web\n")
        engine.write(
            f"""
frontend front
    bind 127.0.0.1:{web}
    bind 127.0.0.1:{tls} ssl crt both.pem
    stick-table type ip size 1k expire 30s
    http-request deny if {{ path -f paths.list }}
    use_backend %[req.hdr(host),lower,map(names.map,none)]
backend web
    server one 127.0.0.1:{one.port} weight 100 check
    server two 127.0.0.1:{one.port} weight 100 disabled
backend none
    http-request return status 404
""",
            extra="default-path config",
        )
        (engine.directory / "paths.list").write_text("/never\n")
        await engine.process.start()
        yield engine, one, web, tls


async def server_states(control: Runtime) -> dict[str, ServerState]:
    answer = await control.ask_one(runtime.show_servers_state(), timeout=2)
    return {f"{row.backend}/{row.server}": row for row in parse_servers(answer)}


async def test_every_command_does_what_it_says() -> None:
    async with farm() as (engine, _, _, _):
        control = engine.process.runtime
        outcomes = await control.send(
            [
                runtime.set_mode("web", "one", ServerMode.DRAIN),
                runtime.set_weight("web", "one", 7),
                runtime.set_address("web", "two", "127.0.0.9", 2525),
                runtime.disable_checks("web", "one", CheckKind.HEALTH),
                runtime.set_health("web", "one", HealthVerdict.DOWN),
                runtime.shutdown_sessions("web", "one"),
            ],
            timeout=2,
        )
        assert [outcome.fault for outcome in outcomes] == [None] * 6
        states = await server_states(control)
        one, two = states["web/one"], states["web/two"]
        assert one.is_draining
        assert one.weight == 7
        assert one.operation is Operation.STOPPED
        assert (two.address, two.port, two.is_maintenance) == ("127.0.0.9", 2525, True)


async def test_faults_are_told_apart_within_one_batch() -> None:
    async with farm() as (engine, _, _, _):
        outcomes = await engine.process.runtime.send(
            [
                runtime.set_mode("web", "nobody", ServerMode.READY),
                runtime.set_mode("nowhere", "one", ServerMode.READY),
                runtime.set_agent("web", "one", up=True),
                runtime.set_map_entry("names.map", "unknown.example", "web"),
                runtime.delete_map_entry("names.map", "unknown.example"),
                runtime.clear_map("other.map"),
                runtime.commit_map("names.map", 9),
                runtime.show_table("nowhere"),
                runtime.commit_certificate("both.pem"),
                runtime.show_certificate("other.pem"),
                runtime.set_weight("web", "one", 100),
            ],
            timeout=2,
        )
        assert [outcome.fault for outcome in outcomes] == [
            Fault.NO_SUCH_SERVER,
            Fault.NO_SUCH_BACKEND,
            Fault.NOT_ENABLED,
            Fault.NO_SUCH_ENTRY,
            Fault.NO_SUCH_ENTRY,
            Fault.NO_SUCH_MAP,
            Fault.WRONG_VERSION,
            Fault.NO_SUCH_TABLE,
            Fault.NO_TRANSACTION,
            Fault.NO_SUCH_CERTIFICATE,
            None,
        ]


async def test_five_thousand_commands_go_in_one_batch() -> None:
    async with farm() as (engine, _, _, _):
        control = engine.process.runtime
        commands = [runtime.set_weight("web", "one", number % 256) for number in range(5000)]
        began = time.monotonic()
        outcomes = await control.send(commands, timeout=10)
        assert time.monotonic() - began < 2  # some 60 ms alone on a machine
        assert all(outcome.is_done for outcome in outcomes)
        assert (await server_states(control))["web/one"].weight == 4999 % 256


async def test_large_answers_and_many_commands_do_not_block_each_other() -> None:
    async with farm() as (engine, _, _, _):
        commands = [runtime.show_statistics(), runtime.show_info()] * 300
        answers = await engine.process.runtime.ask(commands, timeout=10)
        assert {row.kind for row in parse_statistics(answers[-2])} == {
            RowKind.FRONTEND,
            RowKind.BACKEND,
            RowKind.SERVER,
        }
        assert parse_info(answers[-1]).pid == parse_info(answers[1]).pid


async def test_a_map_is_swapped_at_once_and_routes_without_a_reload() -> None:
    async with farm() as (engine, _, port, _):
        control = engine.process.runtime
        entries = [(f"host{number}.contoso.example", "web") for number in range(3000)]
        assert b"404" in await fetch(port, host="host2999.contoso.example")
        (prepared,) = await control.send([runtime.prepare_map("names.map")], timeout=2)
        version = runtime.map_version(prepared)
        filled = await control.send(runtime.fill_map("names.map", version, entries), timeout=5)
        assert all(outcome.is_done for outcome in filled)
        assert b"404" in await fetch(port, host="host2999.contoso.example")
        await control.ask_one(runtime.commit_map("names.map", version), timeout=2)
        assert b"one" in await fetch(port, host="host2999.contoso.example")
        dump = await control.ask_one(runtime.show_map("names.map"), timeout=2)
        assert list(parse_map(dump)) == entries


async def test_a_version_can_be_given_up() -> None:
    async with farm() as (engine, _, _, _):
        control = engine.process.runtime
        (prepared,) = await control.send([runtime.prepare_map("names.map")], timeout=2)
        version = runtime.map_version(prepared)
        outcomes = await control.send(
            [
                *runtime.fill_map("names.map", version, [("a.example", "web")]),
                runtime.discard_map("names.map", version),
            ],
            timeout=2,
        )
        assert all(outcome.is_done for outcome in outcomes)
        dump = await control.ask_one(runtime.show_map("names.map"), timeout=2)
        assert parse_map(dump) == (("owa.contoso.example", "web"),)


async def test_a_list_is_swapped_at_once() -> None:
    async with farm() as (engine, _, port, _):
        control = engine.process.runtime
        (prepared,) = await control.send([runtime.prepare_list("paths.list")], timeout=2)
        version = runtime.map_version(prepared)
        outcomes = await control.send(
            [
                *runtime.fill_list("paths.list", version, ["/secret"]),
                runtime.commit_list("paths.list", version),
            ],
            timeout=2,
        )
        assert all(outcome.is_done for outcome in outcomes)
        assert b"403" in await fetch(port, host="owa.contoso.example", path="/secret")


async def test_single_map_entries_change() -> None:
    async with farm() as (engine, _, _, _):
        control = engine.process.runtime
        outcomes = await control.send(
            [
                runtime.add_map_entry("names.map", "eas.contoso.example", "web"),
                runtime.set_map_entry("names.map", "owa.contoso.example", "none"),
                runtime.show_map("names.map"),
                runtime.delete_map_entry("names.map", "eas.contoso.example"),
                runtime.clear_map("names.map"),
                runtime.show_map("names.map"),
            ],
            timeout=2,
        )
        assert all(outcome.is_done for outcome in outcomes)
        assert parse_map(outcomes[2].text) == (
            ("owa.contoso.example", "none"),
            ("eas.contoso.example", "web"),
        )
        assert parse_map(outcomes[5].text) == ()


async def test_a_certificate_is_renewed_without_a_reload(tmp_path: Path) -> None:
    async with farm() as (engine, _, _, _):
        control = engine.process.runtime
        before = await control.ask_one(runtime.show_certificate("both.pem"), timeout=2)
        fresh = make_certificate(tmp_path).read_text()
        await control.ask_one(runtime.set_certificate("both.pem", fresh), timeout=2)
        await control.ask_one(runtime.abort_certificate("both.pem"), timeout=2)
        await control.ask_one(runtime.set_certificate("both.pem", fresh), timeout=2)
        await control.ask_one(runtime.commit_certificate("both.pem"), timeout=2)
        after = await control.ask_one(runtime.show_certificate("both.pem"), timeout=2)
        assert before.split("Serial: ")[1][:20] != after.split("Serial: ")[1][:20]


async def test_what_the_engine_refuses_by_name_raises() -> None:
    async with farm() as (engine, _, _, _):
        with pytest.raises(Refused, match="No such server"):
            await engine.process.runtime.ask_one(
                runtime.set_mode("web", "nobody", ServerMode.READY), timeout=2
            )


async def test_who_is_connected_to_a_server_is_known() -> None:
    async with farm() as (engine, one, port, _):
        one.mode = "hang"
        asking = asyncio.create_task(fetch(port, host="owa.contoso.example"))
        await asyncio.sleep(0.2)
        answer = await engine.process.runtime.ask_one(runtime.show_sessions(), timeout=2)
        (session,) = parse_sessions(answer)
        assert (session.backend, session.server) == ("web", "one")
        assert session.source.startswith("127.0.0.1:")
        await engine.process.runtime.ask_one(runtime.shutdown_sessions("web", "one"), timeout=2)
        await asyncio.wait_for(asking, 2)  # its connection was cut


async def test_half_a_weight_of_one_would_drain_a_server() -> None:
    """Why percentages are not offered: the engine rounds down."""
    async with farm() as (engine, _, _, _):
        control = engine.process.runtime
        percent = Command(line="set server web/one weight 0%")
        await control.ask_one(percent, timeout=2)
        assert (await server_states(control))["web/one"].weight == 0


@pytest.mark.parametrize(
    "written", [b"", b"\n> ", b"\n> \n> ", b"\n> \n> 2.8.25-5cf5d0683", b"\n> Name: HAProxy\nPid"]
)
@pytest.mark.parametrize("ends", [True, False])
async def test_an_answer_that_stops_short_is_never_a_success(
    short_directory: Path, written: bytes, ends: bool
) -> None:
    async def stop_short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"show version\n")
        writer.write(written)
        await writer.drain()
        if not ends:
            await reader.read()  # until the client gives up
        writer.close()
        await writer.wait_closed()

    path = short_directory / "admin.sock"
    async with await asyncio.start_unix_server(stop_short, path):
        with pytest.raises(Unavailable, match=r"closed before|no whole answer"):
            await Runtime(path).ask([runtime.show_info()], timeout=0.2)
        await asyncio.sleep(0.05)  # the server's side closes too


async def test_an_engine_that_is_not_there_is_unavailable(short_directory: Path) -> None:
    with pytest.raises(Unavailable):
        await Runtime(short_directory / "none.sock").ask([], timeout=0.2)
    (short_directory / "file").write_text("")
    with pytest.raises(Unavailable):
        await Runtime(short_directory / "file").ask([], timeout=0.2)


async def test_a_command_too_big_for_the_engine_is_refused_by_us_first() -> None:
    """The engine itself closes the connection at the first byte too many."""
    async with farm() as (engine, _, _, _):
        control = engine.process.runtime
        block = "-----BEGIN CERTIFICATE-----\n" + "TUlJ" * 16 + "\n-----END CERTIFICATE-----\n"
        with pytest.raises(InvalidInput):
            runtime.set_certificate("both.pem", block * 200)
        huge = Command(line="add map names.map", payload="a b\n" * 5000)
        with pytest.raises(Unavailable, match="closed before"):
            await control.ask([huge], timeout=2)
        largest = Command(
            line="add map names.map",
            payload="\n".join(["abc def"] * ((runtime.MAX_COMMAND_BYTES - 30) // 8)),
        )
        assert (await control.send([largest], timeout=2))[0].is_done


async def test_commands_reach_old_workers_through_the_master() -> None:
    async with farm() as (engine, one, port, _):
        one.mode = "hang"
        asking = asyncio.create_task(fetch(port, host="owa.contoso.example"))
        await asyncio.sleep(0.2)
        result = await engine.process.reload()
        (old,) = await engine.process.old_workers()
        (current,) = result.processes.workers
        outcomes = await engine.process.master.send(
            [
                runtime.to_worker(old.pid, runtime.show_info()),
                runtime.to_worker(current.pid, runtime.show_info()),
                runtime.to_worker(old.pid, runtime.set_mode("web", "one", ServerMode.DRAIN)),
                runtime.to_worker(1, runtime.show_info()),
            ],
            timeout=2,
        )
        assert parse_info(outcomes[0].text).is_stopping
        assert parse_info(outcomes[0].text).pid == old.pid
        assert not parse_info(outcomes[1].text).is_stopping
        assert outcomes[2].fault is Fault.STOPPING
        assert outcomes[3].fault is Fault.NO_SUCH_PROCESS
        await one.refuse()
        await asyncio.wait([asking])
