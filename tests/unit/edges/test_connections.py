"""How many connections there may be, and how many of them one address may have."""

from __future__ import annotations

from pathlib import Path

from switchover.edges.connections import SPARE_FILES, Connections, most_files
from switchover.settings import Settings

SETTINGS = Settings(
    data_dir=Path("/var/lib/switchover"), user_id=0, api_connections=100,
    trusted_proxies=("192.0.2.7", "2001:db8:1::/48"),
)  # fmt: skip


def test_one_address_has_half_and_all_together_have_a_bound() -> None:
    known = Connections.of(SETTINGS, most_files=10_000)
    assert sum(known.enter("198.51.100.1") for _ in range(80)) == 50
    assert sum(known.enter(f"2001:db8::{number:x}") for number in range(80)) == 50
    assert not known.enter("198.51.100.2")
    known.leave("198.51.100.1")
    assert known.enter("198.51.100.2")
    assert known.open_now == 100


def test_a_trusted_proxy_has_them_all() -> None:
    for proxy in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1::5"):
        known = Connections.of(SETTINGS, most_files=10_000)
        assert sum(known.enter(proxy) for _ in range(120)) == 100
        for _ in range(100):
            known.leave(proxy)
        assert known.open_now == 0
    nameless = Connections.of(SETTINGS, most_files=10_000)
    assert sum(nameless.enter("") for _ in range(80)) == 50


def test_files_that_may_be_open_bound_connections_too() -> None:
    assert Connections.of(SETTINGS, most_files=SPARE_FILES + 40).most == 40
    assert Connections.of(SETTINGS, most_files=64).most == 16
    assert most_files() > SPARE_FILES
