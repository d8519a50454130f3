"""Whatever a platform file says: an engine that just took it up is in order."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, event, given, settings
from tests.builders import engine_facts
from tests.integration.balance.rendered import HAPROXY, Certificates
from tests.platforms import AUTHORITY, BLANK_CERTIFICATE, CERTIFICATE, PAGE, platforms

from switchover.balance.compile import Compiled, compile_engine
from switchover.balance.drift import Drift
from switchover.balance.find_drift import find_drift
from switchover.balance.overrides import Overrides
from switchover.balance.resolve import resolve
from switchover.balance.work.look import FirstShown, look, look_inside
from switchover.errors import InvalidInput
from switchover.model.platform_file.read import read_platform_file
from switchover.wire.haproxy.config import Frontend
from switchover.wire.haproxy.render import MAIN_FILE, render_files
from switchover.wire.haproxy.socket import Runtime

FACTS = {"agent_address": "127.0.0.1", "agent_port": 9009, "max_connections": 500}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    return {
        CERTIFICATE: certificates.bundle("mail.contoso.example") + certificates.ca,
        BLANK_CERTIFICATE: certificates.bundle("other.contoso.example"),
        AUTHORITY: certificates.ca,
        PAGE: b"<p>We are sorry",
    }


@given(platform=platforms())
@settings(
    deadline=None,
    max_examples=40,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_an_engine_that_just_took_its_files_up_is_in_order(
    platform: dict[str, Any], files: dict[str, bytes]
) -> None:
    try:
        balance = resolve(read_platform_file(yaml.safe_dump(platform, sort_keys=False)))
    except InvalidInput:
        event("refused by us")
        return
    event("taken up by the engine")
    with tempfile.TemporaryDirectory(prefix="swt") as name:
        facts = engine_facts(name, **FACTS)
        compiled = indoors(compile_engine(balance, Overrides(), files, facts), name)
        with running(Path(name), render_files(compiled.config)):
            assert asyncio.run(drift_of(compiled, Path(name) / "admin.sock")) == ()


def indoors(compiled: Compiled, token: str) -> Compiled:
    """Return the configuration with sockets that nobody else can have in place of ports."""

    def moved(frontend: Frontend) -> Frontend:
        binds = tuple(
            replace(bind, address=f"abns@{token}{frontend.name}{number}", port=None)
            for number, bind in enumerate(frontend.binds)
        )
        return replace(frontend, binds=binds)

    frontends = tuple(map(moved, compiled.config.frontends))
    limits = replace(compiled.config.global_, max_connections=500, user=None, group=None)
    config = replace(compiled.config, frontends=frontends, global_=limits)
    return replace(compiled, config=config)


@contextmanager
def running(directory: Path, files: Mapping[str, bytes]) -> Iterator[None]:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    # It answers as soon as the first process has ended.
    pid = directory / "pid"
    started = subprocess.run(
        [str(HAPROXY), "-D", "-p", str(pid), "-f", str(directory / MAIN_FILE)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert started.returncode == 0, started.stderr
    try:
        yield
    finally:
        subprocess.run(["kill", "-9", *pid.read_text().split()], check=True)


async def drift_of(compiled: Compiled, path: Path) -> tuple[Drift, ...]:
    control, first = Runtime(path), FirstShown()
    for _ in range(2):  # what was shown first is compared from the second look on
        state = await look(control)
        seen = await look_inside(control, state, compiled.config, first)
    askable = {name for name in compiled.config.certificates if " " not in name}
    assert seen.certificates.keys() == seen.chains.keys() == askable
    return find_drift(compiled, seen)
