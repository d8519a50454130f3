"""What every page has: the frame, its parts for HTMX, headers, assets, errors, the door."""

from __future__ import annotations

import contextlib
import gzip
import re
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from tests.builders import farm, http_service
from tests.integration.edges.console.asgi import ask, console

from switchover.balance.work import searching
from switchover.directory.access.role import Role
from switchover.edges.console.access import Viewer
from switchover.edges.console.asset import shipped_assets
from switchover.errors import Conflict, InvalidInput, NotFound, Problem, Unavailable

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"


@pytest.fixture
def wish(monkeypatch: pytest.MonkeyPatch) -> None:
    """A farm with one service, as the latest revision says."""

    async def load(_parts: Any) -> Any:
        class Wish:
            balance = farm({"mail": http_service()})

        return Wish

    monkeypatch.setattr(searching, "load_wish", load)


def failing(error: Exception) -> FastAPI:
    """Return the application with a page that raises."""
    app = console()
    router = APIRouter()

    @router.get("/broken")
    async def broken(person: Viewer) -> None:
        raise error

    app.include_router(router)
    return app


@pytest.mark.parametrize("target", ["/help", "/nowhere", "/assets/nothing.css", "/api/v1/nothing"])
async def test_every_answer_tells_browsers_to_trust_nothing_else(target: str) -> None:
    answer = await ask(console(), target)
    assert answer.headers["content-security-policy"].startswith(POLICY)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers


async def test_a_page_obeys_its_own_content_policy() -> None:
    page = (await ask(console(), "/help")).text
    assert not re.search(r"<script(?![^>]* src=\"/assets/)", page)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", page)


async def test_a_page_is_whole_for_browsers_and_a_part_for_htmx() -> None:
    app = console()
    whole = (await ask(app, "/help")).text
    assert whole.startswith("<!doctype html>")
    part = (await ask(app, "/help", hx_request="true")).text
    assert "<h1>Help</h1>" in part
    assert "<html" not in part
    again = await ask(app, "/help", hx_request="true", hx_history_restore_request="true")
    assert again.text.startswith("<!doctype html>")


async def test_the_menu_has_what_the_role_opens_and_marks_where_one_is(wish: None) -> None:
    page = (await ask(console(Role.VIEWER), "/help")).text
    assert 'href="/services"' in page
    assert 'href="/accounts"' not in page
    assert 'href="/accounts"' in (await ask(console(), "/help")).text


async def test_the_token_of_forms_stands_in_forms_and_for_htmx() -> None:
    page = (await ask(console(), "/help")).text
    assert page.count('name="csrf" value="secret-of-the-form"') == page.count('method="post"')
    assert 'hx-headers=\'{"X-CSRF-Token": "secret-of-the-form"}\'' in page


async def test_nobody_who_is_not_signed_in_sees_a_page() -> None:
    answer = await ask(console(None), "/help")
    assert answer.status in {303, 401, 403}
    assert "States of a server" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8440", ""])
async def test_a_page_is_not_served_under_somebody_else_s_name(host: str) -> None:
    answer = await ask(console(), "/help", host=host)
    assert answer.status == 421
    assert "SWITCHOVER_PUBLIC_URL" in answer.text
    assert answer.headers["content-security-policy"].startswith(POLICY)


async def test_programs_may_use_any_name() -> None:
    assert (await ask(console(), "/api/v1/nothing", host="balancer")).status == 404


async def test_assets_are_kept_for_ever_because_their_names_change() -> None:
    url = shipped_assets().url("console.css")
    assert re.fullmatch(r"/assets/console\.[0-9a-f]{12}\.css", url)
    answer = await ask(console(None), url)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    small = await ask(console(None), url, accept_encoding="br, gzip")
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(small.content) == answer.content
    assert small.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "name", ["..%2fserver.py", "manifest.json", "console.css", "..%2f..%2fapp.py"]
)
async def test_nothing_but_assets_comes_out_of_their_folder(name: str) -> None:
    assert (await ask(console(), f"/assets/{name}")).status == 404


