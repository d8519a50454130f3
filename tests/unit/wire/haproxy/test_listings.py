"""What the engine lists on demand: sessions, frontends, certificates, maps, lists."""

from __future__ import annotations

import time

import pytest

from switchover.errors import Corrupt
from switchover.wire.haproxy.listings import (
    FrontendState,
    parse_accepted,
    parse_authorities,
    parse_chain,
    parse_fingerprint,
    parse_frontends,
    parse_list,
    parse_map,
    parse_server_limits,
    parse_sessions,
)

SESSIONS = """\
0xf141d0: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0x1 age=0s calls=1
0x7f0c58042fb0: proto=tcpv4 src=127.0.0.1:42224 fe=web be=b srv=z2 ts=00 epoch=0x1 age=1h2m calls=2
0x7f0c58042fb1: proto=tcpv4 src=192.0.2.5:42225 fe=web be=<NONE> srv=<none> ts=00 epoch=0x1 age=0s
"""
# The columns of a 2.8.25 up to the status, and one behind it.
FRONTENDS = """\
# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight
web,FRONTEND,,,0,0,50,0,0,0,0,0,0,,,,,PAUSED,
imap,FRONTEND,,,0,0,9985,0,0,0,0,0,0,,,,,OPEN,

"""
CERTIFICATE = """\
Filename: certs/mail.pem
Status: Used
Serial: 4A81E446ADEE70046377A33645FA0EB33877FF59
SHA1 FingerPrint: 58018FA5088993EB7CA84C4F3E0A1B245B838317
Subject: /CN=mail.contoso.example
"""


def test_who_is_connected_where_is_told_without_our_own_sockets() -> None:
    first, second = parse_sessions(SESSIONS)
    assert (first.number, first.source, first.frontend, first.backend, first.server) == (
        "0x7f0c58042fb0", "127.0.0.1:42224", "web", "b", "z2",
    )  # fmt: skip
    assert (second.backend, second.server) == ("", "")


def test_the_moment_a_session_began_is_read_in_the_machines_own_time() -> None:
    text = "0x276ab280: [22/Nov/2026:23:18:59.672840] id=279 proto=tcpv4 source=127.0.0.1:52306\n"
    accepted = parse_accepted(text)
    assert accepted is not None
    local = time.localtime(accepted)
    assert time.strftime("%Y-%m-%d %H:%M:%S", local) == "2026-11-22 23:18:59"
    assert round(accepted % 1, 3) == 0.673


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Session not found",
        "0x1: [31/Feb/2026:23:18:59.6] id=1",
        "0x1: [01/Foo/2026:23:18:59.6]",
    ],
)
def test_a_session_that_has_ended_began_at_no_moment(text: str) -> None:
    assert parse_accepted(text) is None


def test_map_entries_come_in_order_with_doubles() -> None:
    text = "0xf354e0 a.example c\n0x1008e10 q.example c d\n0x1008f00 a.example\n"
    assert parse_map(text) == (("a.example", "c"), ("q.example", "c d"), ("a.example", ""))
    assert parse_map("") == ()


def test_a_list_keeps_its_order_and_its_equal_patterns() -> None:
    text = "0x55d0 192.0.2.0/24\n0x55d1 2001:db8::/32\n0x55d2 192.0.2.0/24\n\n"
    assert parse_list(text) == ("192.0.2.0/24", "2001:db8::/32", "192.0.2.0/24")
    assert parse_list("") == ()


def test_frontends_are_read_by_the_names_of_the_columns() -> None:
    assert parse_frontends(FRONTENDS) == (
        FrontendState("web", "PAUSED", 50),
        FrontendState("imap", "OPEN", 9985),
    )


@pytest.mark.parametrize(
    "text", ["", "Unknown command", FRONTENDS.replace("slim", "x"), "# pxname,status,slim\nweb"]
)
def test_what_is_no_list_of_frontends_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt):
        parse_frontends(text)


def test_a_certificates_fingerprint_is_read() -> None:
    assert parse_fingerprint(CERTIFICATE) == "58018fa5088993eb7ca84c4f3e0a1b245b838317"
    with pytest.raises(Corrupt):
        parse_fingerprint(
            "Can't display the certificate: Not found or the certificate is a bundle!"
        )


def test_the_names_of_a_chain_are_read_in_order() -> None:
    assert parse_chain(CERTIFICATE) == ()
    chain = "Chain Subject: /C=US/CN=b c\nChain Issuer: /CN=d\nChain Subject: /CN=d\n"
    assert parse_chain(CERTIFICATE + chain) == ("/C=US/CN=b c", "/CN=d")


def test_every_authority_of_a_file_is_read() -> None:
    another = CERTIFICATE.replace("58018FA5", "00018FA5")
    assert parse_authorities(CERTIFICATE + another) == {
        "58018fa5088993eb7ca84c4f3e0a1b245b838317",
        "00018fa5088993eb7ca84c4f3e0a1b245b838317",
    }
    assert parse_authorities("") == frozenset()


# The columns of a 2.8.25 up to the limit, and one behind it.
SERVERS = """\
# pxname,svname,qcur,qmax,scur,smax,slim,stot
web.owa,cas1,0,0,0,0,9,0
web.owa,cas2,0,0,0,0,,0

"""


def test_limits_of_servers_are_read_where_there_are_any() -> None:
    assert parse_server_limits(SERVERS) == {("web.owa", "cas1"): 9}


@pytest.mark.parametrize(
    "text",
    ["", "Unknown", SERVERS.replace("slim", "x"), SERVERS.replace(",9,", ",x,"), SERVERS + "a,b\n"],
)
def test_what_is_no_list_of_servers_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt):
        parse_server_limits(text)
