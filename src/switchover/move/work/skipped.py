"""The mails that stay behind, with what a person finds them by: asked of the source when all else is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import SwitchoverError
from switchover.move.mail_name import MailName, read_mail_name
from switchover.move.segment import SkipReason
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.mailbox import open_folder, open_mailbox
from switchover.move.work.reading import commands_for
from switchover.wire.imap import message_commands
from switchover.wire.imap.message_commands import FetchField
from switchover.wire.imap.responses import BodyChunk, BodyEnd, BodyStart

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from switchover.move.queries import CopyFolder
    from switchover.move.segment import Skip
    from switchover.move.work.mailbox import Account
    from switchover.move.work.report import CopyReport
    from switchover.store.pool import Database
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.fetch import FetchItem
    from switchover.wire.imap.shell import Connection

_MOST_NAMED = 1000
"""Mails of a folder that are looked up; of more than that only the UIDs are told."""
_LONGEST_HEADER_BYTES = 64 * 1024
_FIELDS = (FetchField.UID, FetchField.INTERNAL_DATE, FetchField.SIZE, FetchField.HEADER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedMail:
    """A mail that is not copied; what the source does not tell (any more) is empty or None."""

    folder: str
    uid: int
    skip: Skip
    name: MailName = field(default_factory=MailName)
    size: int | None = None
    epoch_seconds: int | None = None

    @property
    def is_behind(self) -> bool:
        """False for a mail that was on the target until somebody deleted it there."""
        return self.skip.reason is not SkipReason.DELETED_THERE


async def list_skipped(
    database: Database, folders: Mapping[str, CopyFolder], source: Account
) -> list[SkippedMail]:
    """Return all mails that were ever skipped and still are, by folder and UID.

    ``folders`` are those where mails may have been skipped, by name. A source that does not answer any more only
    leaves the mails without names.
    """
    store = LedgerStore(database=database, pair_id=0)
    skips = {
        name: dict((await store.load(folder)).ledger.skipped) for name, folder in folders.items()
    }
    skips = {name: found for name, found in skips.items() if found}
    named = await find_names(skips, folders, source) if skips else {}
    listed = []
    for folder, found in sorted(skips.items()):
        for uid, skip in sorted(found.items()):
            item, name = named.get((folder, uid), (None, MailName()))
            date = item.internal_date if item else None
            listed.append(
                SkippedMail(
                    folder=folder,
                    uid=uid,
                    skip=skip,
                    name=name,
                    size=item.size if item else None,
                    epoch_seconds=date.epoch_seconds if date else None,
                )
            )
    return listed


async def name_redated(
    report: CopyReport, folders: Mapping[str, CopyFolder], source: Account
) -> None:
    """Put the mails that went over with another date into the report, named as those that stay behind."""
    found = [one for one in report.folders if one.redated or one.undated]
    if found:
        from switchover.move.work.redated import list_redated  # noqa: PLC0415 - start-up time

        report.redated = await list_redated(found, folders, source)


async def find_names(
    mails: Mapping[str, Collection[int]], folders: Mapping[str, CopyFolder], source: Account
) -> dict[tuple[str, int], tuple[FetchItem, MailName]]:
    """Return what the source tells of mails, by folder and UID, as far as it can be asked."""
    named: dict[tuple[str, int], tuple[FetchItem, MailName]] = {}
    try:
        connection = await open_mailbox(source)
        try:
            for folder, found in mails.items():
                await open_folder(connection, folders[folder].source_name, to_write=False)
                for item, header in await read_headers(connection, sorted(found)[:_MOST_NAMED]):
                    if item.uid is not None and item.uid in found:
                        named[folder, item.uid] = item, read_mail_name(header)
        finally:
            await connection.close()
    except SwitchoverError:
        pass  # the mails are told without names then; nothing depends on them
    return named


async def read_headers(
    connection: Connection, uids: Collection[int]
) -> list[tuple[FetchItem, bytes]]:
    """Return what the selected folder tells of mails, with their headers; of a huge one the beginning."""
    found: list[tuple[FetchItem, bytes]] = []
    for command in commands_for(connection, _fetch_headers, uids):
        await _read_into(connection, command, found)
    return found


def _fetch_headers(text: bytes) -> Command:
    return message_commands.uid_fetch(text, _FIELDS)


async def _read_into(
    connection: Connection, command: Command, found: list[tuple[FetchItem, bytes]]
) -> None:
    request = await connection.send(command)
    item: FetchItem | None = None
    header = bytearray()
    while request.answer is None:
        match await connection.next_event():
            case BodyStart(item=item):
                header.clear()
            case BodyChunk(data) if len(header) < _LONGEST_HEADER_BYTES:
                header += data
            case BodyEnd() if item is not None:
                found.append((item, bytes(header)))
            case _:
                pass
    connection.require(request)
