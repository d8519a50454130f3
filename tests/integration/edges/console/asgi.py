"""The application without a socket: one request in, the whole answer out."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI

from switchover import clock
from switchover.app import Switchover
from switchover.directory.access.account.account import Account
from switchover.directory.access.role import Role
from switchover.directory.access.session.session import Method, Session
from switchover.edges.api.server import create_app
from switchover.edges.console import access
from switchover.settings import Settings

_NEEDED = (
    access.VIEWER,
    access.WATCHER,
    access.OPERATOR,
    access.ADMIN,
    access.ADMIN_WATCHER,
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was answered; header names in lower case, the last of each."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


def console(role: Role | None = Role.ADMIN, **parts: Any) -> FastAPI:
    """Return the application as somebody of this role sees it, None for who is not signed in."""
    settings = Settings(data_dir=Path("/var/lib/switchover"), user_id=0)
    # Enough to tell who shows no cookie that they are not signed in.
    bare = {
        "settings": settings,
        "balance": SimpleNamespace(is_prepared=True),
        "database": SimpleNamespace(is_answering=True),
        "access": None,
        "audit_exposure": "",
    }
    app = create_app(cast("Switchover", SimpleNamespace(**{**bare, **parts})))
    if role is not None:
        person = signed_in(role)
        for needed in _NEEDED:
            app.dependency_overrides[needed] = lambda: person
    return app


def signed_in(role: Role) -> access.Person:
    """Return Ada, signed in a moment ago."""
    now = clock.now()
    account = Account(
        id="1",
        name="ada",
        role=role,
        zone="UTC",
        issuer=None,
        subject=None,
        made_at=now,
        made_by="x",
    )
    session = Session(
        id="2",
        account_id="1",
        method=Method.PASSWORD,
        awaits_code=False,
        address="127.0.0.1",
        agent="",
        made_at=now,
        seen_at=now,
    )
    return access.Person(
        account=account, session=session, csrf="secret-of-the-form", address="127.0.0.1"
    )


async def ask(
    app: Any,
    target: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    chunks: Sequence[bytes] = (),
    **headers: str,
) -> Answer:
    """Send one request; underscores in names of headers are dashes.

    ``chunks`` is a body that does not tell its length.
    """
    path, _, query = target.partition("?")
    named = {
        "host": "localhost",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    if body:
        named.setdefault("content-length", str(len(body)))
    if body or chunks:
        named.setdefault("content-type", "application/x-www-form-urlencoded")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": urllib.parse.unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), text.encode("latin-1")) for name, text in named.items()
        ],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8440),
        "state": {},
    }
    sent: list[dict[str, Any]] = []
    pieces = chunks or [body]
    waiting: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Answer(
        status=sent[0]["status"],
        headers={name.decode(): text.decode() for name, text in sent[0]["headers"]},
        content=b"".join(message.get("body", b"") for message in sent[1:]),
    )
