"""How a server is recognised by what it shows of itself, and what its cryptic words mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchover.wire.imap.quirks import GENERIC, PROFILES, Server

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from switchover.wire.imap.quirks import Profile

# What gives a server away, as patterns without case. A host name within a greeting may be anything
# ("dovecot.contoso.example Cyrus IMAP ready"), so a greeting must say more than a name.
_BY_HOST = (
    (r"(^|\.)(outlook\.office365|outlook)\.com$", Server.EXCHANGE),
    (r"(^|\.)(gmail|googlemail)\.com$", Server.GMAIL),
    (r"(^|\.)(mail\.me|icloud)\.com$", Server.ICLOUD),
    (r"(^|\.)mail\.ru$", Server.MAIL_RU),
    (r"(^|\.)yandex\.[a-z.]+$", Server.YANDEX),
    (r"(^|\.)zoho(cloud)?\.[a-z.]+$", Server.ZOHO),
    (r"(^|\.)strato\.(de|com)$", Server.STRATO),
)
_BY_IDENTITY = (
    (r"microsoft\.exchange", Server.EXCHANGE),
    (r"\bgimap\b", Server.GMAIL),
    (r"\bicloud\b", Server.ICLOUD),
    (r"\bmail\.ru\b", Server.MAIL_RU),
    (r"\byandex\b", Server.YANDEX),
    (r"\bzoho\b", Server.ZOHO),
    (r"\bproton|\bgluon\b", Server.PROTON_BRIDGE),
    (r"\bzimbra\b", Server.ZIMBRA),
    (r"\bdomino\b", Server.DOMINO),
    (r"\bcourier\b", Server.COURIER),
    (r"\bcyrus\b", Server.CYRUS),
    (r"\bdovecot\b", Server.DOVECOT),
    (r"switchover maildir", Server.MAILDIR),
    (r"switchover mbox", Server.MBOX),
    (r"switchover eml", Server.EML),
)
_BY_CAPABILITY = (("X-GM-EXT-1", Server.GMAIL), ("AUTH=ATOKEN", Server.ICLOUD))
_BY_GREETING = (
    (r"microsoft exchange (server \d+ )?imap4", Server.EXCHANGE),
    (r"\bgimap ready", Server.GMAIL),
    (r"mail\.ru imap", Server.MAIL_RU),
    (r"\byandex imap4rev1", Server.YANDEX),
    (r"\bzoho mail imap4rev1", Server.ZOHO),
    (r"\bproton ?mail bridge|\bgluon session", Server.PROTON_BRIDGE),
    (r"\bzimbra imap4rev1", Server.ZIMBRA),
    (r"\bdomino imap4 server", Server.DOMINO),
    (r"\bcourier-imap ready", Server.COURIER),
    (r"\bcyrus imap", Server.CYRUS),
    (r"\bdovecot( \([^()]*\))? ready", Server.DOVECOT),
)


def recognise(
    *,
    greeting: str = "",
    identity: Mapping[str, str] | None = None,
    capabilities: Collection[str] = (),
    host: str = "",
) -> Profile:
    """Return the profile that fits best what a server shows; GENERIC when nothing does.

    ``identity`` is its answer to ID. Its own statement counts more than a capability, that more than
    the greeting, because proxies greet for others; but the host name of a hosting company counts most,
    since its servers name only the software behind.
    """
    named = {name.upper() for name in capabilities}
    server = (
        _first(_BY_HOST, host.rstrip("."))
        or _first(_BY_IDENTITY, " ".join((identity or {}).values()))
        or next((server for capability, server in _BY_CAPABILITY if capability in named), None)
        or _first(_BY_GREETING, greeting)
    )
    return GENERIC if server is None else PROFILES[server]


def _first(table: Iterable[tuple[str, Server]], text: str) -> Server | None:
    shows = (server for pattern, server in table if re.search(pattern, text, re.IGNORECASE))
    return next(shows, None)


_MEANINGS = (
    (
        re.compile(r"user is authenticated but not connected", re.IGNORECASE),
        "the login is right but may not open this mailbox, or the mailbox is being moved: "
        "check the full-access right of the login and try again later",
    ),
    (
        re.compile(r"\berror\.? 11\b", re.IGNORECASE),
        "Exchange did not take the mail: it is too large, the quota is full, "
        "or a line in it is longer than about 9,900 bytes",
    ),
)


def meaning(text: str) -> str | None:
    """Return what a cryptic refusal of Exchange means, for an operator; None for others."""
    return next((sentence for pattern, sentence in _MEANINGS if pattern.search(text)), None)
