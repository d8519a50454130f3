"""A connection that was begun beforehand is used if it is good, and made anew if it is not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.integration.imap_servers import PORT, Dovecot, Options, dovecot

from switchover.move.work.early_link import EarlyLink
from switchover.wire.imap.conversation import Phase
from switchover.wire.imap.shell import open_connection


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot(Options(mechanisms=("plain",))) as running:
        yield running


def connected(host: str, port: int) -> socket.socket:
    link = EarlyLink(host, port)
    for _ in range(200):
        if (found := link.take()) is not None:
            return found
        time.sleep(0.01)
        link = EarlyLink(host, port)
    raise AssertionError("nobody answers")


async def test_what_was_connected_beforehand_is_used(server: Dovecot) -> None:
    begun = [connected(server.address, PORT)]
    target = replace(server.plain, begun=lambda: begun.pop() if begun else None)
    connection = await open_connection(target)
    assert not begun
    assert connection.conversation.phase is Phase.STRANGER
    await connection.close()


async def test_one_that_the_server_has_ended_meanwhile_is_replaced(server: Dovecot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        begun = [connected("127.0.0.1", gone.getsockname()[1])]
        gone.accept()[0].close()
    target = replace(server.plain, begun=lambda: begun.pop() if begun else None)
    connection = await open_connection(target)
    assert connection.conversation.phase is Phase.STRANGER
    await connection.close()


def test_nobody_who_can_not_be_reached_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    link = EarlyLink("127.0.0.1", port)
    assert link.take() is None
    link.close()
