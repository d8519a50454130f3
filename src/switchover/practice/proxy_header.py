"""Reads the PROXY protocol header, versions 1 and 2, from a fresh connection.

Source: "The PROXY protocol", HAProxy Technologies, sections 2.1 and 2.2. The header is read byte
exact from the bare socket, because TLS or the protocol starts right behind it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    import socket

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LONGEST_LINE_BYTES = 107
_LARGEST_BLOCK_BYTES = 4096
_ADDRESS_BYTES = {0x11: 4, 0x21: 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxiedAddress:
    """Who connected to the proxy, and where, as the header of the given version says."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    version: int


def parse_line(line: bytes) -> ProxiedAddress | None:
    r"""Return the addresses of a version 1 line (``\r\n`` included), None for ``PROXY UNKNOWN``.

    Raises:
        InvalidInput: not a PROXY line.
    """
    words = line.decode("ascii", "replace").removesuffix("\r\n").split(" ")
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return None
    try:
        word, family, source, destination, source_port, destination_port = words
        known = word == "PROXY" and family in {"TCP4", "TCP6"}
        if not known:
            raise InvalidInput(f"no PROXY line: {line!r}")
        return ProxiedAddress(
            source=str(ipaddress.ip_address(source)),
            source_port=int(source_port),
            destination=str(ipaddress.ip_address(destination)),
            destination_port=int(destination_port),
            version=1,
        )
    except ValueError as error:
        raise InvalidInput(f"no PROXY line: {line!r}") from error


def parse_block(command: int, family: int, block: bytes) -> ProxiedAddress | None:
    """Return the addresses of a version 2 header, None for LOCAL or a family that is not TCP.

    Args:
        command: 13th byte of the header: version and command.
        family: 14th byte: address family and transport.
        block: the addresses and whatever type-length-value fields follow them.

    Raises:
        InvalidInput: wrong version, unknown command or too few bytes.
    """
    if command not in {0x20, 0x21}:
        raise InvalidInput(f"PROXY version 2 header with version and command {command:#04x}")
    size = _ADDRESS_BYTES.get(family)
    if command == 0x20 or size is None:
        return None
    if len(block) < 2 * size + 4:
        raise InvalidInput("PROXY version 2 header ends inside its addresses")
    source_port, destination_port = struct.unpack_from("!HH", block, 2 * size)
    return ProxiedAddress(
        source=str(ipaddress.ip_address(block[:size])),
        source_port=source_port,
        destination=str(ipaddress.ip_address(block[size : 2 * size])),
        destination_port=destination_port,
        version=2,
    )


async def receive(sock: socket.socket) -> ProxiedAddress | None:
    """Take the header off the non-blocking socket; not one byte more is consumed.

    Raises:
        InvalidInput: the peer did not start with a header. Close the connection, as Dovecot does.
        EOFError: the peer closed inside the header.
    """
    start = await _exactly(sock, len(SIGNATURE))
    if start == SIGNATURE:
        command, family, size = struct.unpack("!BBH", await _exactly(sock, 4))
        if size > _LARGEST_BLOCK_BYTES:
            raise InvalidInput(f"PROXY version 2 header of {size} bytes")
        return parse_block(command, family, await _exactly(sock, size))
    line = start
    if not line.startswith(b"PROXY "):
        raise InvalidInput("the connection does not start with a PROXY header")
    while not line.endswith(b"\r\n"):
        if len(line) >= LONGEST_LINE_BYTES:
            raise InvalidInput("PROXY line without end")
        line += await _exactly(sock, 1)
    return parse_line(line)


async def _exactly(sock: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    received = b""
    while len(received) < size:
        part = await loop.sock_recv(sock, size - len(received))
        if not part:
            raise EOFError("closed inside the PROXY header")
        received += part
    return received
