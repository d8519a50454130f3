"""Mails of which the source names no date that can be read: they get that of their own header."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.move.header_date import header_date
from switchover.move.uid_columns import found_in
from switchover.move.work.skipped import read_headers

if TYPE_CHECKING:
    from collections.abc import Collection

    from switchover.move.work.mailbox import Mails
    from switchover.wire.imap.shell import Connection


async def dated(
    source: Connection, mails: Mails, wanted: Collection[int]
) -> tuple[Mails, dict[int, int]]:
    """Return mails with a date each, and the dates given (UTC seconds) by UID; the source has their folder open.

    Asked are those of ``wanted`` that the listing puts at the first second of 1970: some are from then. One
    whose header tells no date either stays there.
    """
    asked = [
        uid
        for uid, seconds, zone in zip(mails.uids, mails.seconds, mails.zones, strict=True)
        if not seconds and not zone and uid in wanted
    ]
    if not asked:
        return mails, {}
    seconds, zones, given = mails.seconds[:], mails.zones[:], dict[int, int]()
    for item, header in await read_headers(source, asked):
        uid = item.uid or 0
        for _, place in found_in(mails.uids, [uid]):
            date = item.internal_date or header_date(header)
            if date is not None:
                seconds[place], zones[place] = date
            if item.internal_date is None:
                given[uid] = seconds[place]
    return replace(mails, seconds=seconds, zones=zones), given
