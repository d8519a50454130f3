"""Throw-away Dovecots: plain processes with a configuration of their own, on loopback addresses.

Nothing of the machine's own mail system is read or touched. Any user signs in with one password; who signs
in for the first time has an empty mailbox.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from copying.wire import PASSWORD, Place

PORT = 20143
OWNER = "nobody"
READY_SECONDS = 15.0
WITHOUT_CONDSTORE = (
    "IMAP4rev1 LITERAL+ SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT NAMESPACE UIDPLUS UNSELECT CHILDREN "
    "ESEARCH LIST-EXTENDED LIST-STATUS MULTIAPPEND SPECIAL-USE"
)
_CONFIGURATION = """\
base_dir = {run}/base
state_dir = {run}/base
instance_name = {name}
log_path = {log}
listen = {address}
protocols = imap
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
default_client_limit = 4000
default_vsz_limit = 2G
mail_location = maildir:~/Maildir
mail_fsync = {fsync}
mail_max_userip_connections = 400
mail_attribute_dict =
first_valid_uid = 1
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}/%u
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
}}
service imap {{
  process_limit = 400
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{more}
"""


@dataclass(slots=True, kw_only=True)
class Dovecot:
    """One server. Its sockets lie in ``run``, mailboxes below ``mail``, one directory for each user."""

    name: str
    address: str
    run: Path
    mail: Path
    fsync: str = "optimized"
    capabilities: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def configuration(self) -> Path:
        return self.run / "dovecot.conf"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def place(self, user: str) -> Place:
        return Place(address=self.address, port=PORT, user=user)

    def start(self) -> None:
        """Write its configuration, start it and wait until it answers."""
        owner = pwd.getpwnam(OWNER)
        for directory in (self.run, self.run / "base", self.mail):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o755)
        os.chown(self.mail, owner.pw_uid, owner.pw_gid)
        more = f"imap_capability = {self.capabilities}" if self.capabilities else ""
        text = _CONFIGURATION.format(
            run=self.run, name=self.run.name, log=self.run / "log", address=self.address, more=more,
            fsync=self.fsync, password=PASSWORD, uid=owner.pw_uid, gid=owner.pw_gid, mail=self.mail,
            port=PORT,
        )  # fmt: skip
        self.configuration.write_text(text, "ascii")
        with (self.run / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                ["dovecot", "-F", "-c", str(self.configuration)],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, start_new_session=True,
            )  # fmt: skip
        self._wait_until_ready()

    def stop(self) -> None:
        """End it and its children, which share a process group of their own."""
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.address, PORT), 2) as one,
            ):
                if one.recv(4):
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                told = "".join(
                    path.read_text("utf-8", "replace")[-800:]
                    for path in (self.run / "printed", self.run / "log")
                    if path.exists()
                )
                raise SystemExit(f"Dovecot does not come up at {self.address}:{PORT}: {told}")
            time.sleep(0.02)


@contextlib.contextmanager
def running(server: Dovecot) -> Iterator[Dovecot]:
    """Run a server until the block ends."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
