"""``switchover copy`` as a person starts it, between two Dovecots of their own."""

from __future__ import annotations

import hashlib
import imaplib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.imap_servers import PASSWORD, TLS_PORT, USER, Dovecot


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.out))

    @property
    def words(self) -> str:
        """What it said on the error output, line ends as blanks."""
        return " ".join(self.err.split())


@dataclass(kw_only=True)
class Copy:
    """A source, a target and a data directory."""

    source: Dovecot
    target: Dovecot
    data: Path
    trusts: bool = True
    environment: dict[str, str] = field(default_factory=dict)

    def command(
        self, *options: str, source: str = "", target: str = "", name: str = "copy"
    ) -> list[str]:
        """Return the whole command line; ``source`` and ``target`` replace the URLs."""
        trust = []
        if self.trusts:
            trust = ["--source-ca", f"{self.source.directory}/ca.pem"]
            trust += ["--target-ca", f"{self.target.directory}/ca.pem"]
        return [
            sys.executable, "-m", "switchover", name, source or url(self.source),
            target or url(self.target), "--data", str(self.data), *trust, *options,
        ]  # fmt: skip

    def environ(self) -> dict[str, str]:
        secrets = {
            "SWITCHOVER_SOURCE_PASSWORD": PASSWORD,
            "SWITCHOVER_TARGET_PASSWORD": PASSWORD,
        }
        return {**os.environ, **secrets, **self.environment, "COLUMNS": "100"}

    def run(
        self, *options: str, code: int | None = 0, source: str = "", target: str = "",
        name: str = "copy",
    ) -> Done:  # fmt: skip
        """Run it to its end, claim its exit code, and that it shows no secret."""
        done = subprocess.run(
            self.command(*options, source=source, target=target, name=name),
            env=self.environ(), capture_output=True, text=True, check=False, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Run it beside the test."""
        return subprocess.Popen(
            self.command(*options), env=self.environ(), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


def url(server: Dovecot, user: str = USER, host: str = "") -> str:
    return f"imaps://{user}@{host or server.address}:{TLS_PORT}"


def mail(number: int, *, size: int = 100, subject: str = "") -> bytes:
    head = (
        f"From: Ann <ann@contoso.example>\r\nSubject: {subject or f'mail {number}'}\r\n"
        f"Message-ID: <{number}@contoso.example>\r\n\r\n"
    ).encode()
    return head + b"x" * 70 + b"\r\n" + b"y" * (max(0, size - len(head) - 74)) + b"\r\n"


def mails(count: int, *, size: int = 100, first: int = 0) -> list[bytes]:
    return [mail(number, size=size) for number in range(first, first + count)]


def sign_in(server: Dovecot, user: str = USER) -> imaplib.IMAP4_SSL:
    connection = imaplib.IMAP4_SSL(server.address, TLS_PORT, ssl_context=server.trust, timeout=20)
    connection.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
    return connection


def append(server: Dovecot, folder: str, bodies: Sequence[bytes], date: str = "") -> None:
    connection = sign_in(server)
    connection.create(f'"{folder}"')
    for body in bodies:
        answer = connection.append(f'"{folder}"', "", f'"{date}"' if date else None, body)
        assert answer[0] == "OK", answer
    connection.logout()


def digests(server: Dovecot, user: str = USER) -> dict[str, Counter[str]]:
    """Return the mails of every folder that has any, as a multiset of digests."""
    connection = sign_in(server, user)
    found: dict[str, Counter[str]] = {}
    for line in connection.list()[1]:
        assert isinstance(line, bytes)
        name = line.decode().partition(' "/" ')[2]
        if re.search(rb"\\Noselect", line, re.IGNORECASE):
            continue
        connection.select(name, readonly=True)
        _, parts = connection.uid("fetch", "1:*", "(BODY.PEEK[])")
        bodies = [part[1] for part in parts if isinstance(part, tuple)]
        if bodies:
            found[name.strip('"')] = Counter(hashlib.sha256(one).hexdigest() for one in bodies)
    connection.logout()
    return found
