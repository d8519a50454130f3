"""How fast a server answers, reads and writes, by a small load."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from switchover import clock
from switchover.move.work.mailbox import open_folder
from switchover.wire.imap import commands, message_commands, uid_set
from switchover.wire.imap.conversation import Answered
from switchover.wire.imap.message_commands import FetchField, NewMessage
from switchover.wire.imap.responses import BodyChunk, BodyEnd, Fetch

if TYPE_CHECKING:
    from switchover.move.probes.scratch import Scratch
    from switchover.wire.imap.shell import Connection

_MAILS: Final = 200
_READ_BYTES: Final = 4 * 2**20
_MAIL_BYTES = 8192
_BATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A rate: so many mails and bytes in so many seconds."""

    mails: int
    octets: int
    seconds: float

    @property
    def mails_a_second(self) -> float:
        """Mails a second."""
        return self.mails / max(self.seconds, 1e-6)

    @property
    def octets_a_second(self) -> float:
        """Bytes a second."""
        return self.octets / max(self.seconds, 1e-6)


async def round_trip_seconds(connection: Connection, rounds: int = 5) -> float:
    """Return the usual time of a command that does nothing."""
    taken = []
    for _ in range(rounds):
        started = clock.monotonic()
        await connection.run(commands.NOOP)
        taken.append(clock.monotonic() - started)
    return median(taken)


async def reading_pace(connection: Connection, raw: bytes) -> Pace | None:
    """Read some of the newest mails of a folder in one command; None where there is none."""
    there = await open_folder(connection, raw, to_write=False)
    if not there.messages:
        return None
    uids = await _newest(connection, there.uid_next)
    if not uids:
        return None
    started, mails, octets = clock.monotonic(), 0, 0
    command = message_commands.uid_fetch(uid_set.encode(uids), message_commands.body_fields())
    request = await connection.send(command)
    while request.answer is None:
        match await connection.next_event():
            case BodyChunk(data):
                octets += len(data)
            case BodyEnd():
                mails += 1
            case Answered(request=answered) if answered is request:
                break
            case _:
                pass
        if octets > 8 * _READ_BYTES:  # the sizes told were a lie
            break
    return Pace(mails=mails, octets=octets, seconds=clock.monotonic() - started)


async def _newest(connection: Connection, uid_next: int) -> list[int]:
    """Return the newest UIDs that together are small enough."""
    first = max(1, uid_next - 5 * _MAILS) if uid_next else 1
    command = message_commands.uid_fetch(b"%d:*" % first, (FetchField.UID, FetchField.SIZE))
    request = await connection.send(command)
    sizes: dict[int, int] = {}
    while request.answer is None:
        event = await connection.next_event()
        if isinstance(event, Fetch):
            sizes |= {item.uid: item.size or 0 for item in event.items if item.uid}
    connection.require(request)
    chosen: list[int] = []
    room = _READ_BYTES
    for uid in sorted(sizes, reverse=True)[:_MAILS]:
        room -= sizes[uid]
        if room < 0 and chosen:
            break
        chosen.append(uid)
    return sorted(chosen)


async def writing_pace(scratch: Scratch) -> Pace:
    """Write small mails into the scratch folder as a copy would, and return how fast that was."""
    connection = scratch.connection
    content = _mail()
    message = NewMessage(len(content), content=content)
    in_batches = "MULTIAPPEND" in connection.conversation.capabilities
    mails = _MAILS if in_batches else _MAILS // 4
    size = _BATCH if in_batches else 1
    batch = [message_commands.append(scratch.raw, *[message] * size) for _ in range(mails // size)]
    started = clock.monotonic()
    done = await connection.run_all(batch)
    seconds = clock.monotonic() - started
    stored = sum(size for one in done if one.is_ok)
    return Pace(mails=stored, octets=stored * len(content), seconds=seconds)


def _mail() -> bytes:
    head = b"From: probe@contoso.example\r\nSubject: how fast\r\n\r\n"
    line = b"0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n"
    return head + line * ((_MAIL_BYTES - len(head)) // len(line))
