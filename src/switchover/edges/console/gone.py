"""What was once there: a page that says which revision removed it, instead of only that it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.work import history
from switchover.edges.console.page import render
from switchover.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.responses import HTMLResponse

    from switchover.app import Switchover
    from switchover.balance.removal import Removal
    from switchover.edges.console.access import Person


async def answer_gone(
    request: Request, suite: Switchover, person: Person, *, kind: str, name: str
) -> HTMLResponse:
    """Return the page of a server or service that was removed; raises NotFound where none ever was."""
    removal = await _find(suite, f"{kind}s", name)
    if removal is None:
        raise NotFound(f"there is no {kind} {name!r}; the list of {kind}s has all names")
    return render(request, person, "gone.html", status=404, kind=kind, name=name, removal=removal)


async def _find(suite: Switchover, section: str, name: str) -> Removal | None:
    if not suite.balance.database.is_answering:
        return None
    try:
        return await history.find_removal(suite.balance, section, name)
    except Unavailable:
        return None
