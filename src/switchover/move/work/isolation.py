"""Mails that a target refuses, or at which it breaks off, found among those that were on their way with them.

A server that dies or falls silent at a mail answers none of those under way. They are sent again in small
groups, each with nothing beside it, and at last alone: so a mail costs a few connections, and the others
of its folder arrive. Mails that were refused together are halved instead (``take_parts``): there the target
goes on, and a group that it takes is done with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.move.append_batches import batches
from switchover.move.segment import Skip, SkipReason
from switchover.move.uid_columns import UidPairs
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.failure import Failure, Retry, Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import TypeVar

    from switchover.move.append_batches import BatchLimits
    from switchover.move.sync_action import Append
    from switchover.move.work.mail_columns import Mails

    _Mail = TypeVar("_Mail")

PARTS = 32
"""Into so many groups suspects are cut: 1,000 mails under way are down to one after two more breaks."""
MOST_BREAKS = 3
"""A mail at which the target broke off so often while nothing else was under way is left out."""
MOST_ISOLATED = 3
"""Mails left out one after the other with none stored between: then it is the target, not the mails."""

MAILS_AGAIN = 400
"""About so many mails are sent again at a time."""


def take_parts(refused: list[list[_Mail]], *, has_stored: bool) -> list[list[_Mail]]:
    """Take groups of two mails or more from the end of ``refused``; return them in halves.

    A target that has taken none yet gets one group at a time: whether it takes any is then soon known.
    """
    parts: list[list[_Mail]] = []
    most, mails = MAILS_AGAIN if has_stored else 1, 0
    while refused and mails < most:
        group = refused.pop()
        mails += len(group)
        middle = (len(group) + 1) // 2
        parts += [group[:middle], group[middle:]]
    return parts


class Suspects:
    """Mails of one folder that were under way when the target broke off; kept from one try to the next."""

    __slots__ = ("_breaks", "_in_a_row", "_left_out", "_sizes", "isolated", "narrowed")

    def __init__(self) -> None:
        """Begin with none."""
        self.isolated: dict[int, Skip] = {}
        """Mails that are not sent again in this run."""
        self.narrowed = 0
        """How often the suspects became fewer."""
        self._sizes: dict[int, int] = {}
        self._breaks: dict[int, int] = {}
        self._left_out: dict[int, Skip] = {}
        self._in_a_row = 0

    def __contains__(self, uid: object) -> bool:
        """True for a mail that goes out with nothing but its group under way."""
        return uid in self._sizes

    def note(self, uids: Collection[int], words: str) -> None:
        """Take the source UIDs that were under way when the target broke off with ``words``."""
        size = max(1, len(uids) // PARTS)
        if any(size < self._sizes.get(uid, 1 << 32) for uid in uids):
            self.narrowed += 1
        self._sizes |= dict.fromkeys(uids, size)
        if len(uids) == 1:
            (uid,) = uids
            self._breaks[uid] = self._breaks.get(uid, 0) + 1
            if self._breaks[uid] >= MOST_BREAKS:
                self.isolated[uid] = Skip(SkipReason.BREAKS_TARGET, words)
                self._in_a_row += 1

    def cut(self, appends: list[Append], mails: Mails, limits: BatchLimits) -> list[Append]:
        """Return what is to be sent, suspects in groups of their own and without those left out."""
        if not self._sizes:
            return appends
        sizes = UidPairs(mails.uids, mails.sizes)
        found: list[Append] = []
        for one in appends:
            for most, uids in self._runs(one.source_uids):
                narrow = replace(limits, mails_at_most=most) if most else limits
                found += batches(uids, sizes, narrow)
        return found

    def _runs(self, uids: Sequence[int]) -> list[tuple[int, list[int]]]:
        """Return runs of UIDs, each with how many may go out together, 0 for those beyond suspicion."""
        runs: list[tuple[int, list[int]]] = []
        for uid in uids:
            if uid in self.isolated:
                self._left_out[uid] = self.isolated[uid]
                continue
            most = self._sizes.get(uid, 0)
            if not runs or runs[-1][0] != most:
                runs.append((most, []))
            runs[-1][1].append(uid)
        return runs

    def take_left_out(self) -> dict[int, Skip]:
        """Return what was left out, once: the target has shown that it takes other mails."""
        left, self._left_out = self._left_out, {}
        self._in_a_row = 0
        return left

    def require_others(self, host: str, *, is_over: bool) -> None:
        """Raise ConnectionLost, not to be tried again, when the target breaks off whatever it gets.

        ``is_over``: there is no other mail to try, so that nobody knows whether it takes any.
        """
        if self._in_a_row < (1 if is_over else MOST_ISOLATED):
            return
        uid, skip = next(reversed(self.isolated.items()))
        were = "was" if self._in_a_row == 1 else "were"
        message = (
            f"{host} breaks off at every mail: {self._in_a_row} {were} sent alone, {MOST_BREAKS} times "
            f"each, and none was stored; at the mail with UID {uid}: {skip.detail}"
        )
        raise ConnectionLost(Failure(message=message, scope=Scope.MAILBOX, retry=Retry.NEVER))
