"""What is begun while a password is typed: nothing of it stays when that ends, and none of it is trusted to last."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.imap_servers import PASSWORD
from tests.integration.move.copying import Copy
from tests.integration.move.scripted import Scripted, running

from switchover.move.work.mailbox import Account
from switchover.move.work.sign_in import sign_in, unchanging
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

pytestmark = pytest.mark.timeout(60)


def test_sigterm_while_a_password_is_waited_for_leaves_no_database_running(
    pair: Copy, tmp_path: Path
) -> None:
    pair.run("--folder", "Sent")
    waiting = tmp_path / "password"
    os.mkfifo(waiting)
    command = pair.command("--source-password-file", str(waiting))
    copy = subprocess.Popen(
        command, env=pair.environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    while not list(pair.data.rglob("postmaster.pid")):
        assert copy.poll() is None
        time.sleep(0.02)
    copy.send_signal(signal.SIGTERM)
    _, err = copy.communicate(timeout=20)
    assert (copy.returncode, b"Traceback" in err) == (143, False), err
    assert not list(pair.data.rglob("postmaster.pid"))


@dataclass(kw_only=True)
class Impatient(Scripted):
    """Gives the first connection up when nobody speaks."""

    greeted: int = 0

    async def greet(self, out: asyncio.StreamWriter) -> None:
        await super().greet(out)
        self.greeted += 1
        if self.greeted == 1:
            out.write(b"* BYE nobody spoke\r\n")
            out.close()


async def test_a_server_that_gave_an_early_connection_up_is_connected_to_anew() -> None:
    async with running(Impatient(mails={})) as server:
        early = socket.create_connection((server.host, server.port))
        given = [early]
        await asyncio.sleep(0.1)
        target = Target(
            host=server.host, port=server.port, tls=False, allow_plaintext=True,
            begun=lambda: given.pop() if given else None,
        )  # fmt: skip
        secret = unchanging(Password(user="ann", password=PASSWORD))
        connection = await sign_in(Account(target=target, credentials=secret))
        await connection.close(politely=False)
    assert server.greeted == 2
