"""Tries torture mails, keywords and names in the scratch folder and reads back what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from switchover.errors import Refused
from switchover.move.probes.fidelity import Keywords, Outcome
from switchover.move.probes.finding import Verdict
from switchover.move.probes.naming import Lengths, NameOutcome
from switchover.move.probes.torture import (
    LONGEST_KEYWORD,
    NAME_CHARACTERS,
    ODD_KEYWORDS,
    NameTorture,
    torture_names,
)
from switchover.move.work.mailbox import open_folder
from switchover.wire.imap import commands, message_commands, uid_set
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.mailbox_name import NameEncoding, decode, encode
from switchover.wire.imap.message_commands import FetchField, FlagChange, NewMessage
from switchover.wire.imap.response_codes import AppendUid
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart, Fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchover.move.probes.scratch import Scratch
    from switchover.move.probes.torture import TortureMail
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.shell import Connection

_MOST_READ_BYTES: Final = 16 * 2**20
"""Far more than was written: a server that sends more makes it up."""
_LONGEST_LEVEL = 255
_DEEPEST = 20


@dataclass(slots=True, kw_only=True)
class _Stored:
    """A mail that was taken; ``uid`` is None where the server does not say."""

    mail: TortureMail
    uid: int | None


@dataclass(slots=True, kw_only=True)
class _Read:
    """One mail of the scratch folder as it came back."""

    item: FetchItem | None = None
    content: bytearray = field(default_factory=bytearray)


async def try_mails(scratch: Scratch, mails: Sequence[TortureMail]) -> list[Outcome]:
    """Append each mail by itself, read all back, and return what became of each."""
    refused: dict[int, Outcome] = {}
    stored: dict[int, _Stored] = {}
    for at, mail in enumerate(mails):
        command = message_commands.append(
            scratch.raw, NewMessage(len(mail.content), mail.flags, mail.date.encode())
        )
        request, words = await scratch.try_out(command, mail.content)
        if words is not None:
            refused[at] = Outcome(mail=mail, refusal=words, cuts=request is None)
        else:
            code = request.answer.code if request and request.answer else None
            uids = code.uids if isinstance(code, AppendUid) and code.uids.count == 1 else None
            stored[at] = _Stored(mail=mail, uid=next(iter(uids.numbers())) if uids else None)
    found = await read_all(scratch)
    _find_uids(list(stored.values()), found)
    outcomes = refused | {at: _outcome(one, found) for at, one in stored.items()}
    return [outcomes[at] for at in range(len(mails))]


def _find_uids(stored: Sequence[_Stored], found: dict[int, _Read]) -> None:
    """Without UIDPLUS mails lie in the order sent, if none is missing; else their Message-IDs tell."""
    unnamed = [one for one in stored if one.uid is None]
    free = sorted(found.keys() - {one.uid for one in stored})
    if len(unnamed) == len(free):
        for one, uid in zip(unnamed, free, strict=True):
            one.uid = uid
        return
    for one in unnamed:
        mark = f"<{one.mail.kind.name.lower()}.".encode()
        one.uid = next(
            (uid for uid in free if mark in one.mail.content and mark in found[uid].content), None
        )
        free = [uid for uid in free if uid != one.uid]


def _outcome(one: _Stored, found: dict[int, _Read]) -> Outcome:
    read = found.get(one.uid or 0)
    item = read.item if read else None
    if read is None or item is None:
        return Outcome(mail=one.mail)
    return Outcome(
        mail=one.mail,
        content=bytes(read.content),
        size_told=item.size,
        flags=tuple(item.flags or ()),
        date=item.internal_date,
    )


async def read_all(scratch: Scratch) -> dict[int, _Read]:
    """Return every mail of the scratch folder by its UID."""
    connection = scratch.connection
    there = await open_folder(connection, scratch.raw, to_write=True)
    if not there.messages:
        return {}
    fields = (FetchField.UID, FetchField.FLAGS, FetchField.INTERNAL_DATE, FetchField.SIZE)
    found = {
        item.uid: _Read(item=item)
        for item in await _items(connection, b"1:*", fields)
        if item.uid is not None
    }
    await _read_bodies(connection, found)
    return found


async def _items(
    connection: Connection, uids: bytes, fields: Sequence[FetchField]
) -> list[FetchItem]:
    request = await connection.send(message_commands.uid_fetch(uids, tuple(fields)))
    items: list[FetchItem] = []
    while request.answer is None:
        event = await connection.next_event()
        if isinstance(event, Fetch):
            items += event.items
    connection.require(request)
    return items


async def _read_bodies(connection: Connection, found: dict[int, _Read]) -> None:
    """Read the bodies of what is found; the UID may be told before the body or behind it."""
    command = message_commands.uid_fetch(
        uid_set.encode(sorted(found)), (FetchField.UID, FetchField.BODY)
    )
    request = await connection.send(command)
    uid: int | None = None
    body, total = bytearray(), 0
    while request.answer is None:
        match await connection.next_event():
            case BodyStart(item=item):
                uid, body = item.uid, bytearray()
            case BodyChunk(data):
                total += len(data)
                if total > _MOST_READ_BYTES:
                    raise Refused(
                        f"{connection.target.host} sends more than {_MOST_READ_BYTES} bytes "
                        "for mails of 1 MB: it is not to be trusted with any"
                    )
                body += data
            case BodyEnd():
                if uid in found:
                    found[uid].content = body
            case Fetch(items=items) if uid is None and items[0].uid in found:
                found[items[0].uid or 0].content = body
            case Answered(request=answered) if answered is request:
                break
            case _:
                pass
    connection.require(request)


async def try_keywords(scratch: Scratch) -> Keywords:
    """Set odd keywords one by one on a mail and return what became of them."""
    uid = await _first_uid(scratch)
    if uid is None:
        return Keywords()
    await _sets(scratch, uid, b"work")
    refused = [keyword for keyword in ODD_KEYWORDS if not await _sets(scratch, uid, keyword)]
    items = await _items(scratch.connection, uid, (FetchField.UID, FetchField.FLAGS))
    kept = frozenset(flag for item in items if item.flags for flag in item.flags)
    low, high = 1, LONGEST_KEYWORD
    if await _sets(scratch, uid, b"k" * high):
        return Keywords(kept=kept, refused=frozenset(refused))
    while high - low > 1:
        middle = (low + high) // 2
        if await _sets(scratch, uid, b"k" * middle):
            low = middle
        else:
            high = middle
    return Keywords(kept=kept, refused=frozenset(refused), longest=low)


async def _first_uid(scratch: Scratch) -> bytes | None:
    await open_folder(scratch.connection, scratch.raw, to_write=True)
    first = await _items(scratch.connection, b"1:*", (FetchField.UID, FetchField.FLAGS))
    return b"%d" % first[0].uid if first and first[0].uid else None


async def _sets(scratch: Scratch, uid: bytes, keyword: bytes) -> bool:
    """Return whether a mail takes a keyword."""
    command = message_commands.uid_store(uid, FlagChange.ADD, (keyword,))
    request, words = await scratch.try_out(command)
    if request is None:
        await open_folder(scratch.connection, scratch.raw, to_write=True)
    return words is None


async def try_names(scratch: Scratch) -> list[NameOutcome]:
    """Create a folder for each odd name below the scratch folder and return what LIST shows of it."""
    if not scratch.separator:
        return []
    names = torture_names(scratch.separator.decode("ascii", "replace"))
    await scratch.try_out(commands.create(scratch.child(b"aa")))
    known = await scratch.list_below()
    return [await _try_name(scratch, kind, level, known) for kind, level in names.items()]


async def _try_name(
    scratch: Scratch, kind: NameTorture, level: str, known: set[bytes]
) -> NameOutcome:
    """Try one name; ``known`` is what was there before and grows by what it makes."""
    raw = encode(level, NameEncoding.MODIFIED_UTF7)
    _, words = await scratch.try_out(commands.create(scratch.child(raw)))
    outcome = NameOutcome(kind=kind, level=level, refusal=words)
    if words is not None:
        return outcome
    there = await scratch.list_below()
    new = sorted(there - known, key=len)
    known |= there
    if not new:
        return outcome
    shown = new[-1].removeprefix(scratch.child(b""))
    return replace(outcome, found=decode(shown, NameEncoding.MODIFIED_UTF7))


async def try_characters(scratch: Scratch, names: Sequence[NameOutcome]) -> str:
    """Return the characters that no name may hold, of those in names that were not taken as they are.

    Nothing where the server does not bear so many refusals.
    """
    bad = [one.kind for one in names if one.verdict is not Verdict.KEPT]
    own = scratch.separator.decode("ascii", "replace")
    tried = {
        char: scratch.child(encode(f"a{char}b", NameEncoding.MODIFIED_UTF7))
        for kind in bad
        for char in NAME_CHARACTERS.get(kind, "")
        if char != own
    }
    if not tried:
        return ""
    try:
        await scratch.connection.run_all([commands.create(raw) for raw in tried.values()])
    except ConnectionLost as error:
        await scratch.reopen(error)
        return ""
    there = await scratch.list_below()
    return "".join(sorted(char for char, raw in tried.items() if raw not in there))


async def try_lengths(scratch: Scratch) -> Lengths:
    """Return how long and how deep names may be."""
    if not scratch.separator:
        return Lengths()
    level = await _longest(scratch, 1, _LONGEST_LEVEL, _one_level)
    deepest = await _longest(scratch, 1, _DEEPEST, _levels)
    around = len(scratch.child(b""))
    # Two levels that together are longer than the longest one: what counts is the level or all of it.
    is_whole = False
    if level is not None:
        part = max(1, level * 3 // 4)
        two = b"p" * part + scratch.separator + b"q" * part
        is_whole = not await _takes(scratch, two)
    base = scratch.raw.count(scratch.separator) + 1
    return Lengths(
        level=level,
        whole=None if level is None else around + level,
        is_whole=is_whole,
        deepest=None if deepest is None else base + deepest,
    )


def _one_level(scratch: Scratch, length: int) -> bytes:  # noqa: ARG001 - as _levels
    return b"n" * length


def _levels(scratch: Scratch, depth: int) -> bytes:
    return scratch.separator.join([b"d"] * depth)


async def _longest(
    scratch: Scratch, low: int, high: int, name: Callable[[Scratch, int], bytes]
) -> int | None:
    """Return the largest number of which the name is taken, None when ``high`` is."""
    if await _takes(scratch, name(scratch, high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if await _takes(scratch, name(scratch, middle)):
            low = middle
        else:
            high = middle
    return low


async def _takes(scratch: Scratch, below: bytes) -> bool:
    raw = scratch.child(below)
    _, words = await scratch.try_out(commands.create(raw))
    if words is not None:
        return False
    return raw in await scratch.list_below()
