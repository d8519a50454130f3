"""The proof of one folder: read both sides, compare, and look closer where they differ."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from switchover.errors import Corrupt
from switchover.model.wording import counted
from switchover.move.canonical import Form
from switchover.move.difference import Difference, DifferenceKind, Level
from switchover.move.flags import folded, spelled
from switchover.move.folder_mails import FolderMails, looks, not_delivered, pair_marks
from switchover.move.ledger import FolderLedger
from switchover.move.naming import join_by_name, named
from switchover.move.proof import Allowance, FolderContents, FolderProof, prove_folder, sample
from switchover.move.proof_root import ProofMail, entry
from switchover.move.segment import reasons_of
from switchover.move.selection import Selection
from switchover.move.uid_columns import place_of
from switchover.move.work.mail_sink import MailSink, UidSink, WordSink
from switchover.wire.imap import uid_set
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.failure import Scope
from switchover.wire.imap.message_commands import FetchField, body_fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from switchover.move.flags import PermanentFlags
    from switchover.move.mime_part import MailWords
    from switchover.move.work.folder_match import FolderMatch
    from switchover.move.work.inventory import Folder
    from switchover.move.work.side_reader import SideReader

_LISTING = (FetchField.UID, FetchField.FLAGS, FetchField.INTERNAL_DATE, FetchField.SIZE)
_FIELDS = {
    Level.PAIRS: _LISTING,
    Level.HEADERS: (*_LISTING, FetchField.HEADER),
    Level.BODIES: body_fields(),
}
_MAILS_A_SET = {Level.PAIRS: 20_000, Level.HEADERS: 2_000, Level.BODIES: 500}
_UIDS_A_SET = 1_000
_UIDS_SHOWN = 20
_NAMED_A_FOLDER = 200
"""Differing mails of a folder and side whose headers are read for their subject."""
_LINE_ENDS = "only line ends or NUL differ, and --form lines takes those for the same"
KEPT = "the source has it no more; copies stay unless --delete was given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How the mails are compared: level, canonical form, whether sizes mean anything, dates that survive.

    ``sampled`` is the share of mails whose bodies are read at level 3, None for all.
    """

    level: Level
    form: Form
    compares_sizes: bool
    allowance: Allowance
    selection: Selection = field(default_factory=Selection)
    sampled: float | None = None
    seed: bytes = b""
    takes_keyword: Callable[[bytes], bool] = lambda _: True


