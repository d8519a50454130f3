"""People know a mail by its subject, and a changed mail by its Message-ID."""

from __future__ import annotations

from switchover.move.difference import Difference, DifferenceKind
from switchover.move.mime_part import MailWords
from switchover.move.naming import join_by_name, named

MISSING = Difference(kind=DifferenceKind.MISSING, folder="f", source_uid=1, source="then")
EXTRA = Difference(kind=DifferenceKind.EXTRA, folder="f", target_uid=7, target="now")
WORDS = MailWords("Hello", "<a@contoso.example>")


def test_differences_get_the_words_of_the_side_that_has_the_mail() -> None:
    other = MailWords("Other", "")
    found = named([MISSING, EXTRA], {1: WORDS}, {7: other})
    assert [one.subject for one in found] == ["Hello", "Other"]
    assert named([MISSING], {}, {}) == [MISSING]


def test_a_mail_that_came_back_changed_is_one_difference() -> None:
    found = named([MISSING, EXTRA], {1: WORDS}, {7: WORDS})
    (one,) = join_by_name(found, DifferenceKind.BYTES)
    assert (one.kind, one.source_uid, one.target_uid) == (DifferenceKind.BYTES, 1, 7)
    assert (one.source, one.target) == ("then", "now")


def test_mails_without_or_with_another_name_stay_two() -> None:
    other = WORDS._replace(message_id="<b@contoso.example>")
    assert len(join_by_name([MISSING, EXTRA], DifferenceKind.BYTES)) == 2
    found = named([MISSING, EXTRA], {1: WORDS}, {7: other})
    assert join_by_name(found, DifferenceKind.BYTES) == found


def test_each_mail_is_joined_once() -> None:
    found = named([MISSING, EXTRA, EXTRA], {1: WORDS}, {7: WORDS})
    assert [one.kind for one in join_by_name(found, DifferenceKind.HEADER)] == [
        DifferenceKind.HEADER,
        DifferenceKind.EXTRA,
    ]
