"""A day of use: some mails arrive, some are read, flagged and marked, some are deleted."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from copying.corpus import Mail, new_mail
from copying.loader import Lane, batches
from copying.wire import Place, Session, quoted

_WHAT = (
    b"+FLAGS (\\Flagged)", b"-FLAGS (\\Seen)", b"+FLAGS ($Label2)", b"+FLAGS (\\Seen \\Answered)",
)  # fmt: skip
_DELETE = b"+FLAGS.SILENT (\\Deleted)"


def change(place: Place, seed: str = "changes") -> dict[str, int]:
    """Change a hundredth of a mailbox: 1 % arrives, 1 % gets other flags, 0.5 % is deleted."""
    chance = random.Random(seed)
    with Session(place) as session:
        mails = _list_mails(session)
        chance.shuffle(mails)
        share = max(1, len(mails) // 100)
        flagged, deleted = mails[:share], mails[share : share + max(1, share // 2)]
        # One command for many mails: Dovecot looks through the whole Maildir after each.
        todo: dict[bytes, dict[bytes, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, (folder, uid) in enumerate(flagged):
            todo[folder][_WHAT[number % len(_WHAT)]].append(uid)
        for folder, uid in deleted:
            todo[folder][_DELETE].append(uid)
        for folder, changes in todo.items():
            _apply(session, folder, changes)
        _deliver(session, [new_mail(number, "INBOX", seed) for number in range(share)])
    return {"new": share, "flags": share, "deleted": len(deleted)}


def _apply(session: Session, folder: bytes, changes: Mapping[bytes, Sequence[int]]) -> None:
    session.ask(b"SELECT " + quoted(folder))
    for what, uids in changes.items():
        numbers = b",".join(b"%d" % uid for uid in uids)
        session.ask(b"UID STORE %b %b" % (numbers, what))
        if what == _DELETE:
            session.ask(b"UID EXPUNGE " + numbers)
    session.ask(b"UNSELECT")


def _list_mails(session: Session) -> list[tuple[bytes, int]]:
    """Return every mail as folder and UID."""
    found = []
    for listed in session.folders():
        if not listed.is_selectable:
            continue
        session.ask(b"EXAMINE " + quoted(listed.name))
        for answer in session.ask(b"UID SEARCH ALL"):
            if (told := re.match(rb"\* SEARCH (.+)", answer.text)) is not None:
                found += [(listed.name, int(uid)) for uid in told[1].split()]
    return found


def _deliver(session: Session, mails: list[Mail]) -> None:
    lane = Lane(session, batches(mails))
    lane.run()
    if lane.failures:
        raise SystemExit(f"mails could not be delivered: {lane.failures[0]}")
