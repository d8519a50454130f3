"""Every page of the console, found among the routes of the application: a new one can not be forgotten."""

from __future__ import annotations

import re
from typing import cast

from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.edges.api.server import create_app, list_routes

EXAMPLES = {
    "service": "mail",
    "name": "mail",
    "server": "cas1",
    "number": "1",
    "older": "1",
    "newer": "2",
}
"""What a part of a page's path may be on the stage; whoever adds a part says it here."""
UNSIGNED = ("/sign-in", "/first-run")
"""Pages for those who are not signed in."""


def page_paths() -> list[str]:
    """Return the path of every page that can be opened, as its route says it."""
    app = create_app(cast("Switchover", None))  # routes need nothing that runs
    return sorted({
        path
        for path, route in list_routes(app)
        if "GET" in route.methods
        and issubclass(getattr(route.response_class, "value", route.response_class), HTMLResponse)
    })  # fmt: skip


def address_of(path: str) -> str:
    """Return a page's address on the stage."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda part: EXAMPLES[part[1]], path)
