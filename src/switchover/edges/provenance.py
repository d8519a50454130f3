"""From where a request comes, for the audit log; and requests that were refused, for the same.

What is sure is who: a token or a session proves it. The address is that of the connection: headers that
proxies set are not believed. That our command line asks is its own word, in a header that anybody can send.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.directory.access.role import Door
from switchover.directory.audit.entry import Entry, Outcome
from switchover.model.wording import plain

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from switchover.app import Switchover
    from switchover.directory.access.role import Actor

CLIENT_HEADER = "Switchover-Client"
"""``cli; user=ada; host=mail1``: what a client says of itself."""
CLI_WORD = "cli"
_MAX_CLAIM = 120
UNKNOWN = "unknown"
"""The actor of an attempt whose maker proved nothing."""


def with_origin(actor: Actor, request: HTTPConnection, *, door: Door | None = None) -> Actor:
    """Return the actor with the door, address and claims of a request; ``door`` None is the API's."""
    claim = claim_of(request)
    if door is None:
        door = Door.CLI if claim.partition(";")[0].strip() == CLI_WORD else Door.API
    return replace(actor, door=door, address=address_of(request), client=claim)


def address_of(request: HTTPConnection) -> str:
    """Return the address at the other end of the connection, "" where there is none."""
    return request.client.host if request.client else ""


def claim_of(request: HTTPConnection) -> str:
    """Return what a client says of itself."""
    return plain(request.headers.get(CLIENT_HEADER, "")[:_MAX_CLAIM])


async def note_refused(
    suite: Switchover,
    request: HTTPConnection,
    *,
    why: str,
    actor: Actor | None = None,
    door: Door = Door.API,
) -> None:
    """Record that a request was refused: to ``actor``, or to somebody who proved nothing."""
    entry = Entry(
        actor=actor.name if actor else UNKNOWN,
        origin=actor.door if actor else door,
        address=address_of(request),
        client=claim_of(request),
        action="access.refused",
        subject=f"{request.scope.get('method', 'GET')} {request.url.path}",
        outcome=Outcome.REFUSED,
        reason=why,
    )
    await suite.refusals.note(entry, is_known=actor is not None)
