"""The names people reach us by are the same for the certificate, the check of the host and the log."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from switchover.edges import own_names
from switchover.edges.console.door import is_our_host
from switchover.edges.own_names import (
    address_to_open,
    is_public_with_tls,
    machine_names,
    names_of,
    usable_name,
)
from switchover.settings import ListenAddress, Settings

MACHINE = ("mail1.contoso.example", "mail1")


def settings(host: str, public: str | None = None) -> Settings:
    address = ListenAddress(host=host, port=8440)
    return Settings(data_dir=Path("/var/lib/switchover"), user_id=0, api=address, public_url=public)


@pytest.mark.parametrize(
    ("host", "public", "names", "opened"),
    [
        ("127.0.0.1", None, ("127.0.0.1", "localhost"), "http://127.0.0.1:8440"),
        ("0.0.0.0", None, (*MACHINE, "localhost"), "https://mail1.contoso.example:8440"),
        ("::", None, (*MACHINE, "localhost"), "https://mail1.contoso.example:8440"),
        ("2001:db8::5", None, (*MACHINE, "2001:db8::5", "localhost"), "https://[2001:db8::5]:8440"),
        (
            "192.0.2.5",
            "https://console.contoso.example",
            ("console.contoso.example", *MACHINE, "192.0.2.5", "localhost"),
            "https://console.contoso.example",
        ),
    ],
)  # fmt: skip
def test_where_others_can_connect_the_machine_s_own_names_are_ours(
    host: str, public: str | None, names: tuple[str, ...], opened: str
) -> None:
    assert names_of(settings(host, public), MACHINE) == names
    assert address_to_open(settings(host, public), 8440, MACHINE) == opened
    assert all(
        is_our_host(f"[{name}]" if ":" in name else name, names_of(settings(host, public), MACHINE))
        for name in names
    )


def test_a_machine_without_a_name_is_reached_by_localhost() -> None:
    assert address_to_open(settings("0.0.0.0"), 8440, ()) == "https://localhost:8440"


@pytest.mark.parametrize(
    ("given", "usable"),
    [
        ("Mail1.Contoso.example.", "mail1.contoso.example"),
        ("bücher.contoso.example", "xn--bcher-kva.contoso.example"),
        ("localhost.localdomain", ""),
        ("ip6-loopback", ""),
        ("5.2.0.192.in-addr.arpa", ""),
        ("x" * 64 + ".contoso.example", ""),
        ("", ""),
    ],
)
def test_only_what_can_stand_in_a_certificate_is_a_name(given: str, usable: str) -> None:
    assert usable_name(given) == usable


def test_a_public_url_with_https_tells_that_the_browser_has_tls() -> None:
    of_url = settings("127.0.0.1", "https://console.contoso.example:9443")
    assert is_public_with_tls(of_url, "Console.contoso.example:9443")
    assert not is_public_with_tls(of_url, "console.contoso.example")
    assert not is_public_with_tls(settings("127.0.0.1"), "")


def test_the_machine_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "getfqdn", lambda: asked.append("fqdn") or MACHINE[0])
    monkeypatch.setattr(socket, "gethostname", lambda: MACHINE[1])
    own_names.machine_names.cache_clear()
    try:
        assert machine_names() == machine_names() == MACHINE
        assert names_of(settings("0.0.0.0")) == (*MACHINE, "localhost")
        assert asked == ["fqdn"]
    finally:
        own_names.machine_names.cache_clear()
