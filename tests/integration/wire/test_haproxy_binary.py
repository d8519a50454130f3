"""The bundled engine itself, and others that stand beside it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.integration.wire.haproxy_rig import free_port, rig

from switchover.errors import InvalidInput, Unavailable
from switchover.wire.haproxy import runtime
from switchover.wire.haproxy.binary import (
    Origin,
    descriptors_needed,
    engine_environment,
    find_binary,
    find_newer,
    read_version,
)
from switchover.wire.haproxy.state import parse_info


def script(directory: Path, text: str) -> Path:
    path = directory / "haproxy"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def test_the_bundled_engine_is_usable_and_speaks_tls() -> None:
    path, _ = find_binary()
    version = await read_version(path)
    assert version.is_usable
    assert version.tls_version >= (3,)


async def test_what_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="did not finish"):
        await read_version(script(tmp_path, "exec sleep 20"), timeout=0.2)
    with pytest.raises(Unavailable, match="exit code 3"):
        await read_version(script(tmp_path, "exit 3"))
    with pytest.raises(Unavailable, match="does not run"):
        await read_version(tmp_path / "none")
    with pytest.raises(InvalidInput):
        await read_version(script(tmp_path, "echo hello"))


async def test_a_newer_engine_on_the_path_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = script(tmp_path, "echo 'HAProxy version 3.2.1 2025/06/10'")
    broken = tmp_path / "broken"
    broken.mkdir()
    script(broken, "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{broken}:relative:/usr/bin:/bin")
    path, _ = find_binary()
    found = await find_newer(await read_version(path), besides=path)
    on_machine = [one for one in found if one.engine.origin is Origin.MACHINE]
    assert [(one.engine.path, one.newer_haproxy, one.newer_tls) for one in on_machine] == [
        (newer, True, False)
    ]


async def test_our_own_engine_is_not_newer_than_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = find_binary()
    (tmp_path / "haproxy").symlink_to(path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = await find_newer(await read_version(path), besides=path)
    assert all(one.engine.path != tmp_path / "haproxy" for one in found)


async def test_looking_for_newer_engines_never_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "exec sleep 20")
    slow = tmp_path / "apt-cache"
    (tmp_path / "haproxy").rename(slow)
    script(tmp_path, "exec sleep 20")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    path, _ = find_binary()
    version = await read_version(path)
    began = time.monotonic()
    await find_newer(version, besides=path, timeout=0.2)
    assert time.monotonic() - began < 2


async def test_an_engine_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHOVER_SOURCE_PASSWORD", "secret")
    assert "secret" not in str(engine_environment())
    async with rig() as engine:
        engine.write(f"frontend f\n    bind 127.0.0.1:{free_port()}\n")
        await engine.process.start()
        environment = Path(f"/proc/{engine.process.master_pid}/environ").read_bytes()
        assert b"secret" not in environment


async def test_the_reckoned_descriptors_cover_the_engines_own_count() -> None:
    async with rig() as engine:
        checks, listeners, threads, connections = 40, 12, 2, 500
        binds = "".join(f"    bind 127.0.0.1:{free_port()}\n" for _ in range(listeners))
        checked = "".join(f"    server s{n} 127.0.0.1:1 check\n" for n in range(checks))
        engine.write(
            f"frontend f\n{binds}    default_backend b\nbackend b\n{checked}",
            extra=f"maxconn {connections}\n    nbthread {threads}",
        )
        await engine.process.start()
        for _ in range(3):
            await engine.process.reload()
        answer = await engine.process.runtime.ask_one(runtime.show_info(), timeout=2)
        own = parse_info(answer).max_sockets
        reckoned = descriptors_needed(
            max_connections=connections, listeners=listeners, checks=checks, threads=threads
        )
        assert own <= reckoned <= own + 60
