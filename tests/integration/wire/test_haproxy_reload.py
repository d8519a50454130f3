"""What a reload keeps, what it takes up, and what it must never do to clients."""

from __future__ import annotations

import asyncio
import socket
import statistics

import pytest
from tests.integration.wire.haproxy_rig import (
    alive,
    eventually,
    fetch,
    free_port,
    is_down,
    rig,
    running,
    servers,
    simple,
    states,
    tell,
    two_servers,
)

from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.messages import Level
from switchover.wire.haproxy.runtime import CheckKind, ServerMode
from switchover.wire.haproxy.state import CheckFlag, Operation, ServerState


async def test_a_reload_keeps_modes_weights_checks_and_verdicts() -> None:
    async with running() as (engine, (_, two), _):
        process = engine.process
        await tell(
            process,
            runtime.set_mode("web", "one", ServerMode.DRAIN),
            runtime.set_weight("web", "one", 33),
            runtime.disable_checks("web", "one", CheckKind.HEALTH),
        )
        await two.refuse()
        await eventually(lambda: is_down(process, "two"))
        before = process.master_pid
        result = await process.reload()
        assert result.ok, result.text
        assert process.master_pid == before
        now = await states(process)
        assert now["one"].is_draining
        assert now["one"].weight == 33
        assert CheckFlag.ENABLED not in now["one"].check
        # Down from the first moment: nobody is sent to it while the new worker checks for itself.
        assert now["two"].operation is Operation.STOPPED
        await tell(process, runtime.set_mode("web", "one", ServerMode.MAINTENANCE))
        assert (await process.reload()).ok
        assert (await states(process))["one"].is_maintenance


async def test_a_server_down_before_a_reload_gets_no_request_after_it() -> None:
    async with rig() as engine, servers("one", "two") as backends:
        port = free_port()
        engine.write(simple(port, "option httpchk GET /", *two_servers(backends)))
        await engine.process.start()
        backends[1].mode = "503"
        await eventually(lambda: is_down(engine.process, "two"))
        assert (await engine.process.reload()).ok
        answers = await asyncio.gather(*(fetch(port) for _ in range(20)))
        assert all(b" 200 " in answer for answer in answers)


@pytest.mark.parametrize("cold", [False, True], ids=["reload", "cold start"])
async def test_every_mode_the_socket_can_set_is_taken_over(*, cold: bool) -> None:
    """The engine drops a whole row if it does not like one number, and the server is back in use."""
    ready, drain, maintenance = ServerMode.READY, ServerMode.DRAIN, ServerMode.MAINTENANCE
    orders = [(), (drain,), (maintenance,), (drain, maintenance), (maintenance, drain), (maintenance, ready)]  # fmt: skip
    names = [f"s{number}{kind}" for number in range(len(orders)) for kind in ("", "d", "w")]
    async with rig() as engine, servers("one") as (one,):
        options = {"": "weight 100", "d": "weight 100 disabled", "w": "weight 0"}
        engine.write(
            simple(
                free_port(),
                *(
                    f"server {name} 127.0.0.1:{one.port} check {options[name[2:]]}"
                    for name in names
                ),
            )
        )
        await engine.process.start()
        for name in names:
            for mode in orders[int(name[1])]:
                await tell(engine.process, runtime.set_mode("web", name, mode))
        before = await states(engine.process)
        if cold:
            await engine.process.stop(grace_seconds=0)
            await engine.process.start()
        else:
            assert (await engine.process.reload()).ok
        after = await states(engine.process)
        assert {name: mode_of(row) for name, row in after.items()} == {
            name: mode_of(row) for name, row in before.items()
        }
        assert {mode_of(row) for row in after.values()} == {"ready", "drain", "maintenance"}


def mode_of(row: ServerState) -> str:
    if row.is_maintenance:
        return "maintenance"
    return "drain" if row.is_draining else "ready"


async def test_a_changed_weight_in_the_file_beats_the_one_set_at_run_time() -> None:
    async with running() as (engine, backends, port):
        await tell(engine.process, runtime.set_weight("web", "one", 33))
        engine.write(simple(port, *two_servers(backends, weight=50)))
        assert (await engine.process.reload()).ok
        assert (await states(engine.process))["one"].weight == 50


async def test_a_changed_port_and_tls_in_the_file_are_taken_up() -> None:
    """The engine's own state file would bring the old port back and switch TLS off."""
    async with running() as (engine, (one, two), port):
        await tell(engine.process, runtime.set_mode("web", "one", ServerMode.DRAIN))
        engine.write(
            simple(
                port,
                f"server one 127.0.0.1:{two.port} weight 100 check",
                f"server two 127.0.0.1:{one.port} weight 100 check ssl verify none",
            )
        )
        assert (await engine.process.reload()).ok
        now = await states(engine.process)
        assert (now["one"].port, now["two"].port) == (two.port, one.port)
        assert now["one"].is_draining
        endpoints = now["two"].endpoints
        assert endpoints is not None
        assert endpoints.uses_tls


