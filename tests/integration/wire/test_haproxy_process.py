"""The life of a real engine: what survives what, and what can never go wrong quietly."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

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

from switchover.errors import Conflict, InvalidInput, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.binary import find_binary
from switchover.wire.haproxy.process import EngineProcess
from switchover.wire.haproxy.runtime import ServerMode


async def test_a_started_engine_serves_in_a_session_of_its_own() -> None:
    async with running() as (engine, _, port):
        assert await fetch(port)
        pid = engine.process.master_pid
        assert pid is not None
        assert os.getsid(pid) == pid != os.getsid(0)
        assert await engine.process.is_alive()


async def test_it_does_not_start_twice() -> None:
    async with running() as (engine, _, _):
        with pytest.raises(Conflict, match="already runs"):
            await engine.another().start()


async def test_our_death_does_not_touch_it_and_a_successor_finds_it() -> None:
    async with rig() as engine, servers("one") as backends:
        port = free_port()
        engine.write(simple(port, *two_servers(backends)))
        program = (
            "import asyncio, os, signal\n"
            "from pathlib import Path\n"
            "from tests.integration.wire.haproxy_rig import engine_in\n"
            f"asyncio.run(engine_in(Path({str(engine.directory)!r})).start())\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        died = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        assert await died.wait() == -signal.SIGKILL
        found = await engine.process.attach()
        assert found is not None
        assert found.master.pid == engine.process.master_pid
        assert await fetch(port)


async def test_without_an_engine_nothing_is_found() -> None:
    async with rig() as engine:
        assert await engine.process.attach() is None
        assert not await engine.process.is_alive()
        await engine.process.stop()


async def test_a_recycled_process_id_is_never_taken_for_the_engine() -> None:
    async with rig() as engine:
        other = subprocess.Popen(["sleep", "30"])
        try:
            engine.process.pid_file.write_text(str(other.pid))
            assert await engine.process.attach() is None
            await engine.process.stop()
            assert other.poll() is None
        finally:
            other.kill()
            other.wait()


async def test_the_master_alone_answering_late_is_not_a_dead_engine() -> None:
    async with running() as (engine, _, _):
        pid = engine.process.master_pid
        assert pid is not None
        successor = engine.another()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Unavailable):
            await successor.attach(timeout=0.2)
        assert successor.master_pid == pid
        os.kill(pid, signal.SIGCONT)
        assert await successor.attach() is not None


async def test_a_hung_engine_is_stopped_all_the_same() -> None:
    async with running() as (engine, _, _):
        pid = engine.process.master_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await engine.process.stop(grace_seconds=0)
        await eventually(lambda: not alive(pid))


async def test_a_wrong_file_is_refused_with_its_line() -> None:
    async with running() as (engine, _, _):
        wrong = engine.directory / "wrong.cfg"
        wrong.write_text("frontend x\n    bogus\n")
        result = await engine.process.check(wrong)
        assert not result.ok
        assert (result.messages[0].file, result.messages[0].line) == (str(wrong), 2)
        assert "bogus" in result.text
        assert (await engine.process.check(engine.process.configuration)).ok
        assert not (await engine.process.check(engine.directory / "missing.cfg")).ok


async def test_an_engine_that_cannot_start_says_why_and_leaves_nothing() -> None:
    async with rig() as engine:
        engine.write("backend web\n    bogus\n")
        with pytest.raises(Unavailable, match="unknown keyword 'bogus'"):
            await engine.process.start()
        assert not await engine.process.is_alive()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            engine.write(simple(taken.getsockname()[1], "server one 127.0.0.1:1"))
            with pytest.raises(Unavailable, match="Address already in use"):
                await engine.process.start()


async def test_a_missing_binary_is_told(short_directory: Path) -> None:
    async with rig() as engine:
        engine.write("")
        engine.process.binary = short_directory / "none"
        with pytest.raises(Unavailable, match="does not run"):
            await engine.process.start()
        with pytest.raises(Unavailable, match="does not run"):
            await engine.process.check(engine.process.configuration)


def test_a_directory_with_too_long_a_name_is_refused_at_once() -> None:
    binary, _ = find_binary()
    deep = Path("/tmp") / ("x" * 90)
    with pytest.raises(InvalidInput, match="shorter data directory"):
        EngineProcess(
            binary,
            deep / "a",
            master_socket=deep / "master.sock",
            admin_socket=deep / "admin.sock",
            state_file=deep / "state",
            pid_file=deep / "pid",
        )


async def test_a_killed_engine_starts_again_with_its_drains() -> None:
    async with running() as (engine, _, port):
        await tell(
            engine.process,
            runtime.set_mode("web", "one", ServerMode.DRAIN),
            runtime.set_weight("web", "two", 9),
        )
        await engine.process.save_state()
        (worker,) = (await engine.process.processes()).workers
        os.kill(worker.pid, signal.SIGKILL)  # the master follows: exit-on-failure
        await eventually(lambda: engine.process.master_pid is None)
        assert not await engine.process.is_alive()
        assert any("exited with code 137" in str(one) for one in engine.process.take_messages())
        await engine.process.start()
        now = await states(engine.process)
        assert now["one"].is_draining
        assert now["two"].weight == 9
        assert await fetch(port)


async def test_a_killed_master_takes_its_worker_along() -> None:
    """So there is never a worker on our ports that nobody can reach."""
    async with running() as (engine, _, _):
        (worker,) = (await engine.process.processes()).workers
        assert engine.process.master_pid is not None
        os.kill(engine.process.master_pid, signal.SIGKILL)
        await eventually(lambda: not alive(worker.pid))
        assert await engine.process.attach() is None
        await engine.process.start()


@pytest.mark.parametrize("content", ["", "1\n# cut", "1\n3 web 1 one 127.0", "\xff", "2\n"])
async def test_a_broken_state_file_does_not_keep_the_engine_down(content: str) -> None:
    async with rig() as engine, servers("one", "two") as backends:
        port = free_port()
        engine.write(simple(port, *two_servers(backends)))
        engine.process.state_file.write_text(content, "latin-1")
        await engine.process.start()
        assert await fetch(port)


async def test_a_soft_stop_waits_for_answers_and_no_longer_than_told() -> None:
    async with running() as (engine, (one, two), port):
        one.mode = two.mode = "half"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"half")
        stopping = asyncio.create_task(engine.process.stop(grace_seconds=5))
        await asyncio.sleep(0.3)
        assert not stopping.done()
        writer.close()
        await asyncio.wait_for(stopping, 2)
        with pytest.raises(OSError, match="Connect"):
            await fetch(port)


async def test_a_stop_without_grace_cuts_at_once() -> None:
    async with running() as (engine, (one, two), port):
        one.mode = two.mode = "half"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"half")
        async with asyncio.timeout(2):
            await engine.process.stop(grace_seconds=0)
            await engine.process.stop(grace_seconds=0)
        assert not await engine.process.is_alive()
        writer.close()


async def test_what_the_engine_prints_is_taken_once() -> None:
    async with running() as (engine, (one, _), _):
        engine.process.take_messages()
        await one.refuse()
        await eventually(lambda: is_down(engine.process, "one"))
        assert any("Server web/one is DOWN" in one.text for one in engine.process.take_messages())
        assert engine.process.take_messages() == ()
        await one.open()
        await eventually(lambda: engine.process.messages_file.stat().st_size > 0)
        assert b"\0" not in engine.process.messages_file.read_bytes()
