from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchover.errors import Conflict
from switchover.store.lock import DataLock

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from switchover.store.lock import DataLock
DataLock(Path(sys.argv[1])).take()
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a process that holds the lock of ``tmp_path`` and has a child, as an engine would be."""
    words = [sys.executable, "-c", HOLDER, str(tmp_path / "switchover.lock")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        yield process
        process.kill()
        os.kill(child, signal.SIGKILL)


def test_a_second_process_is_refused_with_the_process_id_of_the_first(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match=rf"already serves {tmp_path} \(process id {holder.pid}\)"):
        DataLock(tmp_path / "switchover.lock").take()


def test_a_killed_holder_blocks_nobody_even_while_its_child_lives(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    holder.kill()
    holder.wait()
    with DataLock(tmp_path / "switchover.lock"):
        assert (tmp_path / "switchover.lock").read_text() == f"{os.getpid()}\n"
