"""A copier that dies at any moment, servers that go, sockets that are cut: in the end the target is as the source.

Mail arrives at the source all the while. Where the process, a server or the database died the same command
runs once more; no mail is lost, none is there twice, and what is equal is bytes, flags and dates.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection as Pipe
from random import Random

import pytest
from tests.crash.copy_life import Life, Lived, live
from tests.crash.test_copy_steps import FORKS
from tests.integration.imap_servers import PORT, Dovecot, Options, dovecot
from tests.integration.move.mailboxes import MIRROR, Mailbox, assert_same, mails
from tests.integration.processes import loopback
from tests.integration.suite import lent_database

from switchover.move.sync_plan import Rules
from switchover.store.embedded import EmbeddedPostgres
from switchover.store.migrate import migrate

COPIES, KILLS = 8, 25
CUTS, RESTARTS = 6, 4
USERS = (
    "source",
    *(f"{what}{n}" for what in ("k", "c", "killed", "cut", "down", "lost") for n in range(25)),
)
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    with lent_database(postgres) as url:
        asyncio.run(migrate(url))
        yield url


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS)) as running:
        yield running


@pytest.fixture(scope="module")
def target_server() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS)) as running:
        yield running


@pytest.fixture(scope="module")
def filled(server: Dovecot) -> Mailbox:
    """A mailbox of 900 mails, of which a tenth are twins; tests work on clones."""
    source = Mailbox.of(server, "source")
    source.create("Sent", "Archive")
    for folder, begin in (("INBOX", 0), ("Sent", 300), ("Archive", 600)):
        fresh = mails(folder, range(begin, begin + 270), 6_000)
        source.append(*fresh, *fresh[:30])
    return source


@dataclass(kw_only=True)
class Arrivals:
    """Mail that comes in, a mail a time, as long as the block lasts."""

    box: Mailbox
    count: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def _deliver(self) -> None:
        while not self._over.wait(0.03):
            self.count += 1
            number = 5_000 + self.count
            folder = ("INBOX", "Sent")[number % 2]
            self.box.append(*mails(folder, [number], number % 9_000))

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        self._over.clear()
        thread = threading.Thread(target=self._deliver)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


class Running:
    """A copier in a process of its own."""

    def __init__(self, life: Life) -> None:
        self.pipe: Pipe
        self.pipe, theirs = FORKS.Pipe()
        self.process = FORKS.Process(target=live, args=(life, theirs))
        self.process.start()
        theirs.close()

    def kill(self) -> bool:
        """End it; False when it had ended by itself."""
        self.process.kill()
        self.process.join(20)
        return self.process.exitcode == -signal.SIGKILL

    def told(self) -> Lived:
        assert self.pipe.poll(100), "a copy that never ends"
        told: Lived = self.pipe.recv()
        self.process.join(20)
        return told


def is_whole(life: Life) -> None:
    """Run once more, with nothing in the way; then both sides are equal."""
    told = Running(life).told()
    assert (told.failures, told.is_complete) == ({}, True)
    assert_same(life.target, life.source)
    again = Running(life).told()
    assert (again.copied, again.deleted, again.moved) == (0, 0, 0)


def test_killed_200_times_while_mail_arrives(dsn: str, server: Dovecot, filled: Mailbox) -> None:
    random = Random(7)
    killed = 0
    for number in range(COPIES):
        source = filled.clone(f"killed{number}")
        target = replace(filled, user=f"k{number}")
        life = Life(dsn=dsn, source=source, target=target, rules=(Rules(), MIRROR)[number % 2])
        arrivals = Arrivals(box=source)
        with arrivals.coming():
            for _ in range(KILLS):
                while True:
                    running = Running(life)
                    time.sleep(random.uniform(0.01, 0.25))
                    if running.kill():
                        killed += 1
                        break
        assert arrivals.count
        is_whole(life)
    assert killed == COPIES * KILLS


class Relay:
    """Stands before a server and cuts connections off where they hurt most.

    Once a client has sent ``after`` octets on a connection, everything still goes to the server, but
    nothing comes back any more, and a moment later both ends are closed: what was sent is stored, and its
    OK is lost. ``then`` is done before they are.
    """

    def __init__(
        self, server: Dovecot, after: Callable[[], int], then: Callable[[], None] = lambda: None
    ) -> None:
        self.server = server
        self.after = after
        self.then = then
        self.address = loopback()
        self.cuts = 0
        self._listener = socket.create_server((self.address, PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client, self.after()), daemon=True).start()

    def _relay(self, client: socket.socket, left: int) -> None:
        try:
            server = socket.create_connection((self.server.address, PORT))
        except OSError:  # it is down at the moment
            client.close()
            return
        is_mute = threading.Event()
        back = threading.Thread(target=_pass_on, args=(server, client, is_mute), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                left -= len(data)
                if left <= 0 and not is_mute.is_set():
                    is_mute.set()
                    self.cuts += 1
                    client.settimeout(0.05)
                server.sendall(data)
        time.sleep(0.05)
        if is_mute.is_set():
            self.then()
        for one in (client, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        back.join(5)
        client.close()
        server.close()


def _pass_on(source: socket.socket, sink: socket.socket, is_mute: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            if not is_mute.is_set():
                sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def test_sockets_cut_between_the_last_byte_and_its_ok(
    dsn: str, server: Dovecot, target_server: Dovecot, filled: Mailbox
) -> None:
    random = Random(11)
    cuts = 0
    for number in range(CUTS):
        source = filled.clone(f"cut{number}")
        target = Mailbox.of(target_server, f"c{number}")
        # Few octets cut the conversation, many the mails; in the end connections hold.
        limits = iter([random.choice((300, 20_000, 200_000, 700_000)) for _ in range(6)])
        relay = Relay(target_server, lambda limits=limits: next(limits, 1 << 40))  # type: ignore[misc]
        try:
            cut = replace(target, address=relay.address)
            Running(Life(dsn=dsn, source=source, target=cut, rules=Rules())).told()
        finally:
            relay.close()
        cuts += relay.cuts
        is_whole(Life(dsn=dsn, source=source, target=target, rules=Rules()))
    assert cuts >= CUTS


def test_a_target_that_dies_between_a_batch_and_its_ok(
    dsn: str, server: Dovecot, target_server: Dovecot, filled: Mailbox
) -> None:
    found = 0

    def die() -> None:
        target_server.kill()
        time.sleep(0.1)
        target_server.start()

    for number in range(RESTARTS):
        source = filled.clone(f"down{number}")
        target = Mailbox.of(target_server, f"k{number}")
        # In the middle of the mails, once; then the target lives on.
        limits = iter([150_000 + 300_000 * number])
        relay = Relay(target_server, lambda limits=limits: next(limits, 1 << 40), die)  # type: ignore[misc]
        try:
            through = replace(target, address=relay.address)
            told = Running(Life(dsn=dsn, source=source, target=through, rules=Rules())).told()
        finally:
            relay.close()
        assert relay.cuts == 1
        found += told.found
        is_whole(Life(dsn=dsn, source=source, target=target, rules=Rules()))
    # Else nothing was stored without its OK, and nothing of this was tried.
    assert found > 0


def test_a_database_that_dies_and_comes_back(
    postgres: EmbeddedPostgres, dsn: str, server: Dovecot, target_server: Dovecot, filled: Mailbox
) -> None:
    for number in range(RESTARTS):
        source = filled.clone(f"lost{number}")
        target = Mailbox.of(target_server, f"k{RESTARTS + number}")
        life = Life(dsn=dsn, source=source, target=target, rules=Rules())
        running = Running(life)
        time.sleep(0.1 + 0.05 * number)
        pid = postgres.pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        asyncio.run(postgres.start())
        running.told()
        is_whole(life)
