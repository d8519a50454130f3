"""The engine page: what runs, and its configuration to search, against a real engine's files and facts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from tests.integration.edges.console.asgi import ask, console

from switchover import clock
from switchover.balance.work.cycle import CycleReport
from switchover.directory.access.role import Role
from switchover.settings import Settings
from switchover.wire.haproxy.binary import EngineVersion
from switchover.wire.haproxy.state import parse_info

TEXT = "global\n    maxconn 100\n\nbackend mail.owa\n    server cas1 192.0.2.11:443 <check>\n"
INFO = "\n".join(
    f"{name}: {value}"
    for name, value in {
        "Pid": 42, "Version": "2.8.25", "Nbthread": 2, "Uptime_sec": 3700, "Start_time_sec": 1,
        "Stopping": 0, "Maxconn": 7500, "Hard_maxconn": 7500, "CurrConns": 12, "CumConns": 1,
        "CumReq": 1, "Maxsock": 1, "Ulimit-n": 16384, "Listeners": 1, "Idle_pct": 99,
        "DroppedLogs": 0, "PoolAlloc_MB": 1, "PoolAlloc_bytes": 1, "ConnRateLimit": 0,
        "SessRateLimit": 0, "SslRateLimit": 0, "CompressBpsRateLim": 0,
    }.items()
)  # fmt: skip


def application(tmp_path: Path, *, text: str | None = TEXT, **changes: Any) -> FastAPI:
    file = tmp_path / "haproxy.cfg"
    if text is not None:
        file.write_text(text)
    engine = SimpleNamespace(
        process=SimpleNamespace(master_pid=41), files=SimpleNamespace(main_file=file)
    )
    report = CycleReport(at=clock.now(), sentence="revision 4: in order", revision=4)
    parts: dict[str, Any] = {
        "settings": Settings(data_dir=tmp_path, user_id=1000),
        "balance": SimpleNamespace(engine=engine),
        "cycle": SimpleNamespace(state=SimpleNamespace(info=parse_info(INFO)), report=report),
        "engine_version": EngineVersion(
            haproxy=(2, 8, 25),
            text="2.8.25-x",
            tls_library="OpenSSL 3.0.15",
            tls_version=(3, 0, 15),
            branch_end="Q2 2028",
        ),
        "engine_path": Path("/usr/sbin/haproxy"),
        "database": SimpleNamespace(is_answering=True),
    }
    return console(Role.VIEWER, **{**parts, **changes})


async def test_the_page_tells_versions_the_cycle_and_limits(tmp_path: Path) -> None:
    text = (await ask(application(tmp_path), "/engine")).text
    for told in (
        "2.8.25-x",
        "until Q2 2028",
        "OpenSSL 3.0.15",
        "revision 4: in order",
        "process 41",
        "1 h 1 min",
    ):
        assert told in text
    assert "12 of 7\N{NARROW NO-BREAK SPACE}500" in text
    assert "&lt;check&gt;" in text


async def test_the_configuration_is_searched_by_words(tmp_path: Path) -> None:
    app = application(tmp_path)
    part = (await ask(app, "/engine?q=SERVER+cas1", hx_request="true", hx_target="list")).text
    assert "backend mail.owa" in part
    assert "maxconn" not in part
    assert 'class="found"' in part
    assert "No line holds these words" in (await ask(app, "/engine?q=cas9")).text


async def test_the_whole_file_can_be_kept(tmp_path: Path) -> None:
    answer = await ask(application(tmp_path), "/engine/configuration")
    assert answer.text == TEXT
    assert "haproxy.cfg" in answer.headers["content-disposition"]


@pytest.mark.parametrize("cycle", [SimpleNamespace(state=None, report=None)])
async def test_before_the_first_revision_there_is_a_page_too(tmp_path: Path, cycle: Any) -> None:
    app = application(tmp_path, text=None, cycle=cycle)
    text = (await ask(app, "/engine")).text
    assert "No configuration yet" in text
    assert "The first cycle is under way" in text
    assert (await ask(app, "/engine/configuration")).status == 404
