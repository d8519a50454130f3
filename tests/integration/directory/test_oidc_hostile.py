"""A provider that lies, or somebody who speaks in its place: a double, because no real provider does this."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.integration.processes import loopback

from switchover import clock
from switchover.directory.access.account.work.parts import AccessParts
from switchover.directory.access.oidc import work
from switchover.directory.access.oidc.entrance import enter_provided
from switchover.directory.access.oidc.patience import FAILED_SECONDS, MOST_WAITING
from switchover.directory.access.oidc.work import IdentityProvider
from switchover.directory.access.session.session import Limits, Visitor
from switchover.directory.access.sign_in.outcome import Denied, Opened, SignIn
from switchover.directory.access.sign_in.throttle import Kind
from switchover.directory.audit.work import Refusals
from switchover.errors import Refused, Unavailable
from switchover.settings import read_settings
from switchover.store.pool import Database
from switchover.store.seal import Sealer

KEY = RSAKey.generate_key(2048, {"kid": "one"})
NEWER = RSAKey.generate_key(2048, {"kid": "two"})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def shared(claims: dict[str, Any], secret: bytes) -> str:
    """Return a token that is signed with a secret."""
    head = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims)}"
    digest = hmac.digest(secret, head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


@dataclass
class Double:
    """Answers as a provider does; ``token`` makes the ID token of what should stand in it."""

    issuer: str = ""
    nonce: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    keys: list[RSAKey] = field(default_factory=lambda: [KEY])
    token: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "one"}, claims, KEY
    )
    user_info: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    padding: int = 0
    asked: int = 0
    is_hanging: bool = False

    def claims(self) -> dict[str, Any]:
        now = int(clock.now().timestamp())
        return {
            "iss": self.issuer, "sub": "ada-1", "aud": "switchover", "iat": now, "exp": now + 60,
            "nonce": self.nonce, "groups": ["mail-admins"],
        }  # fmt: skip

    async def describe(self, request: web.Request) -> web.Response:
        self.asked += 1
        while self.is_hanging:
            await asyncio.sleep(0.02)
        found = {
            "issuer": self.issuer,
            **{name: f"{self.issuer}/{name}" for name in (
                "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint",
            )},
            "padding": "x" * self.padding,
        }  # fmt: skip
        return web.json_response({**found, **self.document}, status=self.status)

    async def publish(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys]})

    async def hand_out(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"access_token": "at", "id_token": self.token(self.claims())})

    async def inform(self, request: web.Request) -> web.Response:
        return web.json_response(self.user_info)

    async def lead_on(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data")


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    answers = Double()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", answers.describe)
    app.router.add_get("/jwks_uri", answers.publish)
    app.router.add_post("/token_endpoint", answers.hand_out)
    app.router.add_get("/userinfo_endpoint", answers.inform)
    app.router.add_get("/elsewhere", answers.lead_on)
    host = loopback()
    answers.issuer = f"http://{host}:8080"
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, host, 8080).start()
    yield answers
    await runner.cleanup()


def provider_of(double: Double, tmp_path: Path) -> IdentityProvider:
    settings = read_settings(
        {
            "HOME": "/root",
            "SWITCHOVER_PUBLIC_URL": "http://127.0.0.1:8440",
            "SWITCHOVER_OIDC_ISSUER": double.issuer,
            "SWITCHOVER_OIDC_CLIENT_ID": "switchover",
            "SWITCHOVER_OIDC_ADMIN_GROUPS": "mail-admins",
        }
    ).oidc
    assert settings is not None
    return IdentityProvider(settings, Sealer.open(tmp_path / "secret.key"))


async def enter(provider: IdentityProvider, double: Double) -> Any:
    address, cookie = await provider.begin("/")
    asked = {key: value[0] for key, value in parse_qs(urlsplit(address).query).items()}
    double.nonce = double.nonce or asked["nonce"]
    return await provider.redeem(
        *await provider.take({"state": asked["state"], "code": "c"}, cookie)
    )


async def test_an_honest_double_is_believed(double: Double, tmp_path: Path) -> None:
    identity = await enter(provider_of(double, tmp_path), double)
    assert (identity.subject, identity.groups) == ("ada-1", ("mail-admins",))


LIES: dict[str, Callable[[dict[str, Any]], str]] = {
    "alg none": lambda claims: f"{part({'alg': 'none', 'kid': 'one'})}.{part(claims)}.",
    "HS256 with the public key": lambda claims: shared(claims, KEY.as_pem(private=False)),
    "HS256 with the client id": lambda claims: shared(claims, b"switchover"),
    "another issuer": lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "one"}, {**claims, "iss": "https://evil.example"}, KEY
    ),
    "another nonce": lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "one"}, {**claims, "nonce": "replayed"}, KEY
    ),
    "another client": lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "one"}, {**claims, "aud": "another"}, KEY
    ),
    "an unknown key": lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, NEWER),
    "no token": lambda claims: "",
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_not_believed(double: Double, tmp_path: Path, lie: str) -> None:
    double.token = LIES[lie]
    # What the provider says it signs with widens nothing.
    double.document = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    with pytest.raises(Refused):
        await enter(provider_of(double, tmp_path), double)


async def test_a_provider_that_calls_itself_otherwise_is_refused(
    double: Double, tmp_path: Path
) -> None:
    double.document = {"issuer": "https://evil.example"}
    with pytest.raises(Refused, match="calls itself"):
        await provider_of(double, tmp_path).begin("/")


async def test_new_keys_are_fetched_when_a_token_names_one(double: Double, tmp_path: Path) -> None:
    provider = provider_of(double, tmp_path)
    await enter(provider, double)
    double.keys, double.nonce = [NEWER], ""
    double.token = lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, NEWER)
    with pytest.raises(Refused, match="does not publish"):
        await enter(
            provider, double
        )  # fetched a moment ago: strangers do not make us fetch at will
    provider._keys_at -= 31.0
    double.nonce = ""
    assert (await enter(provider, double)).subject == "ada-1"


async def test_user_info_of_somebody_else_gives_no_groups(double: Double, tmp_path: Path) -> None:
    double.token = lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "one"}, {k: v for k, v in claims.items() if k != "groups"}, KEY
    )
    double.user_info = {"sub": "eve", "groups": ["mail-admins"]}
    assert (await enter(provider_of(double, tmp_path), double)).groups == ()
    double.user_info["sub"], double.nonce = "ada-1", ""
    assert (await enter(provider_of(double, tmp_path), double)).groups == ("mail-admins",)


async def test_no_redirect_is_followed_and_no_answer_read_without_end(
    double: Double, tmp_path: Path
) -> None:
    double.document = {"jwks_uri": f"{double.issuer}/elsewhere"}
    with pytest.raises(Unavailable, match="answers 302"):
        await enter(provider_of(double, tmp_path), double)
    double.padding = 2 * 1024 * 1024
    with pytest.raises(Refused, match="too long"):
        await provider_of(double, tmp_path).begin("/")


async def test_a_provider_that_is_away_is_told_with_what_to_do(
    double: Double, tmp_path: Path
) -> None:
    double.status = 500
    with pytest.raises(Unavailable, match="answers 500"):
        await provider_of(double, tmp_path).begin("/")
    double.issuer = f"http://{loopback()}:9"
    with pytest.raises(Unavailable, match="sign in with a local account"):
        await provider_of(double, tmp_path).begin("/")


@pytest.mark.parametrize("cookie", ["", "AAAA", "ä", "x" * 5000])
async def test_a_cookie_that_is_not_ours_is_refused(
    double: Double, tmp_path: Path, cookie: str
) -> None:
    with pytest.raises(Refused, match="Sign in anew"):
        await provider_of(double, tmp_path).take({"state": "s", "code": "c"}, cookie)


async def test_people_do_not_wait_in_a_row_for_a_provider_that_hangs(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ANSWER_SECONDS", 0.3)
    double.is_hanging = True
    provider = provider_of(double, tmp_path)
    found = await asyncio.gather(
        *(provider.begin("/") for _ in range(MOST_WAITING + 5)), return_exceptions=True
    )
    assert {type(one) for one in found} == {Unavailable}
    assert sum("too many people" in str(one) for one in found) == 5
    with pytest.raises(Unavailable, match="does not answer"):
        await provider.begin("/")
    assert double.asked == 1
    double.is_hanging = False
    monkeypatch.setattr(clock, "monotonic", lambda: time.monotonic() + FAILED_SECONDS)
    await provider.begin("/")


def parts_of(database: Database, tmp_path: Path) -> AccessParts:
    return AccessParts(
        database=database,
        sealer=Sealer.open(tmp_path / "secret.key"),
        limits=Limits(idle=timedelta(minutes=30), absolute=timedelta(hours=12)),
        refusals=Refusals(database),
    )


HERE = Visitor(address="192.0.2.1")


async def come_back(
    parts: AccessParts, provider: IdentityProvider, double: Double | None = None
) -> SignIn:
    """Go to the provider and come back with a code; with the double, whose token fits then."""
    address, cookie = await provider.begin("/")
    asked = {key: value[0] for key, value in parse_qs(urlsplit(address).query).items()}
    if double is not None:
        double.nonce = asked["nonce"]
    answer = {"state": asked["state"], "code": "made up"}
    return (await enter_provided(parts, provider, answer, cookie, HERE))[0]


async def test_answers_without_a_sign_in_of_the_browser_shut_nobody_out(
    double: Double, tmp_path: Path, database: Database
) -> None:
    provider, parts = provider_of(double, tmp_path), parts_of(database, tmp_path)
    _, cookie = await provider.begin("/")
    for cookie_shown in [""] * 30 + [cookie] * 30:
        answer = {"state": "made up", "code": "made up"}
        denied, _ = await enter_provided(parts, provider, answer, cookie_shown, HERE)
        assert isinstance(denied, Denied)
        assert denied.wait_seconds == 0
    assert double.asked == 1
    assert isinstance(await come_back(parts, provider, double), Opened)


async def test_who_comes_where_somebody_is_known_is_not_paused_by_codes_of_others(
    double: Double, tmp_path: Path, database: Database
) -> None:
    provider, parts = provider_of(double, tmp_path), parts_of(database, tmp_path)
    assert isinstance(await come_back(parts, provider, double), Opened)
    double.nonce = "another"
    for _ in range(Kind.PROVIDER.value.free + 5):
        await come_back(parts, provider)
    assert isinstance(await come_back(parts, provider, double), Opened)


async def test_a_provider_that_is_away_is_no_try_of_who_came_back(
    double: Double, tmp_path: Path, database: Database
) -> None:
    provider, parts = provider_of(double, tmp_path), parts_of(database, tmp_path)
    double.document = {"jwks_uri": f"{double.issuer}/elsewhere"}
    for _ in range(Kind.PROVIDER.value.free + 5):
        with pytest.raises(Unavailable, match="answers 302"):
            await come_back(parts, provider, double)


async def test_answers_made_up_cost_the_provider_a_bounded_number_of_requests(
    double: Double, tmp_path: Path, database: Database
) -> None:
    provider, parts = provider_of(double, tmp_path), parts_of(database, tmp_path)
    double.nonce = "another"
    denied = [await come_back(parts, provider) for _ in range(Kind.PROVIDER.value.free + 5)]
    assert all(isinstance(one, Denied) for one in denied)
    assert sum(isinstance(one, Denied) and one.wait_seconds > 0 for one in denied) == 5
    assert double.asked == 1 + Kind.PROVIDER.value.free
