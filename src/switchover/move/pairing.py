"""A folder paired again after its UIDVALIDITY changed on one side: the ledger's mails and a new listing. Pure.

A new UIDVALIDITY says that every UID may mean another mail now (RFC 9051 section 2.3.1.1). Mostly it is the
same mails under new numbers: a folder that was restored, rebuilt, moved to another server. Copying them
again would double a mailbox, so they are looked for in steps, each among what the one before left on both
sides:

1. Among mails of one size and date.
2. Among mails of one size: a restore may have lost the dates.
3. Among mails of one date: the server may have mended line ends, so that the size is another.
4. Among all.

Each step goes by digest: that of the ledger, and that of the body under the new UID. Size and date alone prove
nothing here. Between the ledger and a batch that was cut off lie seconds, and nobody else writes; between two
UIDVALIDITYs may lie months, in which a mail went and another of the same size and second came (an import that
gave one date to all, a series of notices) - and a mail that is taken for another is never copied. So a folder
that was renumbered is read once, on the side that renumbered it; nothing is sent. Where the ledger has no
digest, the other side is read too. Only where neither body can be had (both sides gave new UIDs) size and
date have to do.

Steps are left out where the server's sizes or dates mean nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from switchover.move.reconcile import Found, Reconciled, Sent, Trust, reconcile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_Mail = TypeVar("_Mail", Sent, Found)


def pair(
    known: Sequence[Sent],
    listed: Sequence[Found],
    *,
    trust: Trust,
    gone: Collection[int] = (),
) -> Reconciled:
    """Return which of ``known`` is which of ``listed``, as ``reconcile`` answers.

    ``not_stored`` are positions of mails that the folder has no more, ``others`` UIDs of mails that it
    did not have. It settles within eight rounds, if all bodies that it names are given.
    """
    stored: dict[int, int] = {}
    left = dict(enumerate(known))
    free = {one.uid: one for one in listed}
    answer = Reconciled(stored={})
    for step in _steps(trust):
        answer = _by_key(left, free, step, gone)
        stored |= answer.stored
        if not answer.is_settled:
            break
        left = {at: known[at] for at in answer.not_stored}
        free = {uid: free[uid] for uid in answer.others}
        if not left or not free:
            break
    return replace(answer, stored=dict(sorted(stored.items())))


def _steps(trust: Trust) -> list[Trust]:
    both = [(trust.sizes, trust.dates), (trust.sizes, False), (False, trust.dates), (False, False)]
    return [Trust(sizes=sizes, dates=dates) for sizes, dates in dict.fromkeys(both)]


def _by_key(
    known: dict[int, Sent], listed: dict[int, Found], trust: Trust, gone: Collection[int]
) -> Reconciled:
    """Match within each group of equal size and date, as far as those are trusted."""
    ours, theirs = _groups(known.items(), trust), _groups(listed.items(), trust)
    both = ours.keys() & theirs.keys()
    stored: dict[int, int] = {}
    not_stored = [at for key in ours.keys() - both for at in ours[key]]
    others = [uid for key in theirs.keys() - both for uid in theirs[key]]
    read_target: list[int] = []
    read_source: list[int] = []
    for key in both:
        places = ours[key]
        answer = reconcile(
            [known[at] for at in places],
            [listed[uid] for uid in theirs[key]],
            trust=trust,
            gone=[index for index, at in enumerate(places) if at in gone],
            by_keys=False,
        )
        stored.update((places[index], uid) for index, uid in answer.stored.items())
        not_stored += [places[index] for index in answer.not_stored]
        others += [*answer.others, *answer.surplus]
        read_target += answer.read_target
        read_source += [places[index] for index in answer.read_source]
    return Reconciled(
        stored=dict(sorted(stored.items())),
        not_stored=tuple(sorted(not_stored)),
        read_target=tuple(sorted(read_target)),
        read_source=tuple(sorted(read_source)),
        others=tuple(sorted(others)),
    )


def _groups(mails: Iterable[tuple[int, _Mail]], trust: Trust) -> dict[object, list[int]]:
    found: defaultdict[object, list[int]] = defaultdict(list)
    for name, mail in mails:
        found[trust.key(mail)].append(name)
    return found
