"""Where everything happens: the working directory, the servers, mailboxes that are loaded once.

Below the working directory ``source`` keeps the loaded mailboxes for the next run; all else is removed at
the end. Sockets lie in a short directory under /tmp: their paths have little room.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from copying.corpus import Corpus
from copying.loader import load
from copying.programs import build
from copying.relay import Way, distance
from copying.servers import PORT, WITHOUT_CONDSTORE, Dovecot, running
from copying.tools import Job, end_database
from copying.verifier import Mailbox, read_mailbox
from copying.wire import Place, Session

MEMORY = Path("/dev/shm")


@dataclass(slots=True, kw_only=True)
class Stage:
    """The servers of a run. ``here`` is our directory of this run, ``addresses`` begins loopback ones."""

    work: Path
    here: Path
    addresses: str
    source: Dovecot
    in_memory: Dovecot
    on_disk: Dovecot
    imapsync: Path | None = None
    is_quick: bool = False
    _read: dict[str, Mailbox] = field(default_factory=dict)
    _count: int = 0

    @property
    def programs(self) -> Path:
        return self.work / "programs"

    @property
    def account(self) -> Path:
        return build("account", self.programs)

    def address(self, number: int) -> str:
        return f"{self.addresses}.{number}"

    def directory(self, name: str) -> Path:
        """Return a new empty directory of this run."""
        self._count += 1
        found = self.here / f"{self._count:03d}-{name.replace(' ', '-').replace(',', '')}"
        found.mkdir()
        return found

    def data_directory(self, name: str) -> Path:
        """Return the name of a data directory that is not there yet; it is cleared up in the end."""
        return self.here / f"data-{name}"

    def user(self, name: str) -> str:
        """Return a user that nobody has been yet."""
        self._count += 1
        return f"{name}-{self._count:03d}"

    def need(self, corpus: Corpus) -> str:
        """Load a corpus if an earlier run has not, and return its user."""
        note = self.work / f"{corpus.name}.json"
        home = self.source.mail / corpus.name
        try:
            if json.loads(note.read_text("utf-8"))["stamp"] == corpus.stamp and home.exists():
                return corpus.name
        except (OSError, ValueError, KeyError):
            pass
        print(f"Making the mailbox {corpus.name}: {corpus.mails:,} mails ...", flush=True)
        note.unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        place = self.source.place(corpus.name)
        load(place, corpus)
        mailbox = self.look_at(place)
        note.write_text(json.dumps({"stamp": corpus.stamp, "mails": mailbox.mails}), "utf-8")
        return corpus.name

    def look_at(self, place: Place) -> Mailbox:
        """Read a mailbox of the source once and remember it."""
        if place.user not in self._read:
            self._read[place.user] = read_mailbox(place)
        return self._read[place.user]

    def forget(self, server: Dovecot, user: str) -> None:
        """Remove a mailbox that no client has open."""
        shutil.rmtree(server.mail / user, ignore_errors=True)

    def clone(self, user: str) -> str:
        """Return a user with a mailbox that is the same and may be changed."""
        copy = self.user(f"{user}-changing")
        _clone(self.source.mail / user, self.source.mail / copy)
        with Session(self.source.place(copy)) as session:
            session.folders()
        return copy

    def job(self, tool: str, source: Place, target: Place, data: Path, server: Dovecot) -> Job:
        return Job(
            source=source, target=target, directory=self.directory(tool), data=data,
            target_configuration=server.configuration, imapsync=self.imapsync,
        )  # fmt: skip

    @contextlib.contextmanager
    def distance(
        self, servers: Mapping[int, Dovecot], round_trip_ms: float
    ) -> Iterator[Mapping[str, int]]:
        """Put a distance before servers: reached at the address of the number. Gives process ids by name."""
        if not servers:
            yield {}
            return
        ways = [
            Way(listen=f"{self.address(number)}:{PORT}", server=f"{server.address}:{PORT}")
            for number, server in servers.items()
        ]
        with distance(self.programs, ways, round_trip_ms=round_trip_ms) as pid:
            yield {"relay": pid}

    def without_condstore(self, server: Dovecot, number: int) -> Dovecot:
        """Return a server of the same mailboxes that does not speak CONDSTORE and QRESYNC."""
        return Dovecot(
            name=f"{server.name}-old", address=self.address(number), mail=server.mail,
            run=server.run.with_name(f"{server.run.name}-old"), fsync=server.fsync,
            capabilities=WITHOUT_CONDSTORE,
        )  # fmt: skip


@contextlib.contextmanager
def stage(work: Path, *, imapsync: Path | None = None, is_quick: bool = False) -> Iterator[Stage]:
    """Set the stage in a working directory that no other run uses, and clear it in the end."""
    work.mkdir(parents=True, exist_ok=True)
    for directory in (work, *work.parents):  # the servers become another user
        if directory.stat().st_mode & 0o011 != 0o011:
            raise SystemExit(f"{directory} can not be entered by every user: choose another --work")
    block = int.from_bytes(hashlib.sha256(str(work).encode()).digest()[:2]) % 250 + 1
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((work / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"another run uses {work}: give another --work") from None
        run = stack.enter_context(_scratch(Path("/tmp")))
        memory = stack.enter_context(_scratch(MEMORY))
        here = work / "run"
        disk = work / "target"
        for directory in (here, disk):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o711)
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
        stack.callback(_end_databases, here)
        places = {
            "source": (work / "source", "never"),
            "memory": (memory / "mail", "optimized"),
            "disk": (disk / "mail", "optimized"),
        }
        servers = [
            stack.enter_context(
                running(
                    Dovecot(
                        name=name, address=f"127.18.{block}.{number}", run=run / name, mail=mail,
                        fsync=fsync,
                    )
                )
            )
            for number, (name, (mail, fsync)) in enumerate(places.items(), start=2)
        ]  # fmt: skip
        _clear_clones(servers[0].mail)
        yield Stage(
            work=work, here=here, addresses=f"127.18.{block}", source=servers[0],
            in_memory=servers[1], on_disk=servers[2], imapsync=imapsync,
            is_quick=is_quick,
        )  # fmt: skip


@contextlib.contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="swc-", dir=parent))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _end_databases(here: Path) -> None:
    for data in here.glob("data-*"):
        end_database(data)


def _clear_clones(mail: Path) -> None:
    for directory in mail.glob("*-changing-*"):
        shutil.rmtree(directory, ignore_errors=True)


def _clone(source: Path, target: Path) -> None:
    """Copy a Maildir; the mails themselves, which nothing changes, are linked."""
    for directory, names, files in os.walk(source, topdown=True):
        here = target / Path(directory).relative_to(source)
        here.mkdir()
        is_mail = here.name in {"cur", "new"}
        for file in files:
            from_file, to_file = Path(directory, file), here / file
            if is_mail:
                os.link(from_file, to_file)
            else:
                shutil.copy2(from_file, to_file)
                _own(from_file, to_file)
        names.sort()
    for directory, _, _ in os.walk(source, topdown=False):
        here = target / Path(directory).relative_to(source)
        shutil.copystat(directory, here)
        _own(Path(directory), here)


def _own(model: Path, path: Path) -> None:
    told = model.stat()
    os.chown(path, told.st_uid, told.st_gid)
