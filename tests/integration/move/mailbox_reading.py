"""Mailboxes as they are on a server: put there from a corpus, and read back mail by mail."""

from __future__ import annotations

import calendar
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field

from tests.integration.imap_servers import ImapServer, Kind
from tests.integration.move.server_forms import CYRUS_LARGEST_BYTES, name_kept, name_of
from tests.integration.raw_imap import RawImap, encode_name, quoted
from tests.move_corpus import Corpus, CorpusMail

_DATE = re.compile(r" ?(\d{1,2})-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr)}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A mail on a server. ``body`` is kept for sources alone; elsewhere the digest stands for it."""

    uid: int
    digest: bytes
    flags: frozenset[str]
    seconds: int
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """All of a user's folders by decoded name, in UID order, and which names are subscribed."""

    folders: dict[str, list[Kept]]
    parents: frozenset[str]
    subscribed: frozenset[str]


def connect(server: ImapServer, user: str) -> RawImap:
    return RawImap(server.address, server.port, user, server.password)


def load_mailbox(server: ImapServer, user: str, corpus: Corpus) -> list[tuple[CorpusMail, str]]:
    """Put a corpus into an empty mailbox; return what the server refused, with its words.

    Between the mails others come and go again, so that UIDs have gaps.
    """
    kind = Kind(server.kind)
    names = {path: encode_name(name_of(kind, name_kept(kind, path))) for path in corpus.folders}
    by_folder = defaultdict(list)
    for mail in corpus.mails:
        by_folder[mail.path].append(mail)
    refused = []
    with connect(server, user) as connection:
        for path, raw in names.items():
            if path != ("INBOX",):
                connection.command(b"CREATE " + quoted(raw))
            if path in corpus.subscribed:
                connection.command(b"SUBSCRIBE " + quoted(raw))
        for path, given in by_folder.items():
            _append_and_expunge(connection, names[path])
            # Cyrus closes the connection on a mail that is too large.
            most = CYRUS_LARGEST_BYTES if kind is Kind.CYRUS else 2**32
            mails = [mail for mail in given if len(mail.body) <= most]
            answers = connection.append_all(
                [(names[path], mail.flags, mail.date, mail.body) for mail in mails]
            )
            refused += [
                (mail, answer)
                for mail, answer in zip(mails, answers, strict=True)
                if not answer.startswith("OK")
            ]
    return refused


def _append_and_expunge(connection: RawImap, raw: bytes) -> None:
    passing = (raw, ("\\Deleted",), "01-Jan-2020 00:00:00 +0000", b"Subject: passing\r\n\r\nx\r\n")
    assert all(answer.startswith("OK") for answer in connection.append_all([passing] * 3))
    connection.command(b"SELECT " + quoted(raw))
    connection.command(b"UID EXPUNGE 1:3")


def read_mailbox(server: ImapServer, user: str, *, bodies: bool = False) -> Mailbox:
    """Return everything that the server shows of a mailbox."""
    with connect(server, user) as connection:
        listed = connection.list_names()
        folders = {
            one.name: [
                Kept(
                    uid=mail.uid,
                    digest=digest(mail.body),
                    flags=mail.flags,
                    seconds=epoch_seconds(mail.date),
                    body=mail.body if bodies else b"",
                )
                for mail in connection.fetch(one.raw)
            ]
            for one in listed
            if not one.attributes & {"\\noselect", "\\nonexistent"}
        }
        return Mailbox(
            folders=folders,
            parents=frozenset(one.name for one in listed) - folders.keys(),
            # Courier gives the parents of subscribed folders too, marked so.
            subscribed=frozenset(
                one.name
                for one in connection.list_names(b"LSUB")
                if "\\noselect" not in one.attributes
            ),
        )


def footprint(server: ImapServer, user: str) -> dict[str, bytes]:
    """Return what changes with every APPEND, and on Dovecot and Cyrus with every STORE."""
    items = b"MESSAGES UIDNEXT UIDVALIDITY"
    with connect(server, user) as connection:
        if b"CONDSTORE" in connection.capabilities:
            items += b" HIGHESTMODSEQ"
        return {
            one.name: connection.command(b"STATUS %s (%s)" % (quoted(one.raw), items))[0]
            for one in connection.list_names()
            if not one.attributes & {"\\noselect", "\\nonexistent"}
        }


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def epoch_seconds(date: str) -> int:
    """Return seconds since 1970 of an INTERNALDATE."""
    found = _DATE.fullmatch(date)
    assert found is not None, date
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    wall = (int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second))
    offset = int(hours) * 3600 + int(minutes) * 60
    return calendar.timegm((*wall, 0, 0, 0)) - (offset if sign == "+" else -offset)
