"""Mailboxes on one Dovecot for tests of the copier: filled, changed, copied in this process, read back.

Source and target are accounts of one server, which makes a copy cost a tenth of a second; the copier does
not know.
"""

from __future__ import annotations

import contextlib
import hashlib
import imaplib
import os
import pwd
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from tests.integration.imap_servers import MAIL_OWNER, PASSWORD, PORT, Dovecot

from switchover.move.sync_plan import Deletions, Rules
from switchover.move.work.copying import CopyOrder
from switchover.move.work.mailbox import Account
from switchover.move.work.sign_in import unchanging
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

Contents: TypeAlias = "dict[str, Counter[tuple[Any, ...]]]"
Mail: TypeAlias = "tuple[str, int, bytes]"
FLAGS = (r"()", r"(\Seen)", r"(\Answered \Flagged)", r"($Forwarded work)", r"(\Draft \Seen)")
MIRROR = Rules(deletions=Deletions.MIRROR)


def multiset(parts: Iterable[Any]) -> Counter[tuple[Any, ...]]:
    """Return the mails of an answer to FETCH (FLAGS INTERNALDATE BODY.PEEK[]): digest, flags and date."""
    return Counter(
        (
            hashlib.sha256(part[1]).hexdigest()[:12],
            frozenset(imaplib.ParseFlags(part[0])) - {b"\\Recent"},
            imaplib.Internaldate2tuple(part[0]),
        )
        for part in parts
        if isinstance(part, tuple)
    )


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """One account of a server; ``mail`` is where its mailboxes are, in plain Maildir."""

    address: str
    mail: Path
    user: str
    port: int = PORT

    @classmethod
    def of(cls, server: Dovecot, user: str) -> Mailbox:
        return cls(address=server.address, mail=server.mail, user=user)

    @property
    def home(self) -> Path:
        return self.mail / self.user

    @property
    def account(self) -> Account:
        return Account(
            target=Target(
                host=self.address,
                port=self.port,
                tls=False,
                allow_plaintext=True,
                answer_seconds=20.0,
            ),
            user=self.user,
            credentials=unchanging(Password(user=self.user, password=PASSWORD)),
        )

    @contextlib.contextmanager
    def open(self) -> Iterator[imaplib.IMAP4]:
        connection = imaplib.IMAP4(self.address, PORT, timeout=20)
        secret = f"\0{self.user}\0{PASSWORD}".encode()
        connection.authenticate("PLAIN", lambda _: secret)
        try:
            yield connection
        finally:
            connection.logout()

    def create(self, *names: str) -> None:
        with self.open() as connection:
            for name in names:
                assert connection.create(f'"{name}"')[0] == "OK"

    def append(self, *mails: Mail) -> None:
        """Append as they are: imaplib would rewrite line ends."""
        with self.open() as connection:
            tags = []
            for folder, number, body in mails:
                tags.append(connection._new_tag())  # type: ignore[attr-defined]
                flags, date = FLAGS[number % len(FLAGS)], date_of(number)
                line = f'{tags[-1].decode()} APPEND "{folder}" {flags} "{date}" {{{len(body)}+}}'
                connection.send(line.encode() + b"\r\n" + body + b"\r\n")
            for tag in tags:
                while not (line := connection.readline()).startswith(tag):
                    pass
                assert line.startswith(tag + b" OK"), line

    def change(self, folder: str, *commands: tuple[str, ...]) -> None:
        """Select a folder and do UID commands there; ``("expunge",)`` is a plain one."""
        with self.open() as connection:
            assert connection.select(f'"{folder}"')[0] == "OK"
            for command in commands:
                if command == ("expunge",):
                    connection.expunge()
                else:
                    assert connection.uid(*command)[0] == "OK", command

    def flags_of(self, folder: str, number: int) -> bytes:
        """Return what FETCH shows of a mail's flags."""
        with self.open() as connection:
            connection.select(folder, readonly=True)
            shown: bytes = connection.uid("fetch", str(number), "(FLAGS)")[1][0]
        return shown

    def contents(self) -> Contents:
        """Return the mails of every folder as a multiset of digest, flags and date."""
        found: Contents = {}
        with self.open() as connection:
            for line in connection.list()[1]:
                assert isinstance(line, bytes)
                name = line.decode().partition(' "/" ')[2]
                connection.select(name, readonly=True)
                parts = connection.uid("fetch", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
                found[name.strip('"')] = multiset(parts)
        return found

    def clone(self, user: str) -> Mailbox:
        """Return another account with the same mails under the same UIDs."""
        other = replace(self, user=user)
        shutil.copytree(self.home, other.home)
        own(other.home)
        return other

    def renumber(self, folder: str = "") -> None:
        """Make the server give a folder a new UIDVALIDITY and its mails other UIDs, in another order."""
        base = self.home / "Maildir" / (f".{folder}" if folder else "")
        # A session that is just ending may write its own files back.
        for _ in range(20):
            wanted = _renumber(base)
            with self.open() as connection:
                told = connection.status(f'"{folder or "INBOX"}"', "(UIDVALIDITY)")[1][0]
            if b"UIDVALIDITY %d)" % wanted in told:
                return
            time.sleep(0.05)
        raise AssertionError(f"{folder} keeps its UIDVALIDITY")


def _renumber(base: Path) -> int:
    for name in base.glob("dovecot.index*"):
        name.unlink()
    head, *lines = (base / "dovecot-uidlist").read_text().splitlines()
    validity = re.search(r" V(\d+)", head)
    assert validity, head
    fresh = int(validity[1]) + 1000
    uids = [line.split(" ", 1)[0] for line in lines]
    names = [line.split(" ", 1)[1] for line in lines]
    again = [f"{uid} {name}" for uid, name in zip(uids, reversed(names), strict=True)]
    text = "\n".join([head.replace(validity[0], f" V{fresh}"), *again]) + "\n"
    (base / "dovecot-uidlist").write_text(text)
    return fresh


def assert_same(target: Mailbox, source: Mailbox) -> None:
    """Fail with the mails that only one of both has."""
    here, there = target.contents(), source.contents()
    assert here.keys() == there.keys(), (here.keys(), there.keys())
    for name, mails_here in here.items():
        more, fewer = mails_here - there[name], there[name] - mails_here
        assert not more | fewer, f"{name}: only on the target {more}, only on the source {fewer}"


def own(directory: Path) -> None:
    owner = pwd.getpwnam(MAIL_OWNER)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def date_of(number: int) -> str:
    return f"{number % 28 + 1:02d}-Jan-20{10 + number % 15} 12:00:{number % 60:02d} +0100"


def plain(number: int, size: int = 0) -> bytes:
    return b"Subject: %d\r\n\r\n%d\r\n" % (number, number) + b"x" * size


def order(source: Mailbox, target: Mailbox, rules: Rules | None = None, **more: Any) -> CopyOrder:
    return CopyOrder(
        source=source.account,
        target=target.account,
        source_key="source",
        target_key=target.user,
        rules=rules or Rules(),
        **more,
    )


def mails(folder: str, numbers: Iterable[int], size: int = 0) -> list[Mail]:
    return [(folder, number, plain(number, size)) for number in numbers]
