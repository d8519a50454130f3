"""Mails that were copied with another date than theirs, with what a person finds them by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.move.kept_dates import FIRST_SECOND
from switchover.move.mail_name import MailName
from switchover.move.work.skipped import find_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.move.queries import CopyFolder
    from switchover.move.work.mailbox import Account
    from switchover.move.work.report import FolderResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RedatedMail:
    """A mail that the target has with ``target_seconds`` and refuses with its date ``source_seconds``; both UTC.

    None for the date where the source names none that can be read.
    """

    folder: str
    uid: int
    source_seconds: int | None
    target_seconds: int = FIRST_SECOND
    name: MailName = field(default_factory=MailName)


async def list_redated(
    results: Iterable[FolderResult], folders: Mapping[str, CopyFolder], source: Account
) -> list[RedatedMail]:
    """Return the mails of these results with other dates, by folder and UID.

    A source that does not answer any more only leaves them without names.
    """
    found: dict[str, dict[int, tuple[int | None, int]]] = {}
    for one in results:
        found[one.name] = {
            **{uid: (seconds, FIRST_SECOND) for uid, seconds in one.redated.items()},
            **{uid: (None, given) for uid, given in one.undated.items()},
        }
    there = {name: dates for name, dates in found.items() if dates and name in folders}
    named = await find_names(there, folders, source) if there else {}
    listed = []
    for folder, dates in sorted(found.items()):
        for uid, (seconds, given) in sorted(dates.items()):
            _, name = named.get((folder, uid), (None, MailName()))
            listed.append(
                RedatedMail(
                    folder=folder, uid=uid, source_seconds=seconds, target_seconds=given, name=name
                )
            )
    return listed
