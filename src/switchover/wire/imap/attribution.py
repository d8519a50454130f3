"""Which command an untagged response answers: no server says so, but for SEARCH (RFC 4466 section 2.6).

Data of a kind goes to the oldest command that asks for that kind: Dovecot holds the answers to STORE, COPY and
EXPUNGE back and answers a STATUS that was sent behind them first. Everything else goes to the oldest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switchover.wire.imap.responses import (
    Acl,
    Capability,
    Enabled,
    ESearch,
    Id,
    ListEntry,
    ListRights,
    MailboxStatus,
    Metadata,
    MyRights,
    Namespace,
    Quota,
    QuotaRoots,
    Search,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.responses import Event

_ASKED_BY: Final[dict[type, Collection[str]]] = {
    Acl: ("GETACL",),
    Capability: ("CAPABILITY",),
    Enabled: ("ENABLE",),
    ESearch: ("UID SEARCH",),
    Id: ("ID",),
    ListRights: ("LISTRIGHTS",),
    MailboxStatus: ("STATUS", "LIST"),
    Metadata: ("GETMETADATA",),
    MyRights: ("MYRIGHTS",),
    Namespace: ("NAMESPACE",),
    Quota: ("GETQUOTAROOT",),
    QuotaRoots: ("GETQUOTAROOT",),
    Search: ("UID SEARCH",),
}


def find_asker(event: Event, under_way: Sequence[Request]) -> Request | None:
    """Return the request that ``event`` answers among those under way, oldest first; None if none is."""
    oldest = under_way[0] if under_way else None
    if isinstance(event, ESearch) and event.tag is not None:
        return next((one for one in under_way if one.tag == event.tag), oldest)
    names = (event.command,) if isinstance(event, ListEntry) else _ASKED_BY.get(type(event))
    if names is None:
        return oldest
    return next((one for one in under_way if one.command.name in names), oldest)
