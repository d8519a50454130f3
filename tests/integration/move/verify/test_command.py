"""``switchover verify`` as people use it: manifests, their key, and servers that are not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.imap_servers import PASSWORD, PORT, Dovecot
from tests.integration.move.rig import Box, Pair, free_user
from tests.integration.move.verify.proving import expunge, fill

pytestmark = pytest.mark.timeout(180)


def run(
    pair: Pair, place: Path, *options: str, name: str = "verify", code: int = 0
) -> subprocess.CompletedProcess[str]:
    urls = [f"imap://{box.user}@{box.server.address}:{PORT}" for box in (pair.source, pair.target)]
    done = subprocess.run(
        [
            sys.executable, "-m", "switchover", name, *urls, "--allow-plaintext", "--quiet",
            "--data", str(place / "data"), *options,
        ],
        env={
            **os.environ,
            "SWITCHOVER_SOURCE_PASSWORD": PASSWORD,
            "SWITCHOVER_TARGET_PASSWORD": PASSWORD,
        },
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done


def check(place: Path, file: Path, *options: str, code: int = 0) -> str:
    done = subprocess.run(
        [
            sys.executable, "-m", "switchover", "verify", "--check", str(file),
            "--data", str(place / "data"), *options,
        ],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_signed_manifest_is_believed_and_a_tampered_one_refused(
    servers: tuple[Dovecot, Dovecot], place: Path
) -> None:
    pair = Pair.of(*servers, None)  # type: ignore[arg-type] # the command brings its own
    fill(pair.source)
    file, page = place / "proof.json", place / "proof.html"
    written = ("--manifest", str(file), "--page", str(page))
    nothing_there = run(pair, place, "--level", "0", code=1)
    assert "folder missing" in nothing_there.stdout
    assert not (place / "data" / "postgresql").exists()
    run(pair, place, name="copy")
    same = json.loads(run(pair, place, "--level", "3", "-o", "json", *written).stdout)
    assert (same["verdict"], same["has_ledger"]) == ("the same", True)
    assert (place / "data" / "manifest.key").stat().st_mode & 0o777 == 0o600
    assert same["signed_by"] in page.read_text("utf-8")
    assert "Nothing differs." in page.read_text("utf-8")
    assert "whole" in check(place, file, "--key", same["signed_by"])
    assert "another key" in check(place, file, "--key", "ab" * 32, code=5)
    file.write_bytes(file.read_bytes().replace(b'"source_mails":5', b'"source_mails":6'))
    assert "not as it was signed" in check(place, file, code=5)
    expunge("Sent", "2")(pair.target)
    different = run(pair, place, "--level", "1", code=1)
    assert "mail missing" in different.stdout
    assert "mail 4" in different.stdout
    assert "not the same" in different.stdout


def test_an_unreachable_server_is_no_verdict(servers: tuple[Dovecot, Dovecot], place: Path) -> None:
    source = Box(server=servers[0], user=free_user())
    target = Box(server=replace(servers[1], address="127.0.0.1"), user=free_user())
    pair = Pair(source=source, target=target, database=None)  # type: ignore[arg-type] # not used
    done = run(pair, place, code=75)
    assert "127.0.0.1" in done.stderr
