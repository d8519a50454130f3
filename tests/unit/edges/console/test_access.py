"""What a request tells of its browser: TLS or not, the origin of a form, a proxy nobody named."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from switchover.app import Switchover
from switchover.directory.access.role import Door
from switchover.directory.audit.entry import Entry
from switchover.edges.console import access
from switchover.errors import Refused
from switchover.settings import Settings

PUBLIC = "https://console.contoso.example"


def request(
    *,
    public_url: str | None = PUBLIC,
    trusted: tuple[str, ...] = (),
    scheme: str = "http",
    **headers: str,
) -> Request:
    settings = Settings(
        data_dir=Path("/var/lib/switchover"),
        user_id=0,
        public_url=public_url,
        trusted_proxies=trusted,
    )
    state = SimpleNamespace(switchover=SimpleNamespace(settings=settings))
    return Request(
        {
            "type": "http",
            "method": "POST",
            "scheme": scheme,
            "path": "/sign-in",
            "query_string": b"",
            "client": ("192.0.2.7", 4711),
            "headers": [
                (name.replace("_", "-").lower().encode(), value.encode())
                for name, value in headers.items()
            ],
            "app": SimpleNamespace(state=state),
        }
    )


@pytest.mark.parametrize(
    ("scheme", "public_url", "host", "is_secure"),
    [
        ("https", None, "127.0.0.1:8440", True),
        ("http", PUBLIC, "console.contoso.example", True),
        ("http", PUBLIC, "Console.Contoso.Example", True),
        ("http", PUBLIC, "127.0.0.1:8440", False),
        ("http", PUBLIC, "console.contoso.example:8440", False),
        ("http", "http://console.contoso.example", "console.contoso.example", False),
        ("http", None, "console.contoso.example", False),
    ],
)
def test_cookies_are_for_tls_alone_where_the_browser_has_it(
    scheme: str, public_url: str | None, host: str, *, is_secure: bool
) -> None:
    asked = request(public_url=public_url, scheme=scheme, host=host)
    answer = Response()
    access.give_cookie(asked, answer, access.COOKIE, "secret")
    given = answer.headers["Set-Cookie"]
    assert given.startswith("__Host-switchover=" if is_secure else "switchover=")
    assert ("; Secure" in given) is is_secure


def test_an_origin_that_is_not_ours_is_named_with_the_setting_that_mends_it() -> None:
    strange = request(host="backend:8440", origin="https://desk.contoso.example")
    fault = access.origin_fault(strange) or ""
    assert "'https://desk.contoso.example'" in fault
    assert f"http://backend:8440 or {PUBLIC}" in fault
    assert "SWITCHOVER_PUBLIC_URL" in fault
    assert len(access.origin_fault(request(host="x" * 9000, origin="y" * 9000)) or "") < 1000
    for ours in (
        request(host="h", origin="http://h"),
        request(origin=PUBLIC),
        request(origin="null"),
        request(),
    ):
        assert access.origin_fault(ours) is None


@pytest.mark.parametrize("origin", [PUBLIC, "https://desk.contoso.example"])
async def test_a_refused_form_of_somebody_without_a_session_is_recorded(origin: str) -> None:
    noted: list[tuple[Entry, bool]] = []

    async def note(entry: Entry, *, is_known: bool) -> None:
        noted.append((entry, is_known))

    suite = cast("Switchover", SimpleNamespace(refusals=SimpleNamespace(note=note)))
    with pytest.raises(Refused) as refused:
        await access.require_visitor_form(
            request(origin=origin, sec_fetch_site="same-origin", x_csrf_token="wrong"),
            suite,
            "secret",
        )
    [(entry, is_known)] = noted
    # Its address is what the flood guard counts: it proved nothing else.
    assert (entry.actor, entry.address, is_known) == ("unknown", "192.0.2.7", False)
    assert (entry.action, entry.subject) == ("access.refused", "POST /sign-in")
    assert (entry.origin, entry.reason) == (Door.CONSOLE, str(refused.value))
    assert ("SWITCHOVER_PUBLIC_URL" in entry.reason) is (origin != PUBLIC)


def test_a_proxy_that_is_not_trusted_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    access.visitor_of(request())
    access.visitor_of(request(trusted=("192.0.2.7",), x_forwarded_for="198.51.100.9"))
    assert caplog.messages == []
    forwarded = request(x_forwarded_for="198.51.100.9\nforged")
    for _ in range(3):
        assert access.visitor_of(forwarded).address == "192.0.2.7"
    assert len(caplog.messages) == 1
    assert "192.0.2.7" in caplog.messages[0]
    assert "SWITCHOVER_TRUSTED_PROXIES" in caplog.messages[0]
    assert "198.51.100.9" not in caplog.messages[0]
