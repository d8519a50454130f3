from __future__ import annotations

import ipaddress
import struct

import pytest

from switchover.errors import InvalidInput
from switchover.practice.proxy_header import ProxiedAddress, parse_block, parse_line


def test_a_version_1_line_names_both_ends() -> None:
    line = b"PROXY TCP4 192.0.2.7 203.0.113.10 51234 443\r\n"
    assert parse_line(line) == ProxiedAddress(
        source="192.0.2.7",
        source_port=51234,
        destination="203.0.113.10",
        destination_port=443,
        version=1,
    )


def test_a_version_1_line_carries_ipv6() -> None:
    found = parse_line(b"PROXY TCP6 2001:db8::7 2001:db8::1 5 6\r\n")
    assert found is not None
    assert found.source == "2001:db8::7"


def test_the_proxys_own_connections_have_no_client() -> None:
    assert parse_line(b"PROXY UNKNOWN\r\n") is None
    assert parse_line(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n") is None
    assert parse_block(0x20, 0x11, b"") is None


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY\r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n",
        b"PROXY TCP4 nobody 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 one 2\r\n",
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_a_bad_line_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidInput, match="no PROXY line"):
        parse_line(line)


def block(source: str, destination: str) -> bytes:
    ends = [ipaddress.ip_address(text).packed for text in (source, destination)]
    return b"".join(ends) + struct.pack("!HH", 51234, 993)


@pytest.mark.parametrize(
    ("family", "source", "destination"),
    [(0x11, "192.0.2.7", "203.0.113.10"), (0x21, "2001:db8::7", "2001:db8::1")],
)
def test_a_version_2_block_names_both_ends(family: int, source: str, destination: str) -> None:
    extra_fields = b"\x20\x00\x05abcde"
    assert parse_block(0x21, family, block(source, destination) + extra_fields) == ProxiedAddress(
        source=source,
        source_port=51234,
        destination=destination,
        destination_port=993,
        version=2,
    )


def test_an_unknown_family_has_no_client() -> None:
    assert parse_block(0x21, 0x31, bytes(216)) is None


def test_a_bad_block_is_refused() -> None:
    with pytest.raises(InvalidInput, match="command"):
        parse_block(0x11, 0x11, bytes(12))
    with pytest.raises(InvalidInput, match="inside its addresses"):
        parse_block(0x21, 0x21, bytes(12))
