"""A Dovecot from Debian for one test: on an address of its own, with its own certificate, mailboxes and log.

``imap_server`` gives the same for any of the five kinds: Dovecot's formats, Cyrus and Courier
(``unpacked_servers`` holds those two).

It runs as a plain process with a configuration below a short directory; nothing of the machine's own mail
system is read, started or changed. It needs root, as it does in real life.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tests.integration.processes import loopback, scratch
from tests.integration.server_certificate import make_certificate
from tests.integration.unpacked_servers import courier, cyrus, list_processes

from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

PORT, TLS_PORT, LMTP_PORT = 10143, 10993, 10024
USER, PASSWORD = "user@contoso.example", "correct horse ü"
MASTER, MASTER_PASSWORD = "master", "battery staple"
READY_SECONDS = 20.0
MAIL_OWNER = "nobody"
MECHANISMS = ("plain", "login", "scram-sha-1", "scram-sha-256")


class Kind(StrEnum):
    """The servers that tests know, and how Dovecot stores."""

    MAILDIR = "maildir"
    SDBOX = "sdbox"
    MDBOX = "mdbox"
    CYRUS = "cyrus"
    COURIER = "courier"


class ImapServer(Protocol):
    """What every kind can do. Nothing is encrypted at ``port``; all users have one password."""

    @property
    def kind(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def users(self) -> tuple[str, ...]: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def log(self) -> Path: ...
    def said(self) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def restart(self) -> None: ...
    def kill(self) -> None: ...


@contextlib.contextmanager
def imap_server(
    kind: Kind, users: Sequence[str] = (USER,), *, more: str = ""
) -> Iterator[ImapServer]:
    """Run a server of this kind until the block ends; ``more`` is configuration in its own words."""
    match kind:
        case Kind.CYRUS:
            running: contextlib.AbstractContextManager[ImapServer] = cyrus(users, more=more)
        case Kind.COURIER:
            running = courier(users, more=more)
        case _:
            running = dovecot(Options(storage=kind.value, users=tuple(users), more=more))
    with running as server:
        yield server


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a Dovecot is set up.

    ``capabilities`` replaces what it announces before the sign-in and after; ``names`` and ``valid_days``
    are those of its certificate, by default its own address and a month from yesterday; ``more`` is
    configuration in Dovecot's own words, behind all else, with ``{directory}`` in it for its own.
    ``in_memory`` puts the mailboxes where no disk is waited for.
    """

    storage: str = "maildir"
    users: tuple[str, ...] = (USER,)
    mechanisms: tuple[str, ...] = MECHANISMS
    plaintext: bool = True
    compresses: bool = True
    capabilities: str = ""
    separator: str = "/"
    fsync: str = "never"
    in_memory: bool = True
    names: tuple[str, ...] = ()
    valid_days: tuple[int, int] = (-1, 30)
    more: str = ""


