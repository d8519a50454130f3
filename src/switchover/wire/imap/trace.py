"""What a trace shows of a connection: who said what, no secrets, nothing that a terminal would obey.

Bodies are counted, never shown: they are other people's mail.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchover.wire.imap.conversation import Answered, Closing, Ready
from switchover.wire.imap.responses import Bodies, BodyChunk, BodyEnd, BodyStart, Fetch, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchover.wire.imap.conversation import Happening

_LONGEST = 300
_SHORTEST_SECRET = 4
_UNSHOWABLE = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]")


def showable(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a server's text for people: one line, not long, without control characters and secrets.

    Servers have been seen to repeat a bad command, password and all. A secret so short that cutting it
    out would tell where it stood takes the whole text with it.
    """
    for secret in secrets:
        if secret and secret in text:
            text = text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else "***"
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    return _UNSHOWABLE.sub("?", text)


def show(event: Happening) -> str | None:
    """Return the line that tells of an event, not yet ``showable``; None where it is not worth one."""
    match event:
        case Answered(request):
            return None if request.answer is None else _status(request.answer)
        case Closing(status) | (Status() as status):
            return _status(status)
        case Ready():
            return "+"  # its text may be a challenge
        case BodyStart(size, section, item):
            return f"* FETCH (UID {item.uid} {section.decode('ascii', 'replace')} {{{size}}}"
        case BodyChunk() | BodyEnd():
            return None
        case Fetch(items=items) | Bodies(items, _):
            what = "mails with bodies" if isinstance(event, Bodies) else "mails"
            return f"* FETCH {len(items)} {what}, UID {items[0].uid} to {items[-1].uid}"
        case _:
            return repr(event)[:_LONGEST]


def _status(status: Status) -> str:
    tag = "*" if status.tag is None else status.tag.decode("ascii", "replace")
    code = f"[{status.code.name}] " if status.code else ""
    return f"{tag} {status.kind} {code}{status.text}"
