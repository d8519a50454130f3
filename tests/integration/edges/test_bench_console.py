"""The bench of the console works: every page of a small installation is measured, open consoles too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[3] / "bench"
pytestmark = pytest.mark.timeout(240)


def test_a_short_run_measures_every_page_and_ends_with_one_object_of_figures() -> None:
    done = subprocess.run(
        [sys.executable, BENCH / "console.py", "--quick"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert {"/", "/services/mail001", "/servers", "/events", "/history"} <= set(found["pages"])
    assert found["page_p95_ms"] > 0
    assert found["open_bytes_per_second_each"] > 0
