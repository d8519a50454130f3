"""The bench of copies works in every mode, and what it judges by can be trusted."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[3] / "bench"


@pytest.fixture
def work() -> Iterator[Path]:
    """A directory that the servers' user may enter."""
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def in_bench(code: str, **environment: str) -> str:
    """Return what Python code prints that runs beside the bench's scripts."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCH, env={**os.environ, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_mode_runs_and_ends_with_one_object_of_figures(work: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, BENCH / "copy.py", "--quick", "--speed", "--only", "both_far",
            "--ceiling", "--delta", "--memory", "--work", work,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["failures"] == []
    for copy in (
        found["both_far"]["switchover"],
        found["both_far"]["switchover, new data directory"],
        found["ceiling"]["ours"],
        found["delta_usual_4ms"]["changed switchover --delete"],
        found["delta_wide_old_4ms"]["first"],
        found["memory_large"]["switchover --delete"]["increment"],
        found["memory_deep"]["switchover --delete"]["first"],
    ):
        assert copy["identical"], copy["verdict"]
        assert copy["cpu"] > 0
    assert found["both_far"]["switchover"]["database_cpu"] > 0
    # mbsync adds a header line to every mail: a comparison that does not see it is worth nothing.
    assert "altered" in found["both_far"]["mbsync"]["verdict"]
    assert {bar["claim"].partition(":")[0] for bar in found["bars"]} >= {"both_far", "ceiling"}
    assert not [one for one in work.iterdir() if one.name.startswith(("run", "target"))]


def test_the_relay_keeps_every_byte_and_little_memory_when_the_reader_stalls(work: Path) -> None:
    code = (
        "from pathlib import Path; from copying.relay import try_relay; import sys\n"
        f"seen = try_relay(Path({str(work)!r}), ('127.18.254.8', '127.18.254.9'),"
        " round_trip_ms=20.0, megabytes=300, stall_seconds=0.1)\n"
        "print(seen.is_exact, seen.peak_mib < 40, 20 <= seen.round_trip_ms)"
    )
    assert in_bench(code) == "True True True"


def test_a_corpus_is_the_same_whatever_the_process(work: Path) -> None:
    code = (
        "import hashlib; from copying.corpus import SMALL, make\n"
        "print(hashlib.sha256(repr([*make(SMALL)]).encode()).hexdigest())"
    )
    assert in_bench(code, PYTHONHASHSEED="1") == in_bench(code, PYTHONHASHSEED="2")


def test_beside_the_bench_copy_is_the_module_of_the_standard_library() -> None:
    assert in_bench("import copy; print(copy.deepcopy({1: [2]}))") == "{1: [2]}"


@pytest.fixture
def verifier(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("copying.verifier")


Mail = tuple[bytes, float, str, str]
FIRST: Mail = (b"same bytes", 1.0, "seen", "one")
SECOND: Mail = (b"same bytes", 2.0, "seen", "one")


@pytest.mark.parametrize(
    ("mails", "more", "seen"),
    [
        ([FIRST, SECOND], {}, {}),
        ([SECOND, FIRST], {}, {}),
        ([FIRST], {}, {"lost": 1}),
        ([FIRST, (b"other bytes", 2.0, "seen", "one")], {}, {"lost": 1, "extra": 1}),
        ([FIRST, SECOND, SECOND], {}, {"extra": 1}),
        ([FIRST, FIRST], {}, {"dates": 1}),
        ([FIRST, (b"same bytes", 2.0, "", "one")], {}, {"flags": 1}),
        ([FIRST, (b"same bytes", 2.0, "seen", "")], {}, {"keywords": 1}),
        ([FIRST, SECOND], {"altered": 3}, {"altered": 3}),
        ([FIRST, SECOND], {"empty": b"new"}, {"folders_missing": 1, "folders_extra": 1}),
        (
            [FIRST, SECOND],
            {"subscribed": b"empty"},
            {"subscriptions_missing": 1, "subscriptions_extra": 1},
        ),
    ],
)
def test_the_comparison_names_every_kind_of_difference(
    verifier: Any, mails: list[Mail], more: dict[str, Any], seen: dict[str, int]
) -> None:
    verdict = verifier.compare(_box(verifier, [FIRST, SECOND]), _box(verifier, mails, **more))
    assert {name: value for name, value in verdict.differences().items() if value} == seen
    assert verdict.is_identical is (not seen)


def _box(
    verifier: Any,
    mails: list[Mail],
    *,
    empty: bytes = b"empty",
    subscribed: bytes = b"INBOX",
    altered: int = 0,
) -> Any:
    inbox: dict[bytes, list[Any]] = {}
    for digest, date, flags, keywords in mails:
        words = (frozenset(word.encode() for word in some.split()) for some in (flags, keywords))
        inbox.setdefault(digest, []).append(verifier.Seen(date, *words))
    return verifier.Mailbox(
        folders={b"INBOX": inbox, empty: {}}, subscribed=frozenset({subscribed}), altered=altered
    )