async def test_servers_come_and_go_with_a_reload() -> None:
    async with running() as (engine, backends, port):
        await tell(engine.process, runtime.set_mode("web", "two", ServerMode.DRAIN))
        three = f"server three 127.0.0.1:{backends[0].port} check"
        engine.write(simple(port, two_servers(backends)[1], three))
        assert (await engine.process.reload()).ok
        now = await states(engine.process)
        assert set(now) == {"two", "three"}
        assert now["two"].is_draining


async def test_a_reload_that_fails_keeps_the_old_worker_and_says_why() -> None:
    async with running() as (engine, _, port):
        (worker,) = (await engine.process.processes()).workers
        good = engine.process.configuration.read_text()
        engine.write("backend web\n    bogus\n")
        result = await engine.process.reload()
        assert not result.ok
        assert "unknown keyword 'bogus'" in result.text
        assert result.processes.workers[0].pid == worker.pid
        assert result.processes.failed_reloads == 1
        assert await fetch(port)
        engine.process.configuration.write_text(good)
        assert (await engine.process.reload()).ok
        assert (await engine.process.processes()).failed_reloads == 0


async def test_a_taken_port_is_refused_before_the_engine_hears_of_it() -> None:
    """Told to bind it, the engine would turn every client away for two seconds."""
    async with running() as (engine, _, port):
        good = engine.process.configuration.read_text()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bind = f"frontend second\n    bind 127.0.0.1:{taken.getsockname()[1]}\n    default_backend web\n"
            engine.process.configuration.write_text(good + bind)
            reloading = asyncio.create_task(engine.process.reload())
            answers = [await fetch(port) for _ in range(50)]
            result = await reloading
        assert all(b" 200 " in answer for answer in answers)
        assert not result.ok
        assert result.messages[0].level is Level.ALERT
        assert "another program already listens" in result.text
        assert result.messages[0].line == good.count("\n") + 2
        assert (await engine.process.reload()).ok


@pytest.mark.parametrize(
    ("bind", "reason"),
    [
        ("192.0.2.77:{port}", "does not have the address"),
        ("[2001:db8::77]:{port}", "does not have the address|cannot listen"),
        ("127.0.0.1:99999", "not a port"),
        ("999.0.0.1:25", "not an IP address"),
    ],
)
async def test_an_address_this_machine_does_not_have_is_refused(bind: str, reason: str) -> None:
    async with running() as (engine, _, port):
        good = engine.process.configuration.read_text()
        second = (
            f"frontend second\n    bind {bind.format(port=free_port())}\n    default_backend web\n"
        )
        engine.process.configuration.write_text(good + second)
        result = await engine.process.reload()
        assert not result.ok
        assert any(word in result.text for word in reason.split("|"))
        assert await fetch(port)


async def test_old_workers_finish_their_connections_and_go() -> None:
    async with running() as (engine, (one, two), port):
        one.mode = two.mode = "half"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"half")
        result = await engine.process.reload()
        (old,) = result.processes.old_workers
        assert alive(old.pid)
        writer.close()
        await eventually(lambda: not alive(old.pid))
        assert await engine.process.old_workers() == ()


async def test_reloads_under_load_lose_no_connection() -> None:
    async with running() as (engine, _, port):
        failed: list[BaseException | bytes] = []
        count = 0

        async def ask_on() -> None:
            nonlocal count
            while True:
                answer = (await asyncio.gather(fetch(port), return_exceptions=True))[0]
                count += 1
                if isinstance(answer, BaseException) or b" 200 " not in answer:
                    failed.append(answer)

        asking = [asyncio.create_task(ask_on()) for _ in range(4)]
        for _ in range(5):
            assert (await engine.process.reload()).ok
            await asyncio.sleep(0.1)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        assert count > 100
        assert failed == []


async def test_idle_connections_are_closed_only_with_an_answer() -> None:
    """``option idle-close-on-response``: without it an idle client meets a closed connection."""
    async with rig() as engine, servers("one") as backends:
        port = free_port()
        engine.write(
            simple(port, *two_servers(backends)).replace(
                "    default_backend", "    option idle-close-on-response\n    default_backend"
            )
        )
        await engine.process.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        writer.write(ask)
        await reader.readuntil(b"one")
        assert (await engine.process.reload()).ok
        await asyncio.sleep(0.2)
        writer.write(ask)
        last = await asyncio.wait_for(reader.read(), 2)
        assert last.endswith(b"one")
        assert b"connection: close" in last.lower()
        writer.close()


async def test_a_thousand_servers_reload_in_under_half_a_second() -> None:
    """The median of five, on a machine that does other things too; some 60 ms on an idle one."""
    async with rig() as engine, servers("one") as (one,):
        services = range(50)
        engine.write(
            "".join(
                f"frontend f{service}\n    bind 127.0.0.1:{free_port()}\n"
                f"    default_backend b{service}\nbackend b{service}\n"
                + "".join(
                    f"    server s{server} 127.0.{service}.{server + 1}:{one.port} weight 100 check inter 20s\n"
                    for server in range(20)
                )
                for service in services
            )
        )
        await engine.process.start()
        results = [await engine.process.reload() for _ in range(5)]
        assert all(result.ok for result in results)
        assert statistics.median(result.seconds for result in results) < 0.5