@dataclass(slots=True, kw_only=True)
class FolderCheck:
    """Proves one folder; ``permanent_flags`` asks the target what a folder keeps."""

    match: FolderMatch
    ledger: FolderLedger | None
    source: SideReader
    target: SideReader
    depth: Depth
    progress: Callable[[int, int], None]
    permanent_flags: Callable[[bytes], Awaitable[PermanentFlags | None]]
    bodies: int = 0
    skipped: dict[int, str] = field(default_factory=dict)
    left: dict[int, str] = field(default_factory=dict)
    """Mails that the copy put off, and why: another run brings them."""

    async def run(self) -> tuple[FolderProof, list[Difference]]:
        """Return the outcome with every difference, each named as well as it can be."""
        contents = await self._contents()
        level = self.depth.level
        proof, found = prove_folder(contents, level=level)
        if level is Level.COUNTS:
            return proof, self._hinted(found)
        suspects = [one for one in found if one.kind is DifferenceKind.SIZE]
        if suspects and self.depth.form is not Form.EXACT:
            await self._read_suspects(contents, suspects)
            proof, found = prove_folder(contents, level=level)
        if contents.target is not None and _have_flags(found):
            permanent = await self.permanent_flags(_raw(self.match.target))
            allowance = replace(
                contents.allowance,
                permanent_flags=permanent,
                refused_keywords=_refused(contents, self.depth.takes_keyword),
            )
            proof, found = prove_folder(replace(contents, allowance=allowance), level=level)
        return proof, self._hinted(await self._named(await self._judged(found)))

    async def _contents(self) -> FolderContents:
        match, ledger = self.match, self.ledger or FolderLedger()
        counts = [_messages(one) for one in (match.source, match.target)]
        self.skipped = reasons_of(ledger.skipped, may_pass=False)
        self.left = reasons_of(ledger.skipped, may_pass=True)
        contents = FolderContents(
            folder=match.name,
            target_name=match.target_name,
            source=None if match.source is None else (),
            target=None if match.target is None else (),
            source_mails=counts[0],
            target_mails=counts[1],
            skipped=self.skipped,
            left=self.left,
            kept=dict.fromkeys(ledger.vanished.values(), KEPT),
            known_up_to=(match.known.source_uid_next or None) if match.known else None,
            allowance=self.depth.allowance,
        )
        if self.depth.level is Level.COUNTS:
            return contents
        pairs = ledger.by_source_uid()
        sides = await asyncio.gather(
            self._read(self.source, match.source, is_target=False),
            self._read(self.target, match.target, is_target=True),
        )
        if sides[0] is not None:
            self._leave_out(sides[0], pairs)
        if sides[0] is not None and sides[1] is not None:
            await self._mark(sides[0], sides[1], pairs)
        return replace(
            contents,
            skipped=self.skipped,
            left=self.left,
            source=sides[0],
            target=sides[1],
            pairs=pairs,
            source_mails=None,
            target_mails=None,
        )

    def _leave_out(self, source: FolderMails, pairs: Mapping[int, int]) -> None:
        """Keep of the reasons those of mails that are there, and add those of mails that nobody wanted."""
        unwanted = self.depth.selection.leave_out(
            (mail.uid, mail.epoch_seconds, mail.size or 0)
            for mail in (() if self.depth.selection.is_everything else source)
            if mail.uid not in pairs
        )
        self.skipped, self.left = (
            {uid: why for uid, why in found.items() if place_of(uid, source.uids) is not None}
            for found in (self.skipped, self.left)
        )
        self.skipped |= {uid: str(why) for uid, why in unwanted.items()}
        self.left = {uid: why for uid, why in self.left.items() if uid not in unwanted}

    async def _mark(
        self, source: FolderMails, target: FolderMails, pairs: Mapping[int, int]
    ) -> None:
        """Give the mails digests by their pairs where nothing of them was read, and read the sample."""
        if not self.depth.compares_sizes or self._reads() is Level.BODIES:
            source.forget_sizes()
            target.forget_sizes()
        if self._reads() > Level.PAIRS:
            return
        if self.ledger is not None:
            kept = self.ledger.vanished.values()
            # Other forms change sizes: those are read closer.
            found = looks(source, target, kept, with_size=self.depth.form is Form.EXACT)
            left, right = pair_marks(source.uids, target.uids, pairs, found)
            source.set_digests(left)
            target.set_digests(right)
        if self.depth.sampled is not None:
            await self._read_sample(source, target)

    async def _read_sample(self, source: FolderMails, target: FolderMails) -> None:
        """Read some mails on both sides; those that show alike are read all, so that none is mistaken."""
        size = -(-len(source) * self.depth.sampled // 1) if self.depth.sampled else 0
        chosen = set(sample(source.uids, size=int(size), seed=self.depth.seed))
        marks = {entry(mail) for mail in source if mail.uid in chosen}
        uids = [[mail.uid for mail in side if entry(mail) in marks] for side in (source, target)]
        digests = await self._both_digests(uids[0], uids[1], self.depth.form)
        self.bodies = len(uids[0])
        source.replace(digests[0], without_size=True)
        target.replace(digests[1], without_size=True)

    def _reads(self) -> Level:
        return Level.PAIRS if self.depth.sampled is not None else self.depth.level

    def _fields(self) -> tuple[FetchField, ...]:
        level = self._reads()
        if level is Level.BODIES and self.depth.selection.largest_bytes:
            return (*_LISTING, FetchField.BODY)
        return _FIELDS[level]

    async def _read(
        self, side: SideReader, folder: Folder | None, *, is_target: bool
    ) -> FolderMails | None:
        """Return all mails of a folder, None without a folder."""
        if folder is None:
            return None
        level = self._reads()
        form = self.depth.form if level > Level.PAIRS else None
        sink = self._sink(form, is_target=is_target)
        if _messages(folder) == 0:
            return sink.mails
        is_whole = False
        try:
            exists = await side.read(
                folder.raw, _uid_sets(folder, _MAILS_A_SET[level]), self._fields(), sink
            )
            sink.mails.sort()
            is_whole = len(sink.mails) >= exists
        except ConnectionLost as error:
            if error.failure.scope is not Scope.MESSAGE:
                raise
        if not is_whole:
            await self._fill_gaps(side, folder, sink, is_target=is_target)
        return sink.mails

    async def _fill_gaps(
        self, side: SideReader, folder: Folder, sink: MailSink, *, is_target: bool
    ) -> None:
        """Ask for mails that did not come, one by one; what still does not come is noted as such.

        Raises Corrupt where the folder has mails that are listed in no way that can be read.
        """
        listing = MailSink(None, is_target=is_target, progress=lambda *_: None)
        await side.read(folder.raw, [b"1:*"], _LISTING, listing)
        here = set(sink.mails.uids)
        for mail in listing.mails:
            if mail.uid not in here:
                await self._fill_gap(side, folder.raw, sink, mail, is_target=is_target)
        sink.mails.sort()
        named = UidSink()
        exists = await side.read(folder.raw, [b"1:*"], (FetchField.UID,), named)
        unread = sorted(named.uids.difference(sink.mails.uids))
        untold = exists - len(named.uids.union(sink.mails.uids))
        if unread or untold > 0:
            raise Corrupt(_incomplete(side.account.target.host, unread, untold))

    async def _fill_gap(
        self, side: SideReader, raw: bytes, sink: MailSink, mail: ProofMail, *, is_target: bool
    ) -> None:
        level = self._reads()
        if level is Level.PAIRS:
            sink.mails.add(mail)
            return
        before = len(sink.mails)
        try:
            await side.read(raw, [b"%d" % mail.uid], self._fields(), sink)
        except ConnectionLost as error:
            if error.failure.scope is not Scope.MESSAGE:
                raise
        if len(sink.mails) == before:
            digest = not_delivered(mail.uid, is_target=is_target)
            sink.mails.add(mail._replace(digest=digest, size=None))

    async def _both_digests(
        self, source_uids: Sequence[int], target_uids: Sequence[int], form: Form
    ) -> tuple[dict[int, bytes], dict[int, bytes]]:
        """Return digests of whole mails of both sides by UID, in a form."""
        left, right = await asyncio.gather(
            _digests(
                self.source, self.match.source, source_uids, self._sink(form, is_target=False)
            ),
            _digests(self.target, self.match.target, target_uids, self._sink(form, is_target=True)),
        )
        return left, right

    def _sink(self, form: Form | None, *, is_target: bool) -> MailSink:
        return MailSink(form, is_target=is_target, progress=self.progress)

    async def _read_suspects(self, contents: FolderContents, suspects: list[Difference]) -> None:
        """Let the whole mail decide where only the size differs: a rewritten line end changes it."""
        source_uids = [one.source_uid for one in suspects if one.source_uid is not None]
        target_uids = [one.target_uid for one in suspects if one.target_uid is not None]
        digests = await self._both_digests(source_uids, target_uids, self.depth.form)
        for side, found in zip((contents.source, contents.target), digests, strict=True):
            if isinstance(side, FolderMails):
                side.replace(found, without_size=True)

    async def _judged(self, found: list[Difference]) -> list[Difference]:
        """Return the differences with a hint at mails of which only line ends or NUL differ."""
        changed = [one for one in found if one.kind is DifferenceKind.BYTES]
        pairs = {one.source_uid or 0: one.target_uid or 0 for one in changed}
        if not pairs or self.depth.form is not Form.EXACT or len(pairs) > _NAMED_A_FOLDER:
            return found
        uids = list(pairs), list(pairs.values())
        left, right = await self._both_digests(*uids, Form.LINES)
        alike = {uid for uid, partner in pairs.items() if left[uid] == right[partner]}
        return [
            replace(one, hint=_LINE_ENDS)
            if one.kind is DifferenceKind.BYTES and one.source_uid in alike
            else one
            for one in found
        ]

    async def _named(self, found: list[Difference]) -> list[Difference]:
        """Return the differences with subject and Message-ID, as many as are worth reading headers for."""
        sources = [one.source_uid for one in found if one.source_uid is not None]
        targets = [
            one.target_uid for one in found if one.source_uid is None and one.target_uid is not None
        ]
        words = await asyncio.gather(
            self._words(self.source, self.match.source, sources),
            self._words(self.target, self.match.target, targets),
        )
        kind = DifferenceKind.BYTES
        if self.depth.level is Level.HEADERS:
            kind = DifferenceKind.HEADER
        result = named(found, *words)
        return join_by_name(result, kind) if self.depth.level > Level.PAIRS else result

    async def _words(
        self, side: SideReader, folder: Folder | None, uids: Iterable[int]
    ) -> dict[int, MailWords]:
        sink = WordSink()
        few = sorted(set(uids))[:_NAMED_A_FOLDER]
        if folder is not None and few:
            fields = (FetchField.UID, FetchField.FLAGS, FetchField.HEADER)
            await side.read(folder.raw, _sets_of(few), fields, sink)
        return sink.words

    def _hinted(self, found: list[Difference]) -> list[Difference]:
        """Put what is known of the folder itself to a difference about it."""
        hint = self.match.hint
        if not hint:
            return found
        return [
            replace(one, explanation=hint)
            if one.kind is DifferenceKind.FOLDER_EXTRA
            else replace(one, hint=one.hint or hint)
            for one in found
        ]


def _incomplete(host: str, unread: Sequence[int], untold: int) -> str:
    few = ", ".join(map(str, unread[:_UIDS_SHOWN])) + (", ..." if len(unread) > _UIDS_SHOWN else "")
    parts = [f"lists mails in no way that can be read (UID {few})"] if unread else []
    parts += [f"has {counted(untold, 'mail')} more than it names"] if untold > 0 else []
    return f"{host} {' and '.join(parts)}: nothing is proved of this folder"


async def _digests(
    side: SideReader, folder: Folder | None, uids: Sequence[int], sink: MailSink
) -> dict[int, bytes]:
    """Return the digest of each of these mails; of one that is not handed out, one like no other."""
    if folder is None or not uids:
        return {}
    await side.read(folder.raw, _sets_of(sorted(uids)), body_fields(), sink)
    found = {mail.uid: mail.digest for mail in sink.mails}
    return {uid: found.get(uid) or not_delivered(uid, is_target=sink.is_target) for uid in uids}


def _refused(contents: FolderContents, takes: Callable[[bytes], bool]) -> frozenset[bytes]:
    """Return the keywords of the source for which the target refuses mails, and which none of its mails has."""
    there, here = (
        {name for flags in {mail.flags for mail in side or ()} for name in flags}
        for side in (contents.source, contents.target)
    )
    refused = {folded(name) for name in there if not (name[:1] == "\\" or takes(spelled(name)))}
    return frozenset(refused - {folded(name) for name in here})


def _have_flags(found: Iterable[Difference]) -> bool:
    return any(one.kind in {DifferenceKind.FLAGS, DifferenceKind.KEYWORDS} for one in found)


def _messages(folder: Folder | None) -> int | None:
    return None if folder is None or folder.status is None else folder.status.messages


def _raw(folder: Folder | None) -> bytes:
    return b"" if folder is None else folder.raw


def _uid_sets(folder: Folder, most: int) -> list[bytes]:
    """Return sets that hold all UIDs of a folder, of about ``most`` mails each."""
    status = folder.status
    messages, following = (status.messages, status.uid_next) if status else (None, None)
    if not messages or not following or messages <= most:
        return [b"1:*"]
    step = max(1, following * most // messages)
    firsts = range(1, following, step)
    sets = [b"%d:%d" % (first, first + step - 1) for first in firsts]
    # The last is open: mail may have come meanwhile. It holds the last mail at least, perhaps again.
    return [*sets[:-1], b"%d:*" % firsts[-1]]


def _sets_of(uids: Sequence[int]) -> list[bytes]:
    return [uid_set.encode(uids[at : at + _UIDS_A_SET]) for at in range(0, len(uids), _UIDS_A_SET)]
