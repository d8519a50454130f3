"""A server of IMAP-like lines: greets, answers each line with ``TAG OK done``, leaves at LOGOUT.

    python bench/line_server.py ADDRESS:PORT [ADDRESS:PORT ...]

One thread and no protocol beyond that, so that it costs little beside the engine that is measured.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys

GREETING = b"* OK ready\r\n"


def main() -> None:
    """Serve for ever."""
    poll = select.epoll()
    listening: dict[int, socket.socket] = {}
    for word in sys.argv[1:]:
        address, _, port = word.rpartition(":")
        one = socket.create_server((address, int(port)), backlog=1024)
        one.setblocking(False)
        listening[one.fileno()] = one
        poll.register(one.fileno(), select.EPOLLIN)
    print("ready", flush=True)
    connected: dict[int, socket.socket] = {}
    while True:
        for number, _ in poll.poll():
            if number in listening:
                _welcome(listening[number], connected, poll)
            elif not _answer(connected[number]):
                poll.unregister(number)
                connected.pop(number).close()


def _welcome(one: socket.socket, connected: dict[int, socket.socket], poll: select.epoll) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            client, _ = one.accept()
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected[client.fileno()] = client
            poll.register(client.fileno(), select.EPOLLIN)
            with contextlib.suppress(OSError):
                client.send(GREETING)


def _answer(client: socket.socket) -> bool:
    """Answer what came; return False when the session is over."""
    try:
        data = client.recv(4096)
        for line in data.splitlines():
            tag, _, command = line.partition(b" ")
            client.send(tag + b" OK done\r\n")
            if command == b"LOGOUT":
                return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(data)


if __name__ == "__main__":
    main()
