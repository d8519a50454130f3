"""Archives of every kind for tests, and a client that speaks to one without a socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from switchover.move.archive.session import Session
from switchover.move.archive.store import Folder, Store
from switchover.move.archive.store_eml import EmlStore
from switchover.move.archive.store_maildir import MaildirStore
from switchover.move.archive.store_mbox import MboxStore

NOW = 1_700_000_000
KINDS: dict[str, Callable[..., Store]] = {
    "maildir": MaildirStore,
    "tree": lambda path, **more: MaildirStore(path, is_tree=True, **more),
    "mbox": MboxStore,
    "eml": EmlStore,
}


def open_store(kind: str, path: Path, *, may_create: bool = True) -> Store:
    return KINDS[kind](path, may_create=may_create)


def put(
    folder: Folder, *mails: bytes, flags: tuple[bytes, ...] = (), date: int = NOW
) -> Sequence[int]:
    batch = folder.begin()
    for mail in mails:
        batch.begin_mail(flags, date)
        batch.write(memoryview(mail[: len(mail) // 2]))
        batch.write(memoryview(mail[len(mail) // 2 :]))
        batch.end_mail()
    return batch.commit()


def body(folder: Folder, uid: int) -> bytes | None:
    found = folder.open_body(uid)
    if found is None:
        return None
    text = b"".join(found.chunks)
    found.close()
    assert len(text) == found.size == folder.size_of(uid)
    return text


def shown(folder: Folder) -> list[tuple[int, set[bytes], int, bytes | None]]:
    return [
        (mail.uid, set(mail.flags), mail.epoch_seconds, body(folder, mail.uid))
        for mail in folder.list_mails(None)
    ]


class Client:
    """Says lines to a session and returns what it answers."""

    def __init__(self, store: Store) -> None:
        self.said = bytearray()
        self.session = Session(store, self.said.extend, lambda: NOW)
        self.session.greet()

    def say(self, text: bytes) -> bytes:
        self.said.clear()
        self.session.receive(text)
        return bytes(self.said)

    def run(self, command: bytes) -> list[bytes]:
        return self.say(b"a " + command + b"\r\n").split(b"\r\n")[:-1]
