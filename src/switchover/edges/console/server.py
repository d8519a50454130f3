"""Adds the console to the application: pages, assets, error pages, headers, the check of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from switchover.directory.access.oidc.work import CALLBACK
from switchover.edges.console import pages
from switchover.edges.console.asset import shipped_assets
from switchover.edges.console.door import HEADERS, HostCheck, SecurityHeaders
from switchover.edges.console.error_page import answer_on_a_page
from switchover.edges.console.form.upload import Uploads
from switchover.edges.console.live import Hub
from switchover.edges.console.proof import Proof
from switchover.edges.readers import is_for_programs
from switchover.errors import SwitchoverError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

router = APIRouter(include_in_schema=False)
_FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/assets/{file}")
async def get_asset(request: Request, file: str) -> Response:
    """Send one built file; its name holds a digest of its content, so nobody needs to ask again."""
    found = shipped_assets().files.get(file)
    if found is None:
        raise HTTPException(404, f"there is no asset {file!r}")
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    if found.squeezed is None or "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response(found.content, media_type=found.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(found.squeezed, media_type=found.media_type, headers=headers)


def routers() -> tuple[tuple[str, APIRouter], ...]:
    """Return every router of the console with its prefix."""
    found = (*pages.ROUTERS, router)
    for each in found:
        _answer_heads(each)
    return tuple(("", each) for each in found)


def _answer_heads(of: APIRouter) -> None:
    """Let pages answer HEAD as GET, for monitors; the server leaves the body out. Streams and files do not.

    Nor the way back from an identity provider: who only looks at the address must not use its code up.
    """
    for route in of.routes:
        methods = route.methods if isinstance(route, APIRoute) else None
        if methods and "GET" in methods and _is_page(route):
            methods.add("HEAD")


def _is_page(route: object) -> bool:
    given: Any = getattr(route, "response_class", None)
    if getattr(route, "path", "") == CALLBACK:
        return False
    answer = getattr(given, "value", given)
    return isinstance(answer, type) and issubclass(answer, HTMLResponse)


def add_console(app: FastAPI) -> None:
    """Let ``app`` answer people too; its routers and error handlers for programs stand already.

    Raises Corrupt when the assets were not built.
    """
    shipped_assets()
    app.state.uploads = Uploads()
    app.state.live = Hub(app.state.switchover)
    app.state.proof = Proof(suite=app.state.switchover)
    for known in (SwitchoverError, RequestValidationError, HTTPException, 400, 404, 405, Exception):
        for_programs = app.exception_handlers[known]
        app.add_exception_handler(known, _by_reader(for_programs))
    app.add_middleware(HostCheck)
    app.add_middleware(SecurityHeaders)


def _by_reader(
    for_programs: Callable[[Request, Exception], Any],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        chosen = for_programs if is_for_programs(request.url.path) else answer_on_a_page
        found: Response = await chosen(request, error)
        # An answer to a fault of ours is made outside of all middleware.
        for name, value in HEADERS:
            found.headers.setdefault(name.decode(), value.decode())
        return found

    return answer
