"""What asyncio says of a server that is not there becomes a sentence."""

from __future__ import annotations

import errno
import socket

from switchover.wire.imap.shell.unreachable import why


def test_what_asyncio_says_is_told_in_words() -> None:
    one = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1994)")
    assert why(one).startswith("the connection is refused; is the port right")
    two = OSError(
        f"Multiple exceptions: {one}, [Errno 111] Connect call failed ('::1', 1994, 0, 0)"
    )
    assert why(two) == why(one)
    far = OSError(errno.EHOSTUNREACH, "Connect call failed ('192.0.2.1', 993)")
    assert why(far) == "No route to host"
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert not why(unknown)
    assert not why(OSError("Multiple exceptions: [Errno 111] a, [Errno 113] b"))
