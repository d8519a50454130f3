"""Folders that their owner renamed between two runs: found, so that no mail is sent again. Pure.

A folder keeps its UIDVALIDITY and its UIDs when it is renamed (RFC 9051 section 6.3.6). Two folders may have one
UIDVALIDITY by chance, so the mails must say the same: every UID that both have, of one size and date.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from switchover.move.kept_dates import FIRST_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.move.segment import LedgerMail
    from switchover.move.standing import State


def find_renames(
    gone: Mapping[bytes, State], fresh: Mapping[bytes, State]
) -> list[tuple[bytes, bytes]]:
    """Return old and new names that may be one folder, in the order of ``fresh``.

    ``gone`` are folders of the ledger that the source lists no more, as they were; ``fresh`` those that it
    lists and the ledger does not know. A UIDVALIDITY that several have tells nothing.
    """
    before = {state.uid_validity: name for name, state in gone.items()}
    times = Counter(state.uid_validity for state in gone.values())
    now = Counter(state.uid_validity for state in fresh.values())
    found = []
    for name, state in fresh.items():
        old = before.get(state.uid_validity)
        if old is None or times[state.uid_validity] > 1 or now[state.uid_validity] > 1:
            continue
        was = gone[old]
        if was.messages and 0 < was.uid_next <= state.uid_next:
            found.append((old, name))
    return found


def is_same_folder(
    known: Iterable[LedgerMail],
    listed: Mapping[int, tuple[int, int]],
    *,
    sizes_count: bool,
) -> bool:
    """Return whether a listing (UID to size and seconds) shows the mails of a ledger.

    ``sizes_count`` is False where a server only estimates RFC822.SIZE.
    """
    both = [(mail, listed[mail.source_uid]) for mail in known if mail.source_uid in listed]
    return bool(both) and all(
        mail.epoch_seconds in {seconds, max(FIRST_SECOND, seconds)}
        and (mail.size == size or not sizes_count)
        for mail, (size, seconds) in both
    )
