"""Every page of the console, found among the routes of the application: a new one can not be forgotten."""

from __future__ import annotations

import re
from typing import cast

from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.edges.api.server import create_app, list_routes

EXAMPLES = {
    "service": "mail",
    "name": "viewer",
    "server": "cas1",
    "number": "1",
    "older": "1",
    "newer": "2",
}
"""What a part of a page's path may be on the stage; whoever adds a part says it here."""
ADDRESSES = {
    "/history/difference": "/history/difference?from=1&to=2",
    "/search": "/search?q=cas",
}
"""Pages that show nothing without a question."""
UNSIGNED = ("/sign-in", "/first-run")
"""Pages for those who are not signed in."""
ON_THE_WAY = (
    "/first-run",
    "/sign-in/code",
    "/sign-in/oidc/callback",
    "/account/second-factor",
    "/tokens/{token_id}/revoke",
)
"""Pages that can only be come to; the stories that lead there look at them."""


def page_paths() -> list[str]:
    """Return the path of every page that can be opened by its address, as its route says it."""
    app = create_app(cast("Switchover", None))  # routes need nothing that runs
    return sorted({
        path
        for path, route in list_routes(app)
        if "GET" in route.methods
        and path not in ON_THE_WAY
        and issubclass(getattr(route.response_class, "value", route.response_class), HTMLResponse)
    })  # fmt: skip


def address_of(path: str) -> str:
    """Return a page's address on the stage."""
    if path in ADDRESSES:
        return ADDRESSES[path]
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda part: EXAMPLES[part[1]], path)