async def test_the_bundle_holds_htmx_and_the_licences_of_what_is_in_it() -> None:
    assets = shipped_assets()
    script = assets.files[assets.names["console.js"]].content
    assert b"htmx" in script
    assert b"EventSource" in script
    assert b"sourceMappingURL" not in script
    told = assets.files[assets.names["third-party.txt"]].content.decode()
    assert {"htmx.org", "uplot"} <= {line.split(" ")[0] for line in told.splitlines()}


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (NotFound("there is no server 'x<y'"), 404, "there is no server &#39;x&lt;y&#39;"),
        (Conflict("it changed"), 409, "it changed"),
        (Unavailable("the database is away"), 503, "Traffic goes on without it"),
        (InvalidInput("wrong", (Problem(message="no port", path="a.b"),)), 422, "a.b: no port"),
        (RuntimeError("password=hunter2"), 500, "A fault of switchover itself"),
    ],
)
async def test_an_error_is_a_page_for_people(error: Exception, status: int, words: str) -> None:
    answer = await ask(surviving(failing(error)), "/broken")
    assert answer.status == status
    assert answer.text.startswith("<!doctype html>")
    assert words in answer.text
    assert "hunter2" not in answer.text
    assert answer.headers["content-security-policy"].startswith(POLICY)


def surviving(app: FastAPI) -> Any:
    """Return the application behind a server that goes on after a fault, as servers do."""

    async def keep(scope: Any, receive: Any, send: Any) -> None:
        with contextlib.suppress(RuntimeError):
            await app(scope, receive, send)

    return keep


async def test_an_error_is_a_notice_for_htmx() -> None:
    answer = await ask(failing(Conflict("it changed")), "/broken", hx_request="true")
    assert answer.status == 409
    assert answer.headers["hx-retarget"] == "#notices"
    assert "<html" not in answer.text
    assert "it changed" in answer.text


async def test_errors_of_the_api_stay_problem_details() -> None:
    answer = await ask(console(), "/api/v1/nothing")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_pages_are_no_part_of_the_description_for_programs() -> None:
    assert all(path.startswith(("/api/", "/metrics")) for path in console().openapi()["paths"])


async def test_the_search_finds_services_and_servers_by_part_of_their_name(wish: None) -> None:
    app = console(balance=None)
    page = (await ask(app, "/search?q=CAS")).text
    assert 'href="/servers/cas1"' in page
    assert 'href="/servers/cas2"' in page
    assert 'href="/services/mail"' in (await ask(app, "/search?q=mail.contoso")).text
    assert "Nothing fits" in (await ask(app, "/search?q=%3Cscript%3E")).text
    assert "<script>" not in (await ask(app, "/search?q=%3Cscript%3E")).text
    assert "Nothing fits" not in (await ask(app, "/search")).text
    assert (await ask(app, "/search?q=%00")).status == 422


async def test_the_search_box_suggests_while_somebody_types(wish: None) -> None:
    keys = {"hx_request": "true", "hx_target": "suggestions"}
    part = (await ask(console(balance=None), "/search?q=cas", **keys)).text
    assert 'href="/servers/cas1"' in part
    assert "<h1>" not in part
    assert (
        "suggestions" not in (await ask(console(balance=None), "/search?q=")).text.split("<main")[1]
    )


async def test_there_is_nothing_to_find_before_the_first_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def load(_parts: Any) -> Any:
        raise NotFound("nothing was applied yet")

    monkeypatch.setattr(searching, "load_wish", load)
    assert "Nothing fits" in (await ask(console(balance=None), "/search?q=mail")).text


@pytest.mark.parametrize(
    ("back", "place"),
    [("/servers?q=a", "/servers?q=a"), ("https://evil.example/", "/"), ("//evil.example", "/")],
)
async def test_the_theme_is_kept_in_a_cookie_and_leads_back_to_the_page(
    back: str, place: str
) -> None:
    body = f"theme=dark&back={back}&csrf=secret-of-the-form".encode()
    answer = await ask(console(), "/theme", method="POST", body=body)
    assert (answer.status, answer.headers["location"]) == (303, place)
    assert answer.headers["set-cookie"].startswith("switchover-theme=dark;")
    page = (await ask(console(), "/help", cookie="switchover-theme=dark")).text
    assert 'data-theme="dark"' in page
    odd = (await ask(console(), "/help", cookie='switchover-theme="><script>')).text
    assert 'data-theme="auto"' in odd
