"""Asks for the pages of a small farm on an engine of paper, and posts to them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import FastAPI
from tests.builders import server
from tests.integration.edges.console.asgi import Answer, ask, console
from tests.integration.edges.console.looking import Desk

from switchover.directory.access.role import Role

SERVERS = {"cas1": server(1, site="brussels"), "cas2": server(2, site="ghent"), "spare": server(3)}
HOSTILE = "<img src=x onerror=alert(1)>"


def app_of(desk: Desk, role: Role = Role.OPERATOR) -> FastAPI:
    parts = {name: getattr(desk.suite, name) for name in ("board", "events", "recent", "balance")}
    return console(role, **parts)


async def page(desk: Desk, target: str, role: Role = Role.OPERATOR, **headers: str) -> Answer:
    answer = await ask(app_of(desk, role), target, **headers)
    assert "json" in answer.headers["content-type"] or HOSTILE not in answer.text
    return answer


async def post(
    desk: Desk, target: str, fields: Mapping[str, str], role: Role = Role.OPERATOR
) -> Answer:
    return await ask(app_of(desk, role), target, method="POST", body=urlencode(fields).encode())
