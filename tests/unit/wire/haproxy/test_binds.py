"""Which addresses a configuration would listen on."""

from __future__ import annotations

from switchover.wire.haproxy.binds import ListenAddress, configured_listens

CONFIGURATION = """\
global
    stats socket /run/admin.sock
frontend a
    bind 192.0.2.1:443 ssl crt mail.pem
    bind [2001:db8::1]:993,192.0.2.2:993
    bind *:80
    bind :8080 transparent
    bind unix@/run/x.sock
    bind abns@sorry
    # bind 192.0.2.3:25
    use_backend bind if { path bind }
"""


def test_every_tcp_address_is_found_with_its_line() -> None:
    assert configured_listens(CONFIGURATION) == (
        ListenAddress(address="192.0.2.1", port=443, line=4),
        ListenAddress(address="2001:db8::1", port=993, line=5),
        ListenAddress(address="192.0.2.2", port=993, line=5),
        ListenAddress(address="0.0.0.0", port=80, line=6),
        ListenAddress(address="0.0.0.0", port=8080, line=7, may_be_foreign=True),
    )


def test_a_file_that_listens_nowhere_has_none() -> None:
    assert configured_listens("bind\nglobal\n") == ()
