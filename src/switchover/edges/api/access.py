"""Who asks, and whether they may: bearer tokens to actors, a role for every route.

A route without ``needs`` is not reachable: ``server`` refuses to build an application with one.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from switchover import clock
from switchover.app import Switchover
from switchover.directory.access.role import Actor, Role
from switchover.directory.access.work import find_actor
from switchover.edges.provenance import note_refused, with_origin
from switchover.errors import Refused, Unavailable

DATABASE_HEADER = "Switchover-Database"
"""Says ``away`` where an answer was given from memory."""
_bearer = HTTPBearer(auto_error=False, description="A token from `switchover token create`.")


def find_switchover(request: Request) -> Switchover:
    """Return the running suite that this application serves."""
    found: Switchover = request.app.state.switchover
    return found


Suite = Annotated[Switchover, Depends(find_switchover)]


class Needs:
    """A dependency that lets a request pass when its token has ``role`` or more."""

    def __init__(self, role: Role, *, in_outages: bool = False) -> None:
        """Remember the least role; ``in_outages`` for routes that answer without the database."""
        self.role = role
        self.in_outages = in_outages

    async def __call__(
        self,
        request: Request,
        suite: Suite,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        response: Response,
    ) -> Actor:
        """Return the actor; 401 without a valid token, Refused (403) with too small a role."""
        actor = await self.find_actor(suite, credentials.credentials) if credentials else None
        if actor is None:
            require_prepared(suite)
            if credentials:
                await note_refused(suite, request, why="no valid token")
            raise HTTPException(
                401,
                "a valid token is needed: Authorization: Bearer swo_...",
                headers={"WWW-Authenticate": "Bearer"},
            )
        actor = with_origin(actor, request)
        try:
            actor.require(self.role)
        except Refused as error:
            await note_refused(suite, request, actor=actor, why=str(error))
            raise
        if not suite.database.is_answering:
            response.headers[DATABASE_HEADER] = "away"
        return actor

    async def find_actor(self, suite: Switchover, secret: str) -> Actor | None:
        """Return whose token this is; from memory in outages, else raises Unavailable then."""
        try:
            require_prepared(suite)
            return await find_actor(suite.database, suite.tokens, secret)
        except Unavailable:
            known = suite.tokens.recall(secret, clock.now()) if self.in_outages else None
            if known is None:
                raise
            return known


def require_prepared(suite: Switchover) -> None:
    """Raise Unavailable, with the reason, while the tables are not known to be there."""
    if not suite.balance.is_prepared:
        because = suite.balance.unprepared_because or "it is being prepared"
        raise Unavailable(f"the database can not be used yet: {because}; try again later")


VIEWER = Needs(Role.VIEWER)
WATCHER = Needs(Role.VIEWER, in_outages=True)
OPERATOR = Needs(Role.OPERATOR)
ADMIN = Needs(Role.ADMIN)

Viewer = Annotated[Actor, Depends(VIEWER)]
Watcher = Annotated[Actor, Depends(WATCHER)]
Operator = Annotated[Actor, Depends(OPERATOR)]
Admin = Annotated[Actor, Depends(ADMIN)]


async def has_token(request: Request) -> bool:
    """True for a request with a token that is valid; raises Unavailable when nobody can tell."""
    credentials = await _bearer(request)
    suite = find_switchover(request)
    if credentials and await WATCHER.find_actor(suite, credentials.credentials):
        return True
    await note_refused(suite, request, why="no valid token")
    return False


def least_role(route: object) -> Role | None:
    """Return the role a route needs, None when it names none."""
    if not isinstance(route, APIRoute):
        return None
    for dependency in route.dependant.dependencies:
        role = getattr(dependency.call, "role", None)  # of Needs, or of SignedIn on a page
        if isinstance(role, Role):
            return role
    return None
