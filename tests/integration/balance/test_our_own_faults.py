"""Whatever goes wrong in switchover itself, the engine that serves mail goes on serving."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import psycopg
import pytest
from tests.integration.platform_file import l7
from tests.integration.platform_file import platform as platform_file
from tests.integration.practice_farm import PracticeFarm, practice_farm
from tests.integration.processes import eventually, is_running, loopback
from tests.integration.suite import Suite, suite

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def farm() -> Iterator[PracticeFarm]:
    with practice_farm(("cas1",), ports=("https",)) as running:
        yield running


async def serving(running: Suite, farm: PracticeFarm) -> int:
    """Apply one service and return the engine's process id."""
    await running.apply(platform_file(farm, {"mail": l7(loopback(), ["cas1"])}), farm.files)
    await running.all_up()
    return (await running.processes()).master.pid


async def test_a_start_that_can_not_have_its_port_leaves_the_engine_alone(
    farm: PracticeFarm,
) -> None:
    async with suite() as running:
        engine = await serving(running, farm)
        running.kill()
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            ended = await running.cli("serve", "--api", f"127.0.0.1:{port}")
        assert (ended.code, "can not listen" in ended.err) == (75, True), ended
        assert is_running(engine)
        await running.start()
        assert (await running.processes()).master.pid == engine


async def test_a_database_that_a_newer_version_wrote_stops_changes_and_nothing_else(
    farm: PracticeFarm,
) -> None:
    async with suite() as running:
        engine = await serving(running, farm)
        with psycopg.connect(
            running.postgres().superuser_dsn.replace("dbname=template1", "dbname=switchover")
        ) as own:
            own.execute("update switchover_schema set version_num = '9999'")
        running.kill()
        running.launch()
        await eventually(lambda: "a newer one wrote it" in running.tail(), seconds=60)
        assert running.process is not None
        assert running.process.poll() is None
        assert is_running(engine)
        answer = await running.api("GET", "/status")
        assert answer.status == 503
        assert "newer" in answer.body["detail"]


async def test_a_lost_key_is_told_and_a_dead_engine_still_comes_back(farm: PracticeFarm) -> None:
    async with suite(cycle_seconds="0.5") as running:
        await serving(running, farm)
        running.terminate()
        running.settings.key_file.unlink()
        await running.start()
        await eventually(
            lambda: "can not be read" in running.tail() and "secret.key" in running.tail(),
            seconds=20,
        )
        assert (await running.info()).pid > 0


@pytest.mark.parametrize("token", ["", "swo_" + "a" * 43])
async def test_a_stranger_can_not_make_us_read_a_large_body(token: str) -> None:
    async with suite() as running:
        before = peak_bytes(running.pid)
        # An answer that comes before the body was read may be lost to the client; what counts is that
        # nothing was kept.
        with contextlib.suppress(aiohttp.ClientError):
            body = {"text": "x" * 70_000_000}
            answer = await running.api("POST", "/revisions", body, token=token)
            assert answer.status == (413 if token else 401)
        assert peak_bytes(running.pid) - before < 20_000_000
        assert (await running.get("/status"))["database_answers"]


def peak_bytes(pid: int) -> int:
    """Return the most memory a process ever had resident."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


async def test_the_local_token_is_sent_to_the_process_that_holds_the_lock_only() -> None:
    async with suite() as running:
        url = running.url
        running.kill()
        # As after a power cut: the address is still written down, and somebody else may listen there.
        (running.data / "api.url").write_text(url)
        ended = await running.cli("status")
        assert (ended.code, "is it running?" in ended.err) == (75, True)
        ended = await running.cli("status", environment={"SWITCHOVER_URL": url})
        assert (ended.code, "SWITCHOVER_TOKEN" in ended.err) == (2, True)