@dataclass(kw_only=True)
class Dovecot:
    """One instance: ``start`` it, talk to it through ``target``, ``stop`` or ``kill`` it, start it again."""

    directory: Path
    options: Options
    address: str = field(default_factory=loopback)
    process: subprocess.Popen[bytes] | None = None

    @property
    def kind(self) -> str:
        return self.options.storage

    @property
    def port(self) -> int:
        return PORT

    @property
    def users(self) -> tuple[str, ...]:
        return self.options.users

    @property
    def user(self) -> str:
        return self.options.users[0]

    @property
    def password(self) -> str:
        return PASSWORD

    @property
    def log(self) -> Path:
        return self.directory / "dovecot.log"

    @property
    def mail(self) -> Path:
        """Where the mailboxes are: a directory for each user."""
        return self.directory / "mail"

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs to believe its certificate."""
        return ssl.create_default_context(cafile=self.directory / "ca.pem")

    @property
    def credentials(self) -> Password:
        return Password(user=self.options.users[0], password=PASSWORD)

    @property
    def tls(self) -> Target:
        """Where TLS begins at once."""
        return Target(host=self.address, port=TLS_PORT, context=self.trust, answer_seconds=20.0)

    @property
    def clear(self) -> Target:
        """Where STARTTLS is."""
        return replace(self.tls, port=PORT, tls=False)

    @property
    def plain(self) -> Target:
        """Where nothing is encrypted, and that is allowed."""
        return replace(self.clear, allow_plaintext=True)

    def said(self) -> str:
        """Return its log so far."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def start(self) -> None:
        """Start it and wait until it listens."""
        (self.directory / "run").mkdir(exist_ok=True)
        with (self.directory / "dovecot.out").open("ab") as printed:
            self.process = subprocess.Popen(
                ["/usr/sbin/dovecot", "-F", "-c", str(self.directory / "dovecot.conf")],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not (self.directory / "run" / "master.pid").exists():
            assert self.process.poll() is None, f"dovecot ended: {self._tail()}"
            assert time.monotonic() < deadline, f"dovecot is not up: {self._tail()}"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and its children: they share a process group of their own."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self._wait_for_children(self.process.pid)
        (self.directory / "run" / "master.pid").unlink(missing_ok=True)

    @staticmethod
    def _wait_for_children(group: int) -> None:
        """Wait until nothing of it listens: its login processes outlive the master for a moment."""

        def is_own(pid: Path) -> bool:
            state, _, number = (pid / "stat").read_text().rpartition(")")[2].split()[:3]
            return int(number) == group and state != "Z"

        deadline = time.monotonic() + 3
        while list_processes(is_own):
            if time.monotonic() > deadline:
                os.killpg(group, signal.SIGKILL)
            time.sleep(0.01)

    def restart(self) -> None:
        """Stop it and start it again, with the mailboxes and the users that it has."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Let all of it stand still: connections stay, and nothing answers."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def doveadm(self, *arguments: str) -> str:
        """Return what doveadm prints."""
        done = subprocess.run(
            ["/usr/bin/doveadm", "-c", str(self.directory / "dovecot.conf"), *arguments],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout.decode("utf-8", "replace")

    def put_mails(self, mails: Sequence[bytes], *, user: str = "", folder: str = "") -> None:
        """Put mails into a Maildir folder as a delivery would, only faster."""
        assert self.options.storage == "maildir"
        home = self.mail / (user or self.options.users[0]) / "Maildir"
        base = home / f".{folder}" if folder else home
        for part in ("cur", "new", "tmp"):
            (base / part).mkdir(parents=True, exist_ok=True)
        for number, mail in enumerate(mails):
            name = f"{1_500_000_000 + number}.M{number}P1.test,S={len(mail)},W={len(mail)}:2,"
            (base / "cur" / name).write_bytes(mail)
        _own(home.parent)

    def _tail(self) -> str:
        files = (self.directory / "dovecot.out", self.log)
        return "".join(one.read_text("utf-8", "replace")[-3000:] for one in files if one.exists())


@contextlib.contextmanager
def dovecot(options: Options | None = None) -> Iterator[Dovecot]:
    """Run a Dovecot until the block ends; then nothing of it is left."""
    chosen = options or Options()
    parent = scratch() if chosen.in_memory else "/tmp"
    server = Dovecot(
        directory=Path(tempfile.mkdtemp(prefix="sw-imap-", dir=parent)), options=chosen
    )
    server.directory.chmod(0o711)
    try:
        configure(server)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)


def configure(server: Dovecot) -> None:
    """Write the configuration, the users and the certificate."""
    assert os.geteuid() == 0, "Dovecot starts as root only: run script/test as root"
    assert shutil.which("dovecot", path="/usr/sbin:/usr/bin"), "dovecot is not installed"
    options, base = server.options, server.directory
    make_certificate(base, options.names or (server.address,), options.valid_days)
    server.mail.mkdir(exist_ok=True)
    _own(server.mail)
    for file, users, password in (
        ("users", options.users, PASSWORD),
        ("masters", (MASTER,), MASTER_PASSWORD),
    ):
        (base / file).write_text("".join(f"{user}:{{PLAIN}}{password}\n" for user in users))
        (base / file).chmod(0o644)
    owner = pwd.getpwnam(MAIL_OWNER)
    (base / "dovecot.conf").write_text(
        f"""
        base_dir = {base}/run
        state_dir = {base}/run
        instance_name = {base.name}
        log_path = {server.log}
        listen = {server.address}
        protocols = imap lmtp
        ssl = yes
        ssl_cert = <{base}/server.crt
        ssl_key = <{base}/server.key
        disable_plaintext_auth = {"no" if options.plaintext else "yes"}
        auth_mechanisms = {" ".join(options.mechanisms)}
        auth_master_user_separator = *
        auth_failure_delay = 0
        mail_location = {options.storage}:~/{_HOMES[options.storage]}
        mail_fsync = {options.fsync}
        mail_max_userip_connections = 400
        mail_plugins = {"zlib" if options.compresses else ""}
        first_valid_uid = 1
        namespace inbox {{
          inbox = yes
          separator = {options.separator}
        }}
        passdb {{
          driver = passwd-file
          master = yes
          args = {base}/masters
        }}
        passdb {{
          driver = passwd-file
          args = {base}/users
        }}
        userdb {{
          driver = static
          args = uid={owner.pw_uid} gid={owner.pw_gid} home={server.mail}/%u
        }}
        protocol imap {{
          mail_plugins = {"zlib imap_zlib" if options.compresses else ""}
        }}
        {f"imap_capability = {options.capabilities}" if options.capabilities else ""}
        service imap-login {{
          service_count = 0
          inet_listener imap {{
            port = {PORT}
          }}
          inet_listener imaps {{
            port = {TLS_PORT}
            ssl = yes
          }}
        }}
        service anvil {{
          unix_listener anvil-auth-penalty {{
            mode = 0
          }}
        }}
        service lmtp {{
          inet_listener lmtp {{
            port = {LMTP_PORT}
          }}
        }}
        protocol lmtp {{
          postmaster_address = postmaster@contoso.example
        }}
        {options.more.format(directory=base)}
        """
    )


_HOMES = {"maildir": "Maildir", "sdbox": "sdbox", "mdbox": "mdbox"}


def _own(directory: Path) -> None:
    owner = pwd.getpwnam(MAIL_OWNER)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
