"""Differences with the words by which people know a mail. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.move.difference import Difference, DifferenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.move.mime_part import MailWords


def named(
    found: Iterable[Difference],
    source_words: Mapping[int, MailWords],
    target_words: Mapping[int, MailWords],
) -> list[Difference]:
    """Return the differences of one folder with subject and Message-ID, by UIDs of both sides."""
    return [_named(one, source_words, target_words) for one in found]


def _named(
    one: Difference, source_words: Mapping[int, MailWords], target_words: Mapping[int, MailWords]
) -> Difference:
    words = source_words.get(one.source_uid or 0) or target_words.get(one.target_uid or 0)
    if words is None:
        return one
    return replace(one, subject=words.subject, message_id=words.message_id)


def join_by_name(found: Iterable[Difference], kind: DifferenceKind) -> list[Difference]:
    """Return missing and extra mails of one Message-ID as one mail that differs in ``kind``.

    That is how a changed mail looks to whom no ledger tells which mail became which.
    """
    listed = list(found)
    extras: defaultdict[str, list[Difference]] = defaultdict(list)
    for one in reversed(listed):
        if one.kind is DifferenceKind.EXTRA and one.message_id and not one.explanation:
            extras[one.message_id].append(one)
    joined: dict[int, Difference] = {}
    gone: set[int] = set()
    for one in listed:
        same = extras.get(one.message_id)
        if one.kind is DifferenceKind.MISSING and not one.explanation and same:
            partner = same.pop()
            gone.add(id(partner))
            joined[id(one)] = replace(
                one, kind=kind, target_uid=partner.target_uid, target=partner.target, hint=""
            )
    return [joined.get(id(one), one) for one in listed if id(one) not in gone]
