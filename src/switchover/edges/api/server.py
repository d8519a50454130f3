"""Builds the application: routes, errors, and the check that no route is open by accident."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from switchover.edges.api import (
    accounts,
    audit,
    blocks,
    engine,
    events,
    revisions,
    servers,
    services,
    statistics,
    tokens,
)
from switchover.edges.api.access import Viewer, has_token, least_role
from switchover.edges.api.errors import (
    PROBLEM_TYPE,
    PROBLEMS,
    answer_error,
    describe,
    problem_body,
)
from switchover.edges.api.limits import BodyLimit
from switchover.edges.console import access as console_access
from switchover.edges.console.server import add_console
from switchover.edges.console.server import routers as console_routers
from switchover.edges.readers import is_for_programs
from switchover.errors import Corrupt, SwitchoverError

if TYPE_CHECKING:
    from switchover.app import Switchover

OPEN_PATHS = frozenset({"/api/v1/health"}) | console_access.OPEN_PATHS
"""What answers without a token or session: whether this process lives, and what sign-in needs."""

ROUTERS: tuple[tuple[str, APIRouter], ...] = (
    *(
        ("/api/v1", module.router)
        for module in (
            engine,
            services,
            servers,
            blocks,
            statistics,
            revisions,
            events,
            accounts,
            tokens,
            audit,
        )
    ),
    ("", engine.metrics_router),
)

_DESCRIPTION = """
Everything that switchover does, for programs. Every path but `/api/v1/health` needs a token with the role it
names: `Authorization: Bearer swo_...`. Errors are problem details (RFC 9457) with a sentence that says what
failed and what to do; a 503 means: the database or engine does not answer, try later. While the database is
away, what the engine and the last revision read can tell is still answered to tokens that were used within the
last 24 hours, with the header `Switchover-Database: away`.
"""


def create_app(switchover: Switchover) -> FastAPI:
    """Return the application that serves ``switchover``."""
    app = FastAPI(
        title="switchover",
        version=version("switchover"),
        description=_DESCRIPTION,
        openapi_url=None,  # served below, to viewers: every route names its role
        docs_url=None,
        redoc_url=None,
        responses=PROBLEMS,
    )
    app.state.switchover = switchover
    for_programs = (*ROUTERS, ("/api/v1", _document_router(app)))
    app.state.routers = (*for_programs, *console_routers())
    for prefix, router in app.state.routers:
        app.include_router(
            router, prefix=prefix, include_in_schema=(prefix, router) in for_programs
        )
    app.add_exception_handler(SwitchoverError, answer_error)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    # By number too: a path or method that nobody serves raises Starlette's class, not FastAPI's, and so
    # does a body that can not be read.
    for known in (HTTPException, 400, 404, 405):
        app.add_exception_handler(known, _answer_http)
    app.add_exception_handler(Exception, _answer_fault)
    app.add_middleware(BodyLimit, is_known=_is_known)
    add_console(app)
    _refuse_open_routes(app)
    return app


async def _is_known(request: Request) -> bool:
    """True when token or session of a request are good, whatever they may do."""
    if is_for_programs(request.url.path):
        return await has_token(request)
    return await console_access.has_session(request)


def _document_router(app: FastAPI) -> APIRouter:
    router = APIRouter(tags=["engine"])

    @router.get("/openapi.json")
    async def get_openapi(actor: Viewer) -> dict[str, Any]:  # noqa: ARG001 - names the role
        """Return this document."""
        return describe(app)

    return router


def list_routes(app: FastAPI) -> list[tuple[str, APIRoute]]:
    """Return every route of the application with its whole path.

    Read from our routers: what ``app.routes`` holds differs between versions of FastAPI, copies of
    the routes in older ones, one entry for each included router in newer ones. Raises Corrupt for
    anything there that came by another way.
    """
    routers: tuple[tuple[str, APIRouter], ...] = app.state.routers
    ours = [router for _, router in routers]
    for entry in app.routes:
        if not isinstance(entry, APIRoute) and getattr(entry, "original_router", None) not in ours:
            raise Corrupt(f"{entry!r} answers requests and is no route of ours")
    found = []
    for prefix, router in routers:
        for route in router.routes:
            if not isinstance(route, APIRoute):
                raise Corrupt(f"{route!r} answers requests and can name no role")
            found.append((prefix + route.path, route))
    return found


def _refuse_open_routes(app: FastAPI) -> None:
    for path, route in list_routes(app):
        if path not in OPEN_PATHS and least_role(route) is None:
            raise Corrupt(f"the route {path} names no role")


async def _answer_validation(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - signature is Starlette's
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    problems = [
        {"path": ".".join(str(part) for part in fault["loc"]), "message": fault["msg"]}
        for fault in faults
    ]
    detail = "; ".join(f"{item['path']}: {item['message']}" for item in problems)
    return JSONResponse(
        problem_body("InvalidInput", 422, detail, problems=problems),
        status_code=422,
        media_type=PROBLEM_TYPE,
    )


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        raise error
    return JSONResponse(
        problem_body("HTTP error", status, _http_detail(request, status, error)),
        status_code=status,
        headers=getattr(error, "headers", None),
        media_type=PROBLEM_TYPE,
    )


def _http_detail(request: Request, status: int, error: Exception) -> str:
    detail = str(getattr(error, "detail", ""))
    if (status, detail) != (404, "Not Found"):
        return detail
    return (
        f"Not Found: nothing is served at {request.url.path!r}; a name in a path is not empty and has no "
        "slash, and /api/v1/openapi.json lists the paths"
    )


async def _answer_fault(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - signature is Starlette's
    """Say nothing of the error itself: it goes to the log, where only the administrator reads it."""
    detail = "a fault of switchover itself; its log has the details"
    return JSONResponse(
        problem_body("Fault", 500, detail),
        status_code=500,
        media_type=PROBLEM_TYPE,
    )
