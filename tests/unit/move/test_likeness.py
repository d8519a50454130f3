"""One mailbox that was named twice is seen, and two mailboxes are not taken for one."""

from __future__ import annotations

import pytest

from switchover.move.likeness import Mark, look_like_one

BOX = (Mark("INBOX", 11, 30, 20), Mark("Sent", 12, 9, 8), Mark("Empty", 13, 1, 0))


def changed(name: str, **fields: int) -> list[Mark]:
    return [mark._replace(**fields) if mark.name == name else mark for mark in BOX]


def test_the_same_folders_with_the_same_uids_are_one_mailbox() -> None:
    assert look_like_one(BOX, tuple(reversed(BOX)))


def test_mail_that_arrives_between_the_looks_changes_nothing() -> None:
    assert look_like_one(BOX, changed("INBOX", uid_next=31, messages=21))


@pytest.mark.parametrize(
    "other",
    [
        changed("Empty", uid_validity=14),
        [*BOX, Mark("More", 15, 1, 0)],
        BOX[:2],
        [mark._replace(uid_next=mark.uid_next + 5) for mark in BOX],
        [],
    ],
)
def test_what_differs_is_another_mailbox(other: list[Mark]) -> None:
    assert not look_like_one(BOX, other)


def test_mailboxes_without_a_mail_never_look_alike() -> None:
    empty = [mark._replace(messages=0, uid_next=1) for mark in BOX]
    assert not look_like_one(empty, empty)
