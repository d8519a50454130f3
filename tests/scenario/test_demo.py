"""``switchover demo`` as its user meets it: the story, the keys, a second terminal, and every kind of end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.processes import scratch

from switchover.edges.demo.plan import SERVERS
from switchover.edges.demo.ports import choose_ports
from switchover.edges.demo.remains import list_remains

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(300)]

COMMAND = (sys.executable, "-m", "switchover")
STORY_SECONDS = 200.0
START_SECONDS = 90.0
STOP_SECONDS = 40.0
LINES, COLUMNS = 30, 100
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Place:
    """A directory that holds one demo, apart from one that somebody else may run on this machine."""

    def __init__(self, parent: Path) -> None:
        self.directory = parent / f"switchover-demo-{os.geteuid()}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {**kept, "TMPDIR": str(parent), "TERM": "xterm-256color"}

    def run(self, *arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self) -> subprocess.Popen[str]:
        """Start a demo without a terminal and return when it prints its first snapshot."""
        process = subprocess.Popen(
            [*COMMAND, "demo"],
            env=self.environment,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "every server up" in line:
                return process
        raise AssertionError(f"the demo ended: {''.join(printed)}")

    def assert_nothing_left(self) -> None:
        assert list_remains(self.directory) == ()
        assert not self.directory.exists()


class Terminal:
    """A demo in a terminal of 100 columns and 30 lines."""

    def __init__(self, place: Place) -> None:
        self.master, worker = pty.openpty()
        size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
        fcntl.ioctl(worker, termios.TIOCSWINSZ, size)
        self.worker = worker
        self.before = termios.tcgetattr(worker)
        self.is_open = True
        self._text = ""
        self.process = subprocess.Popen(
            [*COMMAND, "demo"],
            env=place.environment,
            cwd="/",
            stdin=worker,
            stdout=worker,
            stderr=worker,
            # Its own session with this terminal in charge: only then do Ctrl-C and hanging up reach it.
            preexec_fn=_take_terminal,  # noqa: PLW1509 - this process has no other thread here
        )

    def press(self, keys: str) -> None:
        self._text = ""
        os.write(self.master, keys.encode())

    def wait_for(self, pattern: str, *, seconds: float = 40.0) -> None:
        """Read on until the pattern is shown; what was shown before the last key does not count."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, _ESCAPES.sub("", self._text)):
            assert time.monotonic() < deadline, f"{pattern!r} was not shown:\n{self._text[-6000:]}"
            self._read(0.2)

    def wait_for_end(self) -> int:
        deadline = time.monotonic() + STOP_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "the demo does not end"
            self._read(0.2)
        return self.process.returncode

    def hang_up(self) -> None:
        """Do what closing a terminal's window does."""
        os.close(self.master)
        os.close(self.worker)
        self.is_open = False

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.is_open:
            self.hang_up()

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            self._text += os.read(self.master, 65536).decode("utf-8", "replace")


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def place() -> Iterator[Place]:
    # Short, and open to the user that PostgreSQL runs as when we are root.
    parent = Path(tempfile.mkdtemp(prefix="switchover-test-", dir=scratch()))
    parent.chmod(0o711)
    yield Place(parent)
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def terminal(place: Place) -> Iterator[Terminal]:
    opened = Terminal(place)
    yield opened
    opened.close()


@pytest.mark.alone
def test_the_story_holds_every_claim_and_leaves_nothing_behind(place: Place) -> None:
    told = place.run("demo", "--once", seconds=STORY_SECONDS)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "✗" not in told.stdout
    steps = re.findall(r"^(\d)  \S", told.stdout, re.MULTILINE)
    assert steps == ["1", "2", "3", "4", "5", "6", "7"]
    place.assert_nothing_left()


def test_keys_break_mend_and_drain_beside_a_second_terminal(
    place: Place, terminal: Terminal
) -> None:
    terminal.wait_for(r"everything on the farm works", seconds=START_SECONDS)
    terminal.press("b")
    terminal.wait_for(r"cas1/owa 503")
    terminal.wait_for(r"cas1 +✖ down")
    terminal.wait_for(r"cas1/owa down in mail-l7, mail-names, all of cas1 in mail-l4")

    other = place.run("practice", "break", "cas2", "ews", "--fault", "hang")
    assert other.returncode == 0, other.stderr
    terminal.wait_for(r"cas2/ews hang")
    again = place.run("demo")
    assert again.returncode == 4
    assert "a demo already runs (process id" in again.stderr

    terminal.press("M")
    terminal.wait_for(r"everything on the farm works")
    terminal.press("3d")
    terminal.wait_for(r"cas3 +▽ drain")
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert termios.tcgetattr(terminal.worker) == terminal.before
    place.assert_nothing_left()


def test_a_terminal_that_is_closed_ends_the_demo(place: Place, terminal: Terminal) -> None:
    terminal.wait_for(r"everything on the farm works", seconds=START_SECONDS)
    terminal.hang_up()
    terminal.process.wait(timeout=STOP_SECONDS)
    place.assert_nothing_left()


def test_ctrl_c_while_it_starts_leaves_nothing_behind(place: Place, terminal: Terminal) -> None:
    terminal.wait_for(r"starting three practice servers", seconds=START_SECONDS)
    terminal.press("\x03")
    assert terminal.wait_for_end() == 0
    assert termios.tcgetattr(terminal.worker) == terminal.before
    place.assert_nothing_left()


def test_a_demo_that_was_killed_is_cleaned_up_by_the_next(place: Place) -> None:
    killed = place.start()
    killed.kill()
    killed.communicate()
    what = {remain.what for remain in list_remains(place.directory)}
    assert {"haproxy", "postgres"} <= what

    following = place.start()
    following.terminate()
    following.communicate(timeout=STOP_SECONDS)
    assert following.returncode == 0
    place.assert_nothing_left()


def test_when_a_part_dies_the_demo_says_so_and_ends_the_others(place: Place) -> None:
    demo = place.start()
    for remain in list_remains(place.directory):
        if remain.what == "practice":
            os.kill(remain.process_id, signal.SIGKILL)
    printed, _ = demo.communicate(timeout=STOP_SECONDS)
    assert demo.returncode == 75
    assert re.search(r"(farm|traffic) was ended by signal 9", printed)
    place.assert_nothing_left()


def test_ports_that_are_taken_are_left_alone() -> None:
    free = choose_ports()
    with (
        socket.create_server((SERVERS["cas2"], free["https"])),
        socket.create_server(("127.0.0.1", free["mail-l7"])),
    ):
        chosen = choose_ports()
    assert chosen["https"] != free["https"]
    assert chosen["mail-l7"] != free["mail-l7"]
    assert {chosen[name] == free[name] for name in ("imaps", "mail-l4")} == {True}


def test_a_directory_of_somebody_else_is_refused(place: Place) -> None:
    place.directory.symlink_to("/etc")
    done = place.run("demo")
    assert done.returncode == 5
    assert "is not a directory of this user" in done.stderr
