from __future__ import annotations

from pathlib import Path

import pytest

from switchover.edges.console.door import CONTENT_POLICY, is_our_host, own_names
from switchover.settings import ListenAddress, Settings


def settings(host: str = "127.0.0.1", public: str | None = None) -> Settings:
    address = ListenAddress(host=host, port=8440)
    return Settings(data_dir=Path("/var/lib/switchover"), user_id=0, api=address, public_url=public)


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8440", "LOCALHOST:1", "127.0.0.1:8440", "[::1]:8440", "192.0.2.4"],
)
def test_loopback_and_addresses_are_always_ours(host: str) -> None:
    assert is_our_host(host, own_names(settings()))


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "a@localhost@b",
        "[::1",
        ":8440",
        "a b",
    ],
)
def test_a_name_that_nobody_gave_us_is_not_ours(host: str) -> None:
    assert not is_our_host(host, own_names(settings()))


def test_the_name_of_the_public_url_is_ours_with_any_port_and_case() -> None:
    names = own_names(settings(public="https://Balancer.contoso.example:9443"))
    assert is_our_host("balancer.contoso.example", names)
    assert is_our_host("balancer.CONTOSO.example.:9443", names)
    assert not is_our_host("contoso.example", names)


def test_the_name_we_listen_on_is_ours() -> None:
    assert is_our_host("lb1.contoso.example:8440", own_names(settings(host="lb1.contoso.example")))


def test_the_content_policy_lets_nothing_in_from_elsewhere() -> None:
    parts = dict(part.split(" ", 1) for part in CONTENT_POLICY.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == parts["style-src"] == "'self'"
    assert parts["frame-ancestors"] == parts["base-uri"] == "'none'"
    assert "unsafe" not in CONTENT_POLICY
