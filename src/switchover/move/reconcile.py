"""Which mails of a batch in doubt lie on the target: matching as a multiset, in order. Pure.

After a cut connection nobody knows how much of a batch the server has committed. IMAP offers no
question for it, and a marker put into the mail would break signatures and bytes. So the target is
listed at or above the UIDNEXT that was written down before sending, and what lies there is matched
with what was sent:

1. Equal digests belong together, one to one, the same date first, then in order. Where others write
   to the folder too, the dates must be equal as well.
2. What has no digest yet is matched by size and date, but only where no other mail of either side
   has the same ones, or where all that have are copies of one mail, and only if sizes and dates can
   be trusted and nobody else writes to the folder.
3. A mail counts as *not stored* only when nothing unexplained is left on the target that could be
   it. Until then the bodies named in the answer have to be read, and the question asked again with
   their digests.

The same matching pairs a folder again after its UIDVALIDITY changed (module ``pairing``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from switchover.move.flags import NO_FLAGS, FlagSet, comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from switchover.move.date_loss import DateLoss

Key = TypeVar("Key")
Value = TypeVar("Value")


class Sent(NamedTuple):
    """A mail that was to be stored: canonical size in bytes, UTC seconds; None and b"" where unknown."""

    size: int | None
    epoch_seconds: int | None
    digest: bytes = b""
    flags: FlagSet = NO_FLAGS


class Found(NamedTuple):
    """A mail that lies on the target; its digest is b"" until the body was read."""

    uid: int
    size: int | None
    epoch_seconds: int | None
    digest: bytes = b""
    flags: FlagSet = NO_FLAGS


_ALIKE: tuple[Callable[[Sent | Found], object], ...] = (
    attrgetter("epoch_seconds", "flags"),
    attrgetter("epoch_seconds"),
    lambda _: None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What may be believed about the target.

    ``sizes``: what it announces is the size of the canonical form (Exchange estimates). ``dates``:
    internal dates come back as given. ``is_alone``: nobody else adds mails to the folder (before
    the switch). ``loss`` says which dates come back otherwise all the same.
    """

    sizes: bool = True
    dates: bool = True
    is_alone: bool = True
    loss: DateLoss | None = None

    def key(self, mail: Sent | Found) -> tuple[int | None, int | None]:
        """Return what two equal mails surely share besides their digest."""
        return (
            mail.size if self.sizes else None,
            mail.epoch_seconds if self.dates else None,
        )

    @property
    def keys_are_enough(self) -> bool:
        """True when a match by size and date alone can be believed at all."""
        return self.sizes and self.dates and self.is_alone

    def mark(self, mail: Sent | Found) -> tuple[bytes, int | None]:
        """Return what a mail and its copy share once both were read."""
        # Where nobody else writes, a copy with a date that the server changed is still ours.
        is_date_sure = self.dates and not self.is_alone
        return mail.digest, mail.epoch_seconds if is_date_sure else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The answer. Positions count in ``sent``.

    ``stored`` maps positions to target UIDs. While ``read_target`` (UIDs) or ``read_source``
    (positions) name bodies, positions in neither ``stored`` nor ``not_stored`` are open.
    ``surplus`` are copies of ours beyond the number sent, ``others`` UIDs that are none of the
    mails sent, or that nobody had to look into.
    """

    stored: Mapping[int, int]
    not_stored: tuple[int, ...] = ()
    read_target: tuple[int, ...] = ()
    read_source: tuple[int, ...] = ()
    surplus: tuple[int, ...] = ()
    others: tuple[int, ...] = ()

    @property
    def is_settled(self) -> bool:
        """True when no body has to be read."""
        return not self.read_target and not self.read_source


def reconcile(
    sent: Sequence[Sent],
    found: Iterable[Found],
    *,
    trust: Trust,
    known: Collection[int] = (),
    gone: Collection[int] = (),
    by_keys: bool = True,
) -> Reconciled:
    """Return what of ``sent`` is stored, in the order it was sent.

    ``found`` is what the target lists at or above the floor; ``known`` are UIDs that belong to other
    batches, ``gone`` positions of which the source has no body any more, so that none can be asked
    for. Without ``by_keys`` size and date prove nothing, unless no body can be had. Batches of one folder that are in doubt together must be given together, joined in the
    order of sending. The answer settles within two rounds, if all bodies that it names are given.
    """
    elsewhere = frozenset(known)
    unknown = [one for one in found if one.uid not in elsewhere]
    work = _Matching(sent, sorted(unknown, key=attrgetter("uid")), trust, frozenset(gone))
    work.match_digests()
    work.match_changed_dates()
    if trust.keys_are_enough:
        if by_keys:
            work.match_keys()
        work.match_gone()
    return work.answer()


class _Matching:
    """The open positions and the unexplained UIDs, shrinking step by step."""

    def __init__(
        self, sent: Sequence[Sent], found: Sequence[Found], trust: Trust, gone: frozenset[int]
    ) -> None:
        self.gone = gone
        self.sent = sent
        self.trust = trust
        self.open = dict(enumerate(sent))
        self.unread = {one.uid: one for one in found if not one.digest}
        self.read = {one.uid: one for one in found if one.digest}
        self.stored: dict[int, int] = {}
        self.surplus: list[int] = []

    def match_digests(self) -> None:
        """Pair equal digests; more copies than were sent are surplus."""
        mark = self.trust.mark
        ours = _grouped((mark(mail), at) for at, mail in self.open.items() if mail.digest)
        theirs = _grouped((mark(one), uid) for uid, one in self.read.items())
        # While a digest is not known a copy too many may belong to that mail.
        is_all_known = not self._without_digest()
        for same in ours.keys() & theirs.keys():
            self._pair_copies(ours[same], theirs[same], self.read)
            if is_all_known:
                self.surplus += [uid for uid in theirs[same] if self.read.pop(uid, None)]

    def match_changed_dates(self) -> None:
        """Pair equal digests of which the dates differ because the target can not keep them."""
        if self.trust.loss is None:
            return
        theirs = _grouped((one.digest, uid) for uid, one in self.read.items())
        for at, mail in list(self.open.items()):
            for uid in theirs.get(mail.digest, ()):
                copy = self.read.get(uid)
                if copy and _is_same_date(mail.epoch_seconds, copy.epoch_seconds, self.trust.loss):
                    self._pair(at, uid)
                    break

    def _pair_copies(
        self, positions: Sequence[int], uids: Sequence[int], pool: Mapping[int, Found]
    ) -> None:
        """Pair copies of one mail: those alike in date and flags first, then in date, then in order."""
        for alike in _ALIKE:
            # Turned round, so that the first of its like is taken from the end of the list.
            free = _grouped((alike(pool[uid]), uid) for uid in reversed(uids) if uid in pool)
            for at in positions:
                same = free.get(alike(self.sent[at])) if at in self.open else None
                if same:
                    self._pair(at, same.pop())

    def match_keys(self) -> None:
        """Pair by size and date where that can mean one mail only."""
        ours = _grouped((self.trust.key(mail), at) for at, mail in self.open.items())
        theirs = _grouped((self.trust.key(one), uid) for uid, one in self.unread.items())
        # A copy that was read and is none of ours may still be one whose source was not read yet.
        doubtful = {self.trust.key(one) for one in self.read.values()}
        for key in ours.keys() & theirs.keys() - doubtful:
            positions, uids = ours[key], theirs[key]
            digests = {self.sent[at].digest for at in positions}
            is_one_mail = len(positions) == 1 or (len(digests) == 1 and b"" not in digests)
            if is_one_mail and len(uids) <= len(positions) and None not in key:
                self._pair_copies(positions, uids, self.unread)

    def match_gone(self) -> None:
        """Pair what can not be read any more with what was read and is nobody's, by size and date.

        Only once nothing else can claim it: then a copy that nobody but us can have put there has no
        other explanation, and forgetting it would leave it behind for good.
        """
        if self.unread or self._without_digest():
            return
        lost = {at for at in self.open.keys() & self.gone if not self.sent[at].digest}
        ours = _grouped((self.trust.key(self.sent[at]), at) for at in sorted(lost))
        theirs = _grouped((self.trust.key(one), uid) for uid, one in self.read.items())
        for key in ours.keys() & theirs.keys():
            self._pair_copies(ours[key], theirs[key], self.read)

    def _pair(self, at: int, uid: int) -> None:
        self.stored[at] = uid
        del self.open[at]
        self.unread.pop(uid, None)
        self.read.pop(uid, None)

    def _without_digest(self) -> set[int]:
        return {at for at, mail in self.open.items() if not mail.digest and at not in self.gone}

    def answer(self) -> Reconciled:
        """Say what is certain, and what must be read to know the rest."""
        suspects = self.unread.keys() if self.open else set()
        read_source = self._without_digest() if suspects or self.read else set()
        undecided = self.open.keys() if suspects else read_source
        return Reconciled(
            stored=dict(sorted(self.stored.items())),
            not_stored=tuple(sorted(self.open.keys() - undecided)),
            read_target=tuple(sorted(suspects)),
            read_source=tuple(sorted(read_source)),
            surplus=tuple(sorted(self.surplus)),
            others=tuple(sorted((self.unread.keys() - suspects) | self.read.keys())),
        )


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    groups: defaultdict[Key, list[Value]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def _is_same_date(ours: int | None, theirs: int | None, loss: DateLoss | None) -> bool:
    if ours is None or theirs is None or ours == theirs:
        return ours == theirs
    return loss is not None and bool(loss.explains(ours, theirs))


class Copy(NamedTuple):
    """A mail on the target that no ledger row names, with its body read."""

    uid: int
    digest: bytes
    epoch_seconds: int
    flags: FlagSet


class Written(NamedTuple):
    """What we wrote of one mail of the folder; ``flags`` are those that the folder keeps."""

    digest: bytes
    epoch_seconds: int
    flags: FlagSet


def surplus_copies(
    written: Iterable[Written],
    unknown: Iterable[Copy],
    *,
    floor: int,
    is_switched: bool,
    loss: DateLoss | None = None,
) -> tuple[int, ...]:
    """Return the UIDs of copies that a late commit of ours left behind and that may be removed.

    Only copies at or above ``floor`` that equal in body, date and flags a mail that we wrote into
    this folder: what somebody touched stays. Dates that ``loss`` explains are equal. After the switch
    nothing is removed.
    """
    if is_switched:
        return ()
    ours = _grouped(((one.digest, comparable(one.flags)), one.epoch_seconds) for one in written)
    return tuple(
        sorted(
            copy.uid
            for copy in unknown
            if copy.uid >= floor
            and copy.digest
            and any(
                _is_same_date(date, copy.epoch_seconds, loss)
                for date in ours.get((copy.digest, comparable(copy.flags)), ())
            )
        )
    )
