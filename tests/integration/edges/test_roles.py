"""Deny by default: every route with every role and with none, and the life of a token."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from functools import cache
from typing import Any, cast

import aiohttp
import psycopg
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from tests.integration.people import Page, add_person, browser, open_session
from tests.integration.processes import eventually
from tests.integration.suite import Suite
from yarl import URL

from switchover.app import Switchover
from switchover.directory.access.role import Role
from switchover.directory.access.session.session import form_token
from switchover.edges.api import server
from switchover.edges.api.access import least_role
from switchover.edges.api.server import OPEN_PATHS, create_app, list_routes
from switchover.edges.readers import is_for_programs
from switchover.errors import Corrupt

pytestmark = pytest.mark.xdist_group("edges")
RANK = {"nobody": -1, **{role.value: role.rank for role in Role}}
# What each path parameter may be so that only the role decides.
EXAMPLES = {
    "service": "web",
    "server": "cas1",
    "action": "resume",
    "number": "0",
    "older": "0",
    "newer": "0",
    "token_id": "none",
    "account": "nobody",
    "name": "nobody",
    "session": "none",
}
# Bodies of routes that do nothing with it; without a role they must not even be looked at.
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/revisions"): {"text": "", "dry_run": True},
    ("POST", "/api/v1/revisions/{number}/rollback"): {"dry_run": True},
    ("POST", "/api/v1/tokens"): {"name": "", "role": "viewer"},
    ("POST", "/api/v1/accounts"): {"name": "", "role": "viewer", "password": ""},
    ("PUT", "/api/v1/accounts/{account}/role"): {"role": "viewer"},
    ("PUT", "/api/v1/accounts/{account}/password"): {"password": "four words make it"},
    ("PUT", "/api/v1/servers/{server}/weight"): {"workload": "none"},
    ("PUT", "/api/v1/servers/{server}/advice"): {"workload": "none", "percent": 100},
}


@cache
def all_routes() -> list[tuple[str, APIRoute]]:
    return list_routes(create_app(cast("Switchover", None)))  # routes need nothing that runs


def cases() -> list[tuple[str, str]]:
    # HEAD is the same route as GET: the same dependency answers it.
    return [
        (method, path)
        for path, route in all_routes()
        for method in sorted(route.methods - {"HEAD"})
    ]


def role_of(method: str, path: str) -> Role | None:
    route = next(r for p, r in all_routes() if p == path and method in r.methods)
    return least_role(route)


@pytest.fixture
async def tokens(running: Suite) -> AsyncIterator[dict[str, str]]:
    """A token of each role, and "" for nobody."""
    made = {}
    for role in Role:
        made[role.value] = await running.post("/tokens", {"name": f"a {role}", "role": role.value})
    yield {"nobody": "", **{role: token["secret"] for role, token in made.items()}}
    for token in made.values():
        await running.api("DELETE", f"/tokens/{token['id']}")


def test_only_what_leads_to_a_session_is_open_and_every_other_path_names_its_role() -> None:
    found = {(method, path): role_of(method, path) for method, path in cases()}
    assert {path for (_, path), role in found.items() if role is None} == {
        "/api/v1/health",
        "/assets/{file}",
        "/first-run",
        "/sign-in",
        "/sign-in/code",
        "/sign-in/oidc",
        "/sign-in/oidc/callback",
    }
    assert len(found) > 60
    changing = {
        role for (method, path), role in found.items() if method != "GET" and is_for_programs(path)
    }
    assert changing == {Role.OPERATOR, Role.ADMIN}


def test_a_route_that_names_no_role_keeps_the_application_from_being_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    careless = APIRouter()
    careless.add_api_route("/secrets", lambda: {"some": "secret"})
    monkeypatch.setattr(server, "ROUTERS", (*server.ROUTERS, ("/api/v1", careless)))
    with pytest.raises(Corrupt, match="/api/v1/secrets names no role"):
        create_app(cast("Switchover", None))


def test_what_is_no_route_of_ours_keeps_the_application_from_being_trusted() -> None:
    app = create_app(cast("Switchover", None))
    app.mount("/files", create_app(cast("Switchover", None)))
    with pytest.raises(Corrupt, match="no route of ours"):
        list_routes(app)


@pytest.mark.parametrize(("method", "path"), [case for case in cases() if is_for_programs(case[1])])
async def test_a_route_opens_from_its_role_on_and_for_nobody_below(
    running: Suite, tokens: dict[str, str], method: str, path: str
) -> None:
    needed = role_of(method, path)
    target = with_examples(path)
    body = BODIES.get((method, path), {}) if method in {"POST", "PUT"} else None
    for holder, token in tokens.items():
        answer = await running.api(method, target.removeprefix("/api/v1"), body, token=token or "")
        if needed is None:
            assert answer.status == 200
        elif holder == "nobody":
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        elif RANK[holder] < needed.rank:
            assert answer.status == 403
            assert f"this needs {needed}" in answer.body["detail"]
        else:
            assert answer.status not in {401, 403, 500}, answer.body
        if answer.status >= 400:
            assert answer.content_type == "application/problem+json"


def with_examples(path: str) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: EXAMPLES[found[1]], path)


PAGES = [case for case in cases() if not is_for_programs(case[1]) and case[1] not in OPEN_PATHS]
"""All in one test for each role: what surrounds a test costs more than a look at a page."""


async def cookie_of(running: Suite, role: Role) -> str:
    return await open_session(running, await add_person(running, f"a-{role}", role))


async def test_without_a_session_every_page_leads_to_sign_in(running: Suite) -> None:
    for method, path in PAGES:
        page = await look(running, method, with_examples(path), "")
        answered = (page.status, page.location.split("?")[0])
        loses = method != "GET" and path != "/sign-out"
        assert answered == ((401, "") if loses else (303, "/sign-in")), (method, path)


@pytest.mark.parametrize("role", list(Role))
async def test_a_page_opens_from_its_role_on_and_for_nobody_below(
    running: Suite, role: Role
) -> None:
    secret = await cookie_of(running, role)
    for method, path in PAGES:
        needed = role_of(method, path)
        assert needed is not None
        page = await look(running, method, with_examples(path), secret)
        if not role.includes(needed):
            assert page.status == 403, (method, path)
            assert f"this needs {needed}" in page.words
        else:
            assert page.status not in {401, 403, 500}, (method, path, page.text)
            assert not page.location.startswith("/sign-in") or path == "/sign-out"
        if path == "/sign-out":
            secret = await cookie_of(running, role)


async def test_no_page_takes_a_form_from_elsewhere(running: Suite) -> None:
    secret = await cookie_of(running, Role.ADMIN)
    token = form_token(secret)
    for method, path in [case for case in cases() if not is_for_programs(case[1])]:
        if method == "GET":
            continue
        for headers in (
            {"Origin": "https://evil.contoso.example", "X-CSRF-Token": token},
            {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": token},
            {"X-CSRF-Token": form_token("another")},
            {},
        ):
            page = await look(running, method, with_examples(path), secret, headers)
            is_refused = (
                page.status == 403 or page.location == "/sign-in"
            )  # a first run that is over
            assert is_refused, (method, path, headers)


async def look(
    at: Suite, method: str, path: str, secret: str, headers: dict[str, str] | None = None
) -> Page:
    """Ask for a page with a session's cookie, and with its form token where none is given."""
    sent = {"X-CSRF-Token": form_token(secret)} if headers is None else headers
    async with browser(at, secret) as opened:
        return await opened.ask(method, path, headers=sent)


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer swo_",
        "Bearer swo_" + "a" * 43,
        "Basic YTpi",
        "bearer \u00e9",
    ],
)
async def test_what_is_no_valid_token_opens_nothing(running: Suite, shown: str) -> None:
    headers = {"Authorization": shown.encode("utf-8", "replace").decode("latin-1")} if shown else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{running.url}/api/v1/services", headers=headers) as answer,
    ):
        assert answer.status == 401


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/api/v1/../v1/services"])
async def test_there_is_no_other_door(running: Suite, path: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(URL(f"{running.url}{path}", encoded=True)) as answer,
    ):
        assert answer.status in {401, 404}


