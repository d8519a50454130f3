from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from switchover.practice.__main__ import main
from switchover.practice.control import PracticeControl
from switchover.practice.http_client import HttpConnection, client_tls

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

FARM = {"servers": {"cas1": {"ports": {"https": "free", "imaps": "free"}}}, "names": ["mail.x"]}


@contextlib.asynccontextmanager
async def practice(*arguments: str) -> AsyncIterator[Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "switchover.practice", *arguments), stdout=pipe, stderr=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        found: dict[str, Any] = json.loads(await process.stdout.readline())
    return found


def write(path: Path, value: object) -> str:
    path.write_text(json.dumps(value))
    return str(path)


async def test_a_farm_runs_as_a_process_and_ends_cleanly(tmp_path: Path) -> None:
    spec, directory = write(tmp_path / "farm.json", FARM), tmp_path / "farm"
    async with practice("--spec", spec, "--directory", str(directory)) as process:
        ready = await line(process)
        place = ready["servers"]["cas1"]
        tls = client_tls(directory / "ca.pem")
        assert ready["ca"] == str(directory / "ca.pem")
        await PracticeControl.in_directory(directory).break_("cas1/owa", "503")
        connection = await HttpConnection.open(
            place["address"], place["ports"]["https"], host="mail.x", tls=tls
        )
        assert (await connection.request("GET", "/owa/")).status == 503
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            _, complaints = await process.communicate()
        assert (process.returncode, complaints) == (0, b"")
        assert not (directory / "control.json").exists()
        await connection.close()


async def test_traffic_runs_as_a_process(tmp_path: Path) -> None:
    story = {"kind": "smtp", "service": "mail", "workload": "smtp", "port": 1, "clients": 1}
    async with practice("--stories", write(tmp_path / "s.json", [story])) as process:
        report = await line(process)
        assert report["tallies"][0]["reasons"] == {"refused": report["tallies"][0]["requests"]}
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            _, complaints = await process.communicate()
        assert (process.returncode, complaints) == (0, b"")


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ('{"servers": {"cas1": {"ports": {"gopher": 70}}}}', 2, "gopher"),
        ('{"servers": ', 2, "farm.json:1:"),
        (None, 2, "cannot read"),
    ],
)
def test_a_bad_start_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, code: int, said: str
) -> None:
    spec = tmp_path / "farm.json"
    if content is not None:
        spec.write_text(content)
    assert main(["--spec", str(spec), "--directory", str(tmp_path)]) == code
    assert said in capsys.readouterr().err


def test_a_taken_port_ends_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        spec = write(tmp_path / "farm.json", {"servers": {"cas1": {"ports": {"https": taken}}}})
        assert main(["--spec", spec, "--directory", str(tmp_path)]) == 75
    assert str(taken) in capsys.readouterr().err


async def test_a_farm_that_follows_its_parent_goes_with_it(tmp_path: Path) -> None:
    spec, directory = write(tmp_path / "farm.json", FARM), tmp_path / "farm"
    command = f"{sys.executable} -m switchover.practice --spec {spec} --directory {directory}"
    shell = await asyncio.create_subprocess_shell(
        f"{command} --follow-parent & exec sleep 60", stdout=asyncio.subprocess.PIPE
    )
    await line(shell)
    assert (directory / "control.json").exists()
    shell.kill()
    async with asyncio.timeout(10):
        while (directory / "control.json").exists():
            await asyncio.sleep(0.1)
        await shell.communicate()
