"""A target folder that another tool filled: its mails are found to be ours before anything is sent.

Runs once for each folder, before the ledger has a word of it. Headers are read only of mails that both sides
have of one size and date, bodies only where those prove nothing (module ``move.adoption``). What can not be
read is not adopted, but sent.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from switchover.move.adoption import NO_ID, NOT_ASKED, Adoption, Group, noted_flags
from switchover.move.beliefs import trust_of
from switchover.move.canonical import Form
from switchover.move.flags import PermanentFlags
from switchover.move.ledger import replay
from switchover.move.mail_name import message_id
from switchover.move.work.both import both
from switchover.move.work.mailbox import list_mails
from switchover.move.work.reading import read_headers, read_unbroken
from switchover.wire.imap.message_commands import FetchField
from switchover.wire.imap.quirks import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchover.move.work.folder import FolderCopy
    from switchover.move.work.looking import Look
    from switchover.move.work.mailbox import Opened
    from switchover.wire.imap.shell import Connection

_ARCHIVES = frozenset({Server.MAILDIR, Server.MBOX, Server.EML})
_MAILS_A_READ = 500
"""Mails whose digests are in memory together, unless more of them may be the same."""


async def adopt(copy: FolderCopy, seen: Look, here: Opened) -> None:
    """Write into the ledger of a folder that has none yet which of its mails the target holds.

    All rows come at once, so that a run which is killed in the middle leaves none and the next one looks again.
    """
    listed = await list_mails(copy.target, here)
    result = copy.result
    adoption = result.adoption
    if adoption is None or not adoption.is_of(seen.mails, listed):
        adoption = result.adoption = Adoption(seen.mails, listed)
    await Adopter(
        source=copy.source,
        target=copy.target,
        form=copy.form,
        adoption=adoption,
        our_breaks=result.breaks,
        their_breaks=result.copy_breaks,
    ).run()
    is_in_use, kept = copy.rules.is_in_use, here.permanent_flags
    permanent = None if kept is None else PermanentFlags.read(kept)
    for row in adoption.rows(
        # In use the copy's flags are its user's: they count as written.
        lambda ours, theirs: ours if is_in_use else noted_flags(ours, theirs, permanent)
    ):
        copy.store.write(copy.rows, row)
    copy.rows.ledger = replay(copy.rows.rows)
    result.adopted, result.adopted_redated = adoption.count, adoption.other_dates
    result.adoption = None


@dataclass(slots=True, kw_only=True)
class Adopter:
    """Finds the copies in one folder, which both connections have open.

    ``our_breaks`` and ``their_breaks`` count, by UID, how often a connection broke in the middle of a mail.
    """

    source: Connection
    target: Connection
    form: Form
    adoption: Adoption
    our_breaks: dict[int, int]
    their_breaks: dict[int, int]
    _waiting: list[Group] = field(default_factory=list)

    async def run(self) -> None:
        """Find them all. It may be run again after a connection was lost: what is found is kept."""
        adoption = self.adoption
        has_sizes = self._has_sizes()
        if has_sizes:
            await self._match(adoption.of_size_and_date, adoption.match_ids)
            await self._match(adoption.of_size, adoption.by_id)
        if not has_sizes or self.form is not Form.EXACT:
            await self._match(adoption.left, adoption.by_id)

    def _has_sizes(self) -> bool:
        profiles = (one.conversation.profile for one in (self.source, self.target))
        return all(trust_of(one, is_alone=True).sizes for one in profiles)

    async def _match(
        self,
        groups: Callable[[], Iterator[Group]],
        parts: Callable[[Group], Iterator[Group]],
    ) -> None:
        """Match within groups; ``parts`` says what of a group is to be read."""
        await self._read_ids(groups())
        # Made anew: as many groups as there are mails are not kept.
        for group in groups():
            for part in parts(group):
                self._waiting.append(part)
                if sum(map(_mails, self._waiting)) >= _MAILS_A_READ:
                    await self._read_waiting()
        await self._read_waiting()

    async def _read_ids(self, groups: Iterator[Group]) -> None:
        """Read the Message-IDs of mails that were not asked for theirs yet, on both sides at once."""
        adoption = self.adoption
        ours, theirs = array("q"), array("q")
        for group in groups:
            ours.extend(at for at in group.ours if adoption.our_ids[at] == NOT_ASKED)
            theirs.extend(at for at in group.theirs if adoption.their_ids[at] == NOT_ASKED)
        await both(
            _read_ids(self.source, adoption.source.uids, ours, adoption.our_ids),
            _read_ids(self.target, adoption.target.uids, theirs, adoption.their_ids),
        )

    async def _read_waiting(self) -> None:
        groups, self._waiting = self._waiting, []
        if not groups:
            return
        adoption = self.adoption
        our_uids = {adoption.source.uids[at] for group in groups for at in group.ours}
        their_uids = {adoption.target.uids[at] for group in groups for at in group.theirs}
        ours, theirs = await both(
            read_unbroken(self.source, our_uids, self.form, self.our_breaks),
            read_unbroken(self.target, their_uids, self.form, self.their_breaks),
        )
        for group in groups:
            adoption.match_digests(group, ours, theirs)


def _mails(group: Group) -> int:
    return len(group.ours) + len(group.theirs)


async def _read_ids(
    connection: Connection, uids: array[int], places: array[int], ids: array[int]
) -> None:
    """Read the Message-IDs of mails, named by their places, into ``ids``."""
    is_archive = connection.conversation.profile.server in _ARCHIVES
    field = FetchField.HEADER if is_archive else FetchField.MESSAGE_ID

    def take(uid: int, header: bytes) -> None:
        at = bisect_left(uids, uid)
        name = message_id(header)
        if name and at < len(uids) and uids[at] == uid:
            ids[at] = int.from_bytes(sha256(name).digest()[:7], "big") + 1

    await read_headers(connection, [uids[at] for at in places], field, take)
    for at in places:
        if ids[at] == NOT_ASKED:
            ids[at] = NO_ID