async def rows(at: Suite, statement: str) -> list[tuple[Any, ...]]:
    dsn = at.environment["SWITCHOVER_DATABASE_URL"]
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await connection.execute(statement.encode())
        return await found.fetchall() if found.description else []


async def test_a_token_is_shown_once_and_kept_as_a_hash(running: Suite) -> None:
    made = await running.post("/tokens", {"name": "once", "role": "viewer"})
    secret = made["secret"]
    assert re.fullmatch(r"swo_[A-Za-z0-9_-]{43}", secret)
    listed = await running.get("/tokens")
    assert secret not in str(listed)
    one = next(token for token in listed["tokens"] if token["id"] == made["id"])
    assert set(one) == set(made) - {"secret"}
    kept = await rows(running, f"select * from api_token where id = '{made['id']}'")
    assert hashlib.sha256(secret.encode()).hexdigest() in map(str, kept[0])
    assert secret not in str(kept)
    everything = await rows(running, "select row_to_json(t)::text from api_token t")
    assert secret not in str(everything)
    assert running.token not in str(everything)
    await running.api("DELETE", f"/tokens/{made['id']}")


async def test_a_revoked_token_is_worth_nothing_at_once(running: Suite) -> None:
    made = await running.post("/tokens", {"name": "short lived", "role": "viewer"})
    assert (await running.api("GET", "/status", token=made["secret"])).status == 200
    (await running.api("DELETE", f"/tokens/{made['id']}")).good()
    assert (await running.api("GET", "/status", token=made["secret"])).status == 401
    assert (await running.api("DELETE", f"/tokens/{made['id']}")).status == 404


async def test_a_token_expires(running: Suite) -> None:
    seconds = 1.5
    made = await running.post(
        "/tokens", {"name": "soon over", "role": "admin", "valid_days": seconds / 86400}
    )
    assert made["expires_at"] is not None
    assert (await running.api("GET", "/status", token=made["secret"])).status == 200

    async def is_over() -> bool:
        return (await running.api("GET", "/status", token=made["secret"])).status == 401

    await eventually(is_over, seconds=5)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "role": "root"},
        {"name": "", "role": "viewer"},
        {"name": "<script>", "role": "viewer"},
        {"name": "x" * 64, "role": "viewer"},
        {"name": "x", "role": "viewer", "valid_days": 0},
        {"name": "x", "role": "viewer", "valid_days": 1e9},
        {"name": "x", "role": "viewer", "valid_days": "NaN"},
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(running: Suite, body: dict[str, Any]) -> None:
    assert (await running.api("POST", "/tokens", body)).status == 422


async def test_the_author_of_a_change_is_the_token_s_name(
    running: Suite, tokens: dict[str, str]
) -> None:
    await running.post("/servers/cas1/drain", {"service": "imap"}, token=tokens["operator"])
    newest = await running.get("/revisions/0")
    assert (newest["author"], newest["verb"]) == ("a operator", "drain")
