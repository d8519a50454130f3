"""What is said to the system of a connection: to acknowledge at once where a server waits for it."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest

from switchover.wire.imap.shell.stream import ByteStream


class Socket:
    def __init__(self, error: OSError | None = None) -> None:
        self.error = error
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, *option: int) -> None:
        if self.error:
            raise self.error
        self.options.append(cast("tuple[int, int, int]", option))


def stream(connected: Socket | None) -> ByteStream:
    transport = SimpleNamespace(get_extra_info=lambda name: {"socket": connected}[name])
    return ByteStream(cast("Any", SimpleNamespace(transport=transport)), "192.0.2.1")


def test_a_socket_is_told_to_acknowledge_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "TCP_QUICKACK", 12, raising=False)
    connected = Socket()
    stream(connected).acknowledge_at_once()
    assert connected.options == [(socket.IPPROTO_TCP, 12, 1)]


def test_nothing_happens_where_the_system_can_not(monkeypatch: pytest.MonkeyPatch) -> None:
    stream(None).acknowledge_at_once()
    stream(Socket(OSError("not a TCP socket"))).acknowledge_at_once()
    monkeypatch.delattr(socket, "TCP_QUICKACK", raising=False)
    connected = Socket()
    stream(connected).acknowledge_at_once()
    assert connected.options == []
