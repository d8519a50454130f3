"""The built wheel works as installed: every command and data file is there, nothing comes from the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
NOWHERE = "http://127.0.0.1:9/"
pytestmark = pytest.mark.timeout(240)


def run(*arguments: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "VIRTUAL_ENV": str(cwd / "venv"), "npm_config_registry": NOWHERE},
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_wheel_installs_into_an_empty_environment_and_works(tmp_path: Path) -> None:
    # First the source distribution, then the wheel from it; the assets are built already, so no npm is needed.
    run(UV, "build", "--quiet", "--out-dir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("switchover-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "switchover/balance/templates/exchange.yaml" in names
    assert any(name.endswith("v0001_foundation.sql") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "bench/")) for name in names)
    static = [name for name in names if name.startswith("switchover/edges/console/static/")]
    for asset in (r"console\.\w{12}\.css", r"console\.\w{12}\.js", r"third-party\.\w{12}\.txt"):
        assert any(re.fullmatch(f".*/{asset}", name) for name in static), static
    assert "switchover/edges/console/templates/frame.html" in names
    assert not any("node_modules" in name for name in names)

    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    locked = ROOT / "requirements" / "run.txt"
    run(UV, "pip", "install", "--quiet", "--require-hashes", "--requirement", locked, cwd=tmp_path)
    run(UV, "pip", "install", "--quiet", "--no-deps", wheel, cwd=tmp_path)
    switchover = tmp_path / "venv" / "bin" / "switchover"
    assert "switchover" in run(switchover, "--version", cwd=tmp_path)
    assert '"$schema"' in run(switchover, "schema", cwd=tmp_path)
    (tmp_path / "farm.yaml").write_text(
        "platform: contoso\n"
        "servers:\n  mx1: {address: 192.0.2.21, runs: dovecot}\n"
        "services:\n"
        "  imap: {address: 127.0.0.1, port: 20993, layout: l4, workloads: imaps, servers: mx1}\n"
    )
    assert "usable" in run(switchover, "check", "farm.yaml", cwd=tmp_path)
    table = run(switchover, "what-if", "farm.yaml", "--down", "mx1", cwd=tmp_path)
    assert "imaps" in table
    for command in ("serve", "demo", "apply", "practice", "token"):
        run(switchover, command, "--help", cwd=tmp_path)
