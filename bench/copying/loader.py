"""Streams of MULTIAPPEND (RFC 3502) with literals that need no go-ahead (RFC 7888), several unanswered."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from copying.corpus import UNSUBSCRIBED, Corpus, Mail, make
from copying.wire import Place, RefusedError, Session, quoted
from switchover.wire.imap.mailbox_name import NameEncoding, encode

BATCH_MAILS = 100
BATCH_BYTES = 8 << 20
WINDOW = 4


def raw_name(folder: str) -> bytes:
    """Return a folder's name as it stands on the wire, quoted."""
    return quoted(encode(folder, NameEncoding.MODIFIED_UTF7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One APPEND command, whole, tagged ``a``."""

    data: bytes
    mails: int


def batches(mails: Iterable[Mail]) -> Iterator[Batch]:
    """Give the commands for mails in any order, each folder's together as they fill a batch."""
    waiting: dict[str, list[Mail]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for mail in mails:
        waiting[mail.folder].append(mail)
        sizes[mail.folder] += len(mail.data)
        if len(waiting[mail.folder]) == BATCH_MAILS or sizes[mail.folder] > BATCH_BYTES:
            yield _batch(mail.folder, waiting.pop(mail.folder))
            sizes[mail.folder] = 0
    for folder, rest in waiting.items():
        yield _batch(folder, rest)


def _batch(folder: str, mails: Sequence[Mail]) -> Batch:
    parts = [b"a APPEND ", raw_name(folder)]
    for mail in mails:
        flags = " ".join(mail.flags)
        parts += [f' ({flags}) "{mail.date}" {{{len(mail.data)}+}}\r\n'.encode(), mail.data]
    return Batch(data=b"".join((*parts, b"\r\n")), mails=len(mails))


class Lane(threading.Thread):
    """Sends commands on one connection, at most ``WINDOW`` unanswered; ``failures`` has what was refused."""

    def __init__(self, session: Session, commands: Iterable[Batch]) -> None:
        super().__init__(daemon=True)
        self.session = session
        self.commands = commands
        self.failures: list[str] = []
        self._room = threading.Semaphore(WINDOW)
        self._sent = 0
        self._is_whole = threading.Event()

    def run(self) -> None:
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        with contextlib.suppress(OSError):  # the reader tells
            for command in self.commands:
                self._room.acquire()
                self._sent += 1
                self.session.socket.sendall(command.data)
            self._sent += 1
            self._is_whole.set()
            self.session.socket.sendall(b"a NOOP\r\n")
        reader.join()

    def _read(self) -> None:
        answered = 0
        while not (self._is_whole.is_set() and answered == self._sent):
            try:
                text = self.session.receive().text
            except (RefusedError, OSError) as error:
                self.failures.append(str(error))
                self._room.release(1_000_000)
                return
            if text.startswith(b"a "):
                answered += 1
                self._room.release()
                if not text.startswith(b"a OK"):
                    self.failures.append(text[:200].decode("utf-8", "replace"))


def make_folders(session: Session, corpus: Corpus) -> None:
    """Create and subscribe what a corpus has."""
    for name in corpus.all_names:
        if name != "INBOX":
            session.ask(b"CREATE " + raw_name(name))
        if name not in UNSUBSCRIBED:
            session.ask(b"SUBSCRIBE " + raw_name(name))


def load(place: Place, corpus: Corpus) -> None:
    """Fill an empty mailbox with a corpus."""
    with Session(place) as session:
        make_folders(session, corpus)
        lane = Lane(session, batches(make(corpus)))
        lane.run()
    if lane.failures:
        raise SystemExit(f"the corpus {corpus.name} could not be loaded: {lane.failures[0]}")
