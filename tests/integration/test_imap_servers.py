"""The servers of the tests: each kind starts, signs in, stores, comes back, and leaves nothing behind."""

from __future__ import annotations

import imaplib

import pytest
from tests.integration.imap_servers import ImapServer, Kind, imap_server


def sign_in(server: ImapServer, user: str = "") -> imaplib.IMAP4:
    connection = imaplib.IMAP4(server.address, server.port, timeout=20)
    response = f"\0{user or server.user}\0{server.password}".encode()
    connection.authenticate("PLAIN", lambda _: response)
    return connection


@pytest.mark.parametrize("kind", Kind)
def test_a_server_of_each_kind_keeps_its_mail_over_a_restart_and_a_kill(kind: Kind) -> None:
    with imap_server(kind, ["ann@contoso.example", "bob"]) as server:
        for user in server.users:
            with sign_in(server, user) as connection:
                answer, _ = connection.append("INBOX", "", "", b"Subject: x\r\n\r\nx\r\n")
                assert answer == "OK"
        for end in (server.stop, server.kill):
            end()
            with pytest.raises(OSError, match="refused"):
                sign_in(server)
            server.start()
            for user in server.users:
                with sign_in(server, user) as connection:
                    assert connection.select()[1] == [b"1"]
    with pytest.raises(OSError, match="refused"):
        sign_in(server)
