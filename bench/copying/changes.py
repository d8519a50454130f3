"""A day of use: some mails arrive, some are read, flagged and marked, some are deleted."""

from __future__ import annotations

import random
import re

from copying.corpus import Mail, new_mail
from copying.loader import Lane, batches
from copying.wire import Place, Session, quoted

_WHAT = (
    b"+FLAGS (\\Flagged)", b"-FLAGS (\\Seen)", b"+FLAGS ($Label2)", b"+FLAGS (\\Seen \\Answered)",
)  # fmt: skip


def change(place: Place, seed: str = "changes") -> dict[str, int]:
    """Change a hundredth of a mailbox: 1 % arrives, 1 % gets other flags, 0.5 % is deleted."""
    chance = random.Random(seed)
    with Session(place) as session:
        mails = _list_mails(session)
        chance.shuffle(mails)
        share = max(1, len(mails) // 100)
        flagged, deleted = mails[:share], mails[share : share + max(1, share // 2)]
        commands: dict[bytes, list[bytes]] = {}
        for number, (folder, uid) in enumerate(flagged):
            store = b"UID STORE %d " % uid + _WHAT[number % len(_WHAT)]
            commands.setdefault(folder, []).append(store)
        for folder, uid in deleted:
            commands.setdefault(folder, []).append(b"UID STORE %d +FLAGS (\\Deleted)" % uid)
            commands[folder].append(b"UID EXPUNGE %d" % uid)
        for folder, several in commands.items():
            session.ask(b"SELECT " + quoted(folder))
            for command in several:
                session.ask(command)
            session.ask(b"UNSELECT")
        _deliver(session, [new_mail(number, "INBOX", seed) for number in range(share)])
    return {"new": share, "flags": share, "deleted": len(deleted)}


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
