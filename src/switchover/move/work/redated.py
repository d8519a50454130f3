"""Mails that were copied with another date than theirs, with what a person finds them by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.move.kept_dates import FIRST_SECOND
from switchover.move.mail_name import MailName
from switchover.move.work.skipped import find_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.move.queries import CopyFolder
    from switchover.move.work.mailbox import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class RedatedMail:
    """A mail that the target refuses with its date ``source_seconds`` and has with ``target_seconds``; both UTC."""

    folder: str
    uid: int
    source_seconds: int
    target_seconds: int = FIRST_SECOND
    name: MailName = field(default_factory=MailName)


async def list_redated(
    found: Mapping[str, Mapping[int, int]], folders: Mapping[str, CopyFolder], source: Account
) -> list[RedatedMail]:
    """Return mails by folder and UID; ``found`` has their dates, UTC seconds.

    A source that does not answer any more only leaves them without names.
    """
    there = {name: dates for name, dates in found.items() if name in folders}
    named = await find_names(there, folders, source)
    listed = []
    for folder, dates in sorted(found.items()):
        for uid, seconds in sorted(dates.items()):
            _, name = named.get((folder, uid), (None, MailName()))
            listed.append(RedatedMail(folder=folder, uid=uid, source_seconds=seconds, name=name))
    return listed
