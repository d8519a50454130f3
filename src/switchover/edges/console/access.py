"""Who looks at a page, and whether they may. Until sessions exist nobody is signed in: all is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from switchover.directory.access.role import Actor, Role
from switchover.errors import Refused

OPEN_PATHS = frozenset({"/assets/{file}"})
"""Paths of the console that answer without a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in: the actor, the token for forms, the time zone of the account."""

    actor: Actor
    csrf: str
    zone: str = "UTC"


class SignedIn:
    """A dependency that lets a request pass when its session has ``role`` or more."""

    def __init__(self, role: Role) -> None:
        """Remember the least role."""
        self.role = role

    async def __call__(self, request: Request) -> Person:
        """Return who asks, and leave it in ``request.state.person`` for error pages."""
        raise Refused(f"{request.url.path} needs somebody who is signed in")


VIEWER = SignedIn(Role.VIEWER)
OPERATOR = SignedIn(Role.OPERATOR)
ADMIN = SignedIn(Role.ADMIN)

Viewer = Annotated[Person, Depends(VIEWER)]
Operator = Annotated[Person, Depends(OPERATOR)]
Admin = Annotated[Person, Depends(ADMIN)]
