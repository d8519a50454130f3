"""Mails that went from one source folder to another, moved on the target instead of sent again. Pure.

IMAP does not tell that a mail was moved: it vanishes in one folder and appears in another under a
new UID. A new mail whose size and date equal those of a vanished one may be it. Its body is read
(reading is the cheap side), and when the digest is the same too, the target copies or moves the
copy that it has already.

OBJECTID (RFC 8474; Cyrus 3.6 speaks it, Dovecot 2.3 does not) and X-GM-MSGID would name the mail without that
reading. They are not used: the id of a mail that vanished can be asked of nobody, so the ledger would have to
keep one for each mail, of up to 255 octets, to spare the reading of the few that were moved.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.move.flags import FlagSet
    from switchover.move.standing import State


class Arrived(NamedTuple):
    """A new mail in a source folder; its digest is b"" until the body was read."""

    folder: str
    source_uid: int
    size: int
    epoch_seconds: int
    flags: FlagSet
    digest: bytes = b""


class Departed(NamedTuple):
    """A mail that a source folder has no more, with its copy on the target.

    ``may_go`` is True when the copy is to be deleted there anyway: then it is moved, else copied.
    """

    folder: str
    source_uid: int
    target_uid: int
    size: int
    epoch_seconds: int
    flags: FlagSet
    digest: bytes
    may_go: bool = False


_Copies: TypeAlias = "dict[bytes, deque[Departed]]"


class Moved(NamedTuple):
    """A new mail and the copy that it gets."""

    arrived: Arrived
    departed: Departed


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOnTarget:
    """UID MOVE or UID COPY between the target folders of two source folders, in the order of ``mails``.

    It is not idempotent: an *intended* row with the UIDNEXT floor of the folder that receives comes
    before, as for an Append, and a *removed* row for what was moved after. Flags that differ are
    stored afterwards.
    """

    from_folder: str
    to_folder: str
    mails: tuple[Moved, ...]
    is_copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """``sure`` can be done; ``unread`` are new source UIDs by folder whose digest decides.

    ``unread_copies`` are target UIDs, by the source folder, of copies whose digest the ledger does not have (they
    were adopted, or fetched by dsync).
    """

    sure: tuple[MoveOnTarget, ...]
    unread: Mapping[str, tuple[int, ...]]
    unread_copies: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def plan_moves(arrived: Iterable[Arrived], departed: Iterable[Departed]) -> Moves:
    """Return which new mails the target has already, each copy being used once.

    Called first without digests; when something is unread, again with those that were read.
    """
    new = list(arrived)
    keys = {(mail.size, mail.epoch_seconds) for mail in new}
    unread_copies: defaultdict[str, list[int]] = defaultdict(list)
    copies: defaultdict[tuple[int, int], _Copies] = defaultdict(dict)
    for gone in departed:
        key = gone.size, gone.epoch_seconds
        if key not in keys:
            continue
        copies[key].setdefault(gone.digest, deque()).append(gone)
        if not gone.digest:
            unread_copies[gone.folder].append(gone.target_uid)
    sure: defaultdict[tuple[str, str, bool], list[Moved]] = defaultdict(list)
    unread: defaultdict[str, list[int]] = defaultdict(list)
    for mail in sorted(new, key=lambda one: (one.folder, one.source_uid)):
        candidates = copies.get((mail.size, mail.epoch_seconds))
        if not candidates:
            continue
        if not mail.digest:
            unread[mail.folder].append(mail.source_uid)
            continue
        if candidates.get(mail.digest):
            copy = candidates[mail.digest].popleft()
            sure[copy.folder, mail.folder, not copy.may_go].append(Moved(mail, copy))
    return Moves(
        sure=tuple(
            MoveOnTarget(from_folder=old, to_folder=new, mails=tuple(mails), is_copy=is_copy)
            for (old, new, is_copy), mails in sorted(sure.items())
        ),
        unread={folder: tuple(uids) for folder, uids in sorted(unread.items())},
        unread_copies={folder: tuple(uids) for folder, uids in sorted(unread_copies.items())},
    )


def may_lose(before: State, now: State | None) -> bool:
    """Return whether a folder may have lost mails: it would have more, had every new UID come on top."""
    if now is None or not before.uid_next or now.uid_validity != before.uid_validity:
        return False
    return before.messages + now.uid_next - before.uid_next > now.messages


def may_gain(before: State, now: State | None) -> bool:
    """Return whether a folder may have new mails."""
    return now is not None and now.messages > 0 and now.uid_next > before.uid_next
