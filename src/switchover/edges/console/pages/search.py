"""The search page: one question to everything that has names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.balance.work import searching
from switchover.directory.access.role import Role
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Viewer
from switchover.edges.console.page import path_word, render

router = APIRouter()
MOST_HITS = 20
"""Shown of each source; the list pages show all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something found: its name, where its page is, and a line about it."""

    name: str
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What can be searched. ``find`` returns up to so many hits for a text, the best first.

    ``list_path`` is the list page that takes ``?q=``.
    """

    title: str
    list_path: str
    find: Callable[[Switchover, str, int], Awaitable[list[Hit]]]
    role: Role = Role.VIEWER


async def _find_services(suite: Switchover, text: str, limit: int) -> list[Hit]:
    found = await searching.find_services(suite.balance, text, limit=limit)
    return [
        Hit(name=item.name, path=f"/services/{path_word(item.name)}", detail=item.detail)
        for item in found
    ]


async def _find_servers(suite: Switchover, text: str, limit: int) -> list[Hit]:
    found = await searching.find_servers(suite.balance, text, limit=limit)
    return [
        Hit(name=item.name, path=f"/servers/{path_word(item.name)}", detail=item.detail)
        for item in found
    ]


SOURCES: tuple[Source, ...] = (
    Source(title="Services", list_path="/services", find=_find_services),
    Source(title="Servers", list_path="/servers", find=_find_servers),
)


@router.get("/search", response_class=HTMLResponse)
async def search(
    request: Request,
    suite: Suite,
    person: Viewer,
    q: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
) -> HTMLResponse:
    """Return what is found, by source; nothing for an empty question."""
    text = q.strip()
    chosen = [source for source in SOURCES if text and person.actor.role.includes(source.role)]
    found = [(source, await source.find(suite, text, MOST_HITS + 1)) for source in chosen]
    return render(
        request, person, "search.html", text=text, found=found, most=MOST_HITS,
        count=sum(len(hits) for _, hits in found),
    )  # fmt: skip
