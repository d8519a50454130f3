"""People for tests of the console: accounts and sessions made in the database, and a browser without a screen."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from types import TracebackType
from typing import Any, Self

import aiohttp
import psycopg
from tests.integration.suite import Suite
from yarl import URL

from switchover import clock
from switchover.directory.access.account.password import make_hash
from switchover.directory.access.role import Role
from switchover.directory.access.session.session import form_token, secret_hash

PASSWORD = "four words make it"
_HASH = make_hash(PASSWORD)


async def add_person(at: Suite, name: str, role: Role) -> str:
    """Make a local account with ``PASSWORD``, or give the one of that name the role; return its id."""
    statement = """
        insert into account (id, name, role, password_hash, password_at, made_at, made_by)
        values (%s, %s, %s, %s, now(), now(), 'a test')
        on conflict (lower(name)) do update
        set role = excluded.role, password_hash = excluded.password_hash, disabled_at = null,
            totp_secret = null, totp_draft = null, zone = 'UTC'
        returning id::text
    """
    rows = await query(at, statement, clock.new_id(), name, role.value, _HASH)
    return str(rows[0][0])


async def open_session(at: Suite, account_id: str, *, address: str = "127.0.0.1") -> str:
    """Open a session without a password; return its cookie."""
    secret = clock.new_secret()
    statement = """
        insert into session (id, hash, account_id, method, address, agent, made_at, seen_at)
        values (%s, %s, %s, 'password', %s, 'a test', now(), now())
    """
    await query(at, statement, clock.new_id(), secret_hash(secret), account_id, address)
    return secret


async def query(at: Suite, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement on the database of a switchover behind its back."""
    dsn = at.environment.get("SWITCHOVER_DATABASE_URL") or at.postgres().dsn()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await connection.execute(statement.encode(), values or None)
        return await found.fetchall() if found.description else []


@dataclass(frozen=True, kw_only=True)
class Page:
    """An answer to a browser."""

    status: int
    text: str
    headers: Mapping[str, str]
    url: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def words(self) -> str:
        """The text as somebody reads it."""
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.text)))


@dataclass(kw_only=True)
class Browser:
    """A browser: cookies, forms with their tokens, Origin as browsers send it; follows no redirect itself."""

    url: str
    source: str = ""
    """The address it asks from; empty where that does not matter."""
    session: aiohttp.ClientSession = field(init=False)
    csrf: str = ""

    async def __aenter__(self) -> Self:
        jar = aiohttp.CookieJar(unsafe=True)
        local = (self.source, 0) if self.source else None
        connector = aiohttp.TCPConnector(ssl=False, local_addr=local)
        self.session = aiohttp.ClientSession(cookie_jar=jar, connector=connector)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.session.close()

    async def get(self, path: str, **headers: str) -> Page:
        return await self.ask(
            "GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )

    async def post(self, path: str, **fields: str) -> Page:
        """Send a form as the last page with a token had it."""
        return await self.ask("POST", path, data={"csrf": self.csrf, **fields})

    async def ask(self, method: str, path: str, **more: Any) -> Page:
        headers = dict(more.pop("headers", {}))
        if method != "GET":
            headers.setdefault("Origin", self.url)
        target = URL(path if path.startswith("http") else self.url + path, encoded=True)
        async with self.session.request(
            method, target, headers=headers, allow_redirects=False, **more
        ) as answer:
            is_endless = answer.content_type == "text/event-stream"
            page = Page(
                status=answer.status,
                text="" if is_endless else await answer.text(),
                headers=dict(answer.headers),
                url=str(target),
            )
        found = re.search(r'name="csrf" value="([^"]*)"', page.text)
        self.csrf = found[1] if found else self.csrf
        return page

    def take(self, secret: str, *, name: str = "switchover") -> None:
        """Hold a session's cookie."""
        self.session.cookie_jar.update_cookies({name: secret}, URL(self.url))
        self.csrf = form_token(secret)

    def cookie(self, name: str) -> str | None:
        found = self.session.cookie_jar.filter_cookies(URL(self.url)).get(name)
        return found.value if found else None

    async def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> Page:
        await self.get("/sign-in")
        return await self.post("/sign-in", name=name, password=password, **more)


@contextlib.asynccontextmanager
async def browser(at: Suite, secret: str = "") -> AsyncIterator[Browser]:
    """Open a browser on a switchover, signed in when it holds a session's cookie."""
    async with Browser(url=at.url) as opened:
        if secret:
            opened.take(secret)
        yield opened
