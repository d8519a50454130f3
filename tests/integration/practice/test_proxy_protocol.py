from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from tests.integration.practice.asking import NAME, everything_free, farm_of

from switchover.practice.farm import PracticeServer
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.practice.proxy_header import SIGNATURE

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.practice.farm import Farm

LINE = b"PROXY TCP4 192.0.2.7 203.0.113.10 51234 443\r\n"
ADDRESSES = socket.inet_aton("192.0.2.7") + socket.inet_aton("203.0.113.10")
BLOCK = SIGNATURE + b"\x21\x11" + struct.pack("!H", 12) + ADDRESSES + struct.pack("!HH", 51234, 443)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def behind_a_proxy(directory: Path) -> Farm:
    ports = everything_free("https", "imap")
    demands = frozenset({"https", "imap"})
    return farm_of(directory, PracticeServer(name="cas1", ports=ports, proxy_protocol=demands))


async def greeting(farm: Farm, sent: bytes) -> bytes:
    place = farm.servers["cas1"]
    reader, writer = await asyncio.open_connection(place.address, place.ports["imap"])
    writer.write(sent)
    try:
        async with asyncio.timeout(1):
            return await reader.readline()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("header", "client"), [(LINE, b"192.0.2.7"), (BLOCK, b"192.0.2.7"), (LOCAL, b"127.0.0.1")]
)
async def test_the_client_is_the_one_the_header_names(
    tmp_path: Path, header: bytes, client: bytes
) -> None:
    async with behind_a_proxy(tmp_path) as farm:
        assert b"client=" + client in await greeting(farm, header)


async def test_a_header_before_tls_is_taken_off_byte_exact(tmp_path: Path) -> None:
    async with behind_a_proxy(tmp_path) as farm:
        place = farm.servers["cas1"]
        for version, header in ((1, LINE), (2, BLOCK)):
            reader, writer = await asyncio.open_connection(place.address, place.ports["https"])
            writer.write(header)
            await writer.start_tls(client_tls(farm.ca_path), server_hostname=NAME)
            connection = HttpConnection(reader, writer, NAME)
            facts = json.loads((await connection.request("GET", "/owa/")).body)
            assert (facts["client"], facts["proxied"]) == ("192.0.2.7", "192.0.2.7:51234")
            assert facts["proxy_version"] == version
            await connection.close()


async def test_a_header_in_single_bytes_is_understood(tmp_path: Path) -> None:
    async with behind_a_proxy(tmp_path) as farm:
        place = farm.servers["cas1"]
        reader, writer = await asyncio.open_connection(place.address, place.ports["imap"])
        for byte in BLOCK:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.001)
        assert b"client=192.0.2.7" in await reader.readline()
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"a1 NOOP\r\na2 NOOP\r\n",
        b"PROXY " + b"x" * 200,
        b"PROXY TCP4 x y 1 2\r\n",
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
async def test_who_brings_no_header_is_shown_out(tmp_path: Path, sent: bytes) -> None:
    async with behind_a_proxy(tmp_path) as farm:
        # A reset instead of an end: the rest of what was sent was never read.
        with contextlib.suppress(ConnectionResetError):
            assert await greeting(farm, sent) == b""
