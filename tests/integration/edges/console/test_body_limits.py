"""How much may be sent: little by anybody, files by who is signed in, and an answer that people can read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI, Request
from starlette.formparsers import FormParser, MultiPartParser
from tests.integration.edges.console.asgi import Answer, ask, console, signed_in

from switchover.directory.access.role import Role
from switchover.directory.access.session import work as sessions
from switchover.edges.api.limits import (
    MAX_ENCODED_BYTES,
    MAX_FORM_BYTES,
    SMALL_BYTES,
    takes_files,
)
from switchover.edges.api.server import create_app, list_routes
from switchover.edges.console import access
from switchover.edges.console.posted_form import read_posted
from switchover.edges.readers import is_for_programs
from switchover.errors import Unavailable

GOOD = "switchover=good"
PARTS = "multipart/form-data; boundary=b"


@pytest.fixture(autouse=True)
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One session is open; the list notes every form that was parsed, by its parser."""
    found: list[str] = []

    async def find_session(_parts: Any, secret: str, **_more: Any) -> Any:
        if secret == "away":
            raise Unavailable("the database does not answer")
        person = signed_in(Role.VIEWER)
        return (person.session, person.account) if secret == "good" else None

    async def note_refused(*_parts: Any, **_more: Any) -> None:
        pass

    monkeypatch.setattr(sessions, "find_session", find_session)
    monkeypatch.setattr(access, "note_refused", note_refused)
    for parser in (FormParser, MultiPartParser):
        monkeypatch.setattr(parser, "parse", noted(parser, found))
    return found


def noted(parser: Any, found: list[str]) -> Any:
    whole = parser.parse

    async def parse(self: Any) -> Any:
        form = await whole(self)
        found.append(parser.__name__)
        return form

    return parse


def bare() -> FastAPI:
    """Return the application as it is: sessions are asked for."""
    return console(None, database=SimpleNamespace(is_answering=True))


async def post(path: str, body: bytes, **headers: str) -> Answer:
    return await ask(bare(), path, method="POST", body=body, **headers)


@pytest.mark.parametrize(
    "cookie", ["", "switchover=x", "x=switchover=x", "__Host-switchover=x", GOOD]
)
@pytest.mark.parametrize(
    "path", ["/sign-in", "/account/password", "/services/mail/remove", "/nowhere"]
)
async def test_no_form_is_large_whoever_sends_it(path: str, cookie: str, parsed: list[str]) -> None:
    answer = await post(path, b"x" * (SMALL_BYTES + 1), cookie=cookie)
    assert (answer.status, parsed) == (413, [])
    assert "65,536 bytes" in answer.text


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", PARTS])
@pytest.mark.parametrize("cookie", ["", "switchover=x"])
@pytest.mark.parametrize("path", ["/platform-file", "/add-service", "/servers/cas1/edit"])
async def test_a_cookie_that_is_no_session_opens_no_way_for_files(
    path: str, cookie: str, kind: str, parsed: list[str]
) -> None:
    answer = await post(path, b"x" * (SMALL_BYTES + 1), cookie=cookie, content_type=kind)
    assert (answer.status, parsed) == (413, [])
    assert "sign in in another tab" in answer.text


@pytest.mark.parametrize(
    ("kind", "most"),
    [("application/x-www-form-urlencoded", MAX_ENCODED_BYTES), (PARTS, MAX_FORM_BYTES)],
)
async def test_files_are_bounded_too(kind: str, most: int, parsed: list[str]) -> None:
    answer = await post("/platform-file", b"x" * (most + 1), cookie=GOOD, content_type=kind)
    assert (answer.status, parsed) == (413, [])
    assert f"{most:,} bytes" in answer.text


async def test_a_large_form_is_not_read_before_the_role_is_known(parsed: list[str]) -> None:
    answer = await post("/platform-file", b"x" * (SMALL_BYTES + 1), cookie=GOOD)
    assert (answer.status, parsed) == (403, [])


async def test_while_nobody_can_tell_who_sends_it_nothing_large_is_read(parsed: list[str]) -> None:
    answer = await post("/platform-file", b"x" * (SMALL_BYTES + 1), cookie="switchover=away")
    assert (answer.status, parsed) == (503, [])
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("path", ["/sign-in", "/theme"])
async def test_fields_are_counted_empty_ones_too(path: str, parsed: list[str]) -> None:
    answer = await post(path, b"&" * 1000)
    assert (answer.status, parsed) == (413, [])
    assert "1,000 fields" in answer.text


async def test_files_are_read_only_where_a_form_takes_them(parsed: list[str]) -> None:
    answer = await post("/sign-in", b"--b--", content_type=PARTS)
    assert (answer.status, parsed) == (415, [])


async def test_people_read_a_page_and_programs_a_problem() -> None:
    body = b"x" * (SMALL_BYTES + 1)
    page = await post("/sign-in", body)
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>That is too large</h1>" in page.text
    assert "connection" not in page.headers
    part = await post("/sign-in", body, hx_request="true")
    assert (part.status, part.headers["hx-retarget"]) == (413, "#notices")
    told = await post("/api/v1/plan", body)
    assert (told.status, told.headers["content-type"]) == (401, "application/problem+json")
    assert told.headers["www-authenticate"] == "Bearer"


async def test_who_announces_far_too_much_is_not_listened_to() -> None:
    answer = await post("/sign-in", b"x", content_length="1000000000000")
    assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("path", ["/sign-in", "/platform-file"])
async def test_a_body_that_does_not_tell_its_length_is_answered_at_the_limit(path: str) -> None:
    answer = await ask(bare(), path, method="POST", chunks=[b"x" * 40_000] * 2, cookie=GOOD)
    assert answer.status == (413 if path == "/sign-in" else 403)
    assert answer.headers["content-type"].startswith("text/html")


def test_no_form_that_takes_files_is_read_before_the_session_is_found() -> None:
    large = set()
    for path, route in list_routes(create_app(cast("Any", None))):
        if "POST" in route.methods and not is_for_programs(path) and takes_files(path):
            large.add(path)
            # With a parameter of its own FastAPI would read the form before any dependency.
            assert route.body_field is None, path
    assert large == {
        "/platform-file",
        "/add-service",
        "/add-server",
        "/service-comparison",
        "/services/{service}/edit",
        "/servers/{server}/edit",
    }


async def test_a_service_with_thousands_of_servers_fits_into_a_form() -> None:
    body = b"&".join(b"weight.cas%d=1" % number for number in range(4000))
    kind = [(b"content-type", b"application/x-www-form-urlencoded")]

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request({"type": "http", "headers": kind}, receive)
    values = await read_posted(request, signed_in(Role.ADMIN))
    assert values.get("weight.cas3999") == "1"
