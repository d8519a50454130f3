"""Cyrus and Courier from Debian, unpacked by script/test-servers because their packages conflict with Dovecot's.

As with Dovecot: plain processes on an address of their own, with their own users, mailboxes and log, below one
short directory; nothing of the machine's own mail system is read or changed. They need root.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.integration.processes import loopback, scratch

PORT = 10143
PASSWORD = "correct horse ü"
DOMAIN = "contoso.example"
READY_SECONDS = 20.0
MAIL_OWNER = "nobody"
UNPACKED = Path(os.environ.get("SWITCHOVER_TEST_SERVERS", "/opt/switchover-test-servers"))


@dataclass(kw_only=True)
class Instance:
    """What both have: a directory, users, and processes that end with them."""

    kind: str = ""
    directory: Path
    users: tuple[str, ...]
    more: str = ""
    address: str = field(default_factory=loopback)
    port: int = PORT
    password: str = PASSWORD
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def user(self) -> str:
        return self.users[0]

    @property
    def log(self) -> Path:
        """What its processes print."""
        return self.directory / "log"

    def said(self) -> str:
        """Return its log so far."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def restart(self) -> None:
        """Stop it and start it again, with the mailboxes and the users that it has."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.stop(signal.SIGKILL)

    def configure(self) -> None:
        """Write the configuration and the users."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it listens."""
        raise NotImplementedError

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End its processes and all that they started."""
        started = time.monotonic()
        _signal_all(self.members(), number)
        while self.members():
            for process in self.processes:
                process.poll()
            if time.monotonic() > started + 3:
                _signal_all(self.members(), signal.SIGKILL)
            time.sleep(0.02)
        for process in self.processes:
            process.wait(5)
        self.processes.clear()

    def members(self) -> list[int]:
        """Return the processes that belong to this instance and no other."""
        raise NotImplementedError

    def spawn(self, *command: str, environment: dict[str, str]) -> None:
        with self.log.open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                    cwd=self.directory, start_new_session=True,
                )
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            ended = [one.args for one in self.processes if one.poll() is not None]
            assert not ended, f"{ended} ended: {self.said()[-3000:]}"
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.address, self.port), 5) as probe,
            ):
                if probe.recv(4):
                    return
            assert time.monotonic() < deadline, f"nothing listens: {self.said()[-3000:]}"
            time.sleep(0.02)


Kind = TypeVar("Kind", bound=Instance)


@dataclass(kw_only=True)
class Cyrus(Instance):
    """Cyrus IMAP; ``more`` are lines of its imapd.conf. With ``telemetry`` it notes every command."""

    kind: str = "cyrus"

    @property
    def tree(self) -> Path:
        return UNPACKED / "cyrus"

    def start(self) -> None:
        """Start it and wait until it listens."""
        base = self.directory
        self.spawn(
            str(self.tree / "usr/sbin/cyrmaster"),
            *("-C", f"{base}/imapd.conf", "-M", f"{base}/cyrus.conf"),
            *("-p", f"{base}/run/master.pid"),
            environment=self.environment,
        )
        self.wait_until_ready()

    @property
    def environment(self) -> dict[str, str]:
        folders = sorted({str(one.parent) for one in self.tree.rglob("*.so*")})
        return {"PATH": "/usr/sbin:/usr/bin", "LD_LIBRARY_PATH": ":".join(folders)}

    def members(self) -> list[int]:
        own = f"{self.directory}/imapd.conf".encode()
        return list_processes(lambda pid: own in (pid / "cmdline").read_bytes().split(b"\0"))

    def listen_in(self, user: str) -> Path:
        """Have each session of a user written down from now on; return the directory with the files."""
        files = self.directory / "conf" / "log" / user
        files.mkdir(parents=True, exist_ok=True)
        _own(files)
        return files

    def configure(self) -> None:
        """Write the configuration and the users."""
        base = self.directory
        for part in ("conf/db", "conf/socket", "mail", "run/proc", "run/lock"):
            (base / part).mkdir(parents=True, exist_ok=True)
        (base / "imapd.conf").write_text(
            _CYRUS.format(base=base, domain=DOMAIN, owner=MAIL_OWNER) + self.more + "\n"
        )
        programs = self.tree / "usr/lib/cyrus/bin"
        (base / "cyrus.conf").write_text(
            f"""
            START {{
              recover cmd="{programs}/ctl_cyrusdb -C {base}/imapd.conf -r"
            }}
            SERVICES {{
              imap cmd="{programs}/imapd -C {base}/imapd.conf -U 200" listen="{self.address}:{self.port}" prefork=1 maxchild=200 proto="tcp4"
            }}
            EVENTS {{
            }}
            """
        )
        for user in self.users:
            self._add_user(user)
        _own(base)

    def _add_user(self, user: str) -> None:
        name, _, domain = user.partition("@")
        program = str(self.tree / "usr/sbin/saslpasswd2")
        subprocess.run(
            [program, "-p", "-c", "-f", f"{self.directory}/sasldb2", "-u", domain or DOMAIN, name],
            input=self.password.encode(),
            check=True,
            env=self.environment,
        )


_CYRUS = """\
configdirectory: {base}/conf
defaultpartition: default
partition-default: {base}/mail
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {base}/sasldb2
sasl_mech_list: PLAIN
virtdomains: userid
defaultdomain: {domain}
loginrealms: {domain}
servername: {domain}
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
duplicatesuppression: no
proc_path: {base}/run/proc
mboxname_lockpath: {base}/run/lock
idlesocket: {base}/run/idle
notifysocket: {base}/run/notify
master_pid_file: {base}/run/master.pid
cyrus_user: {owner}
skiplist_unsafe: yes
"""


@dataclass(kw_only=True)
class Courier(Instance):
    """Courier IMAP with its authentication daemon, in a root of its own: its paths are compiled in.

    ``more`` is its capability line, where that of Debian's configuration is not wanted.
    """

    kind: str = "courier"

    @property
    def tree(self) -> Path:
        return self.directory / "root"

    def mailbox(self, user: str = "") -> Path:
        """Return the Maildir of a user."""
        return self.tree / "home" / (user or self.user) / "Maildir"

    def start(self) -> None:
        """Start it and wait until it listens and signs users in."""
        self._run("/usr/lib/courier/courier-authlib/authdaemond")
        self._run(
            "/usr/sbin/couriertcpd", f"-address={self.address}", "-maxprocs=400", "-maxperip=400",
            "-nodnslookup", "-noidentlookup", str(self.port),
            "/usr/lib/courier/courier/imaplogin", "/usr/bin/imapd", "Maildir",
        )  # fmt: skip
        self.wait_until_ready()

    def members(self) -> list[int]:
        own = str(self.tree)
        return list_processes(lambda pid: str((pid / "root").readlink()) == own)

    def _run(self, *command: str) -> None:
        environment = {
            **_COURIER,
            "IMAP_CAPABILITY": self.more or _COURIER["IMAP_CAPABILITY"],
            # One watcher of files for each instance, though sockets without a path are the machine's.
            "GAM_CLIENT_ID": self.directory.name,
        }
        self.spawn("/usr/sbin/chroot", str(self.tree), *command, environment=environment)

    def configure(self) -> None:
        """Write the configuration and the users."""
        tree = self.tree
        shutil.copytree(UNPACKED / "courier", tree, symlinks=True)
        for part in ("run/courier/authdaemon", "dev", "tmp", "home"):
            (tree / part).mkdir(parents=True, exist_ok=True)
        (tree / "tmp").chmod(0o1777)
        # Opened for reading and writing, never used: a file does, and needs no device.
        (tree / "dev" / "null").touch(0o666)
        owner = pwd.getpwnam(MAIL_OWNER)
        (tree / "etc/passwd").write_text(
            f"root:x:0:0::/:/bin/sh\n{MAIL_OWNER}:x:{owner.pw_uid}:{owner.pw_gid}::/:/bin/sh\n"
        )
        (tree / "etc/group").write_text(f"root:x:0:\nmail:x:{owner.pw_gid}:\n")
        (tree / "etc/courier/authdaemonrc").write_text(
            'authmodulelist="authuserdb"\nauthmodulelistorig="authuserdb"\ndaemons=3\n'
            "authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\n"
        )
        self._write_users(owner)

    def _write_users(self, owner: pwd.struct_passwd) -> None:
        digest = base64.b64encode(hashlib.sha256(self.password.encode()).digest()).decode()
        place = f"uid={owner.pw_uid}|gid={owner.pw_gid}|mail=Maildir|home=/home/"
        self._write_table("userdb", [f"{user}\t{place}{user}" for user in self.users])
        self._write_table(
            "userdbshadow", [f"{user}\timappw={{SHA256}}{digest}" for user in self.users]
        )
        for user in self.users:
            for part in ("cur", "new", "tmp"):
                (self.mailbox(user) / part).mkdir(parents=True, exist_ok=True)
        _own(self.tree / "home")

    def _write_table(self, name: str, lines: Sequence[str]) -> None:
        table = f"/etc/courier/{name}.dat"
        program = "/usr/lib/courier/courier-authlib/makedatprog"
        subprocess.run(
            ["/usr/sbin/chroot", str(self.tree), program, "-", f"{table}.new", table],
            input="".join(f"{line}\n" for line in (*lines, ".")).encode(),
            env=_COURIER,
            check=True,
        )
        (self.tree / table[1:]).chmod(0o600)


_COURIER = {
    "PATH": "/usr/bin",
    "LD_LIBRARY_PATH": "/usr/lib",
    "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE AUTH=PLAIN",
    "IMAP_KEYWORDS": "1",
    "IMAP_ACL": "1",
    "IMAP_USELOCKS": "1",
    "IMAP_ENHANCEDIDLE": "0",
    "IMAP_IDLE_TIMEOUT": "60",
    "IMAP_UMASK": "022",
    "IMAP_STARTTLS": "NO",
    "IMAP_TLS_REQUIRED": "0",
    "IMAP_TRASHFOLDERNAME": "Trash",
    "IMAP_EMPTYTRASH": "",
}


def cyrus(users: Sequence[str], *, more: str = "") -> contextlib.AbstractContextManager[Cyrus]:
    """Run a Cyrus until the block ends; then nothing of it is left."""
    return _running(Cyrus, users, more)


def courier(users: Sequence[str], *, more: str = "") -> contextlib.AbstractContextManager[Courier]:
    """Run a Courier until the block ends; then nothing of it is left."""
    return _running(Courier, users, more)


@contextlib.contextmanager
def _running(kind: type[Kind], users: Sequence[str], more: str) -> Iterator[Kind]:
    with _directory(kind.kind) as directory:
        server = kind(directory=directory, users=tuple(users), more=more)
        server.configure()
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def _directory(name: str) -> Iterator[Path]:
    assert os.geteuid() == 0, f"{name} starts as root only: run script/test as root"
    assert (UNPACKED / name / ".complete").exists(), f"{name} is missing: run script/test-servers"
    directory = Path(tempfile.mkdtemp(prefix=f"sw-{name}-", dir=scratch()))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def list_processes(is_own: Callable[[Path], bool]) -> list[int]:
    """Return the processes for whose directory below /proc ``is_own`` is true."""
    found = []
    for pid in Path("/proc").iterdir():
        if pid.name.isdecimal():
            # It may have ended meanwhile, and then leaves nothing to read.
            with contextlib.suppress(OSError):
                found += [int(pid.name)] if is_own(pid) else []
    return found


def _signal_all(numbers: Sequence[int], number: int) -> None:
    for one in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, number)


def _own(directory: Path) -> None:
    owner = pwd.getpwnam(MAIL_OWNER)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
