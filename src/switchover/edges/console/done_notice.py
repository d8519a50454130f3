"""The notice that a change is in force: only where the change was made, by whom, and just now.

What was done stands in the address after a form was applied; an address can be written by anybody. A revision is
looked up; other words bear a mark that only this session can have got.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import Query

from switchover import clock
from switchover.balance.work import history
from switchover.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from switchover.app import Switchover
    from switchover.balance.work.revisions import Outcome
    from switchover.edges.console.access import Person

FRESH = timedelta(minutes=5)
"""A page that is loaded again later has nothing new to tell."""
Done = Annotated[int | None, Query(ge=0, le=2**31)]
"""The revision that a form made, 0 where nothing was different."""


Mark = Annotated[str, Query(max_length=64)]
"""Shows that we wrote the words beside it, for this session."""


def mark_of(person: Person, *words: str) -> str:
    """Return the mark for words of an address; it ends with the session and tells nothing of its secrets."""
    told = "\0".join(("notice", *words))
    return hmac.new(person.csrf.encode(), told.encode(), hashlib.sha256).hexdigest()[:32]


def is_ours(person: Person, mark: str, *words: str) -> bool:
    """True when this session was sent to an address with these words; a link that others wrote is not."""
    return hmac.compare_digest(mark_of(person, *words).encode(), mark.encode())


async def done_by(suite: Switchover, person: Person, number: int | None) -> int | None:
    """Return ``number`` when this person made that revision a moment ago, else None; 0 stays."""
    if not number:
        return number
    try:
        revision = await history.get_revision(suite.balance, number)
    except (NotFound, Unavailable):
        return None
    is_own = revision.author == person.actor.name
    return number if is_own and clock.now() - revision.created_at < FRESH else None


def done_path(page: str, outcome: Outcome) -> str:
    """Return the page that tells what a change did."""
    return f"{page}?done={outcome.number if outcome.diff else 0}"
