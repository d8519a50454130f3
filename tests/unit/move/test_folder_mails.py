"""Columns give back the mails that were put in, each once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.flags import PermanentFlags
from switchover.move.folder_mails import (
    FolderMails,
    is_not_delivered,
    not_delivered,
    pair_marks,
)
from switchover.move.proof_root import ProofMail, entries_of, entry

A, B = (bytes([n]) * 16 for n in (1, 2))
MAILS = st.lists(
    st.builds(
        ProofMail,
        uid=st.integers(1, 2**62),
        digest=st.sampled_from([A, B, bytes(16)]),
        epoch_seconds=st.integers(-(10**10), 10**12),
        flags=st.sampled_from([(), ("\\Seen",)]),
        size=st.none() | st.integers(0, 2**62),
    )
)


def columns(mails: list[ProofMail]) -> FolderMails:
    found = FolderMails()
    for mail in mails:
        found.add(mail)
    found.sort()
    return found


@given(MAILS)
def test_mails_come_back_by_uid_and_the_last_of_each_counts(mails: list[ProofMail]) -> None:
    wanted = {mail.uid: mail for mail in mails}
    found = columns(mails)
    assert list(found) == [wanted[uid] for uid in sorted(wanted)]
    assert found[:2] == list(found)[:2]


@given(MAILS, st.sampled_from([None, PermanentFlags.read([])]))
def test_columns_contribute_to_a_root_what_their_mails_do(
    mails: list[ProofMail], permanent: PermanentFlags | None
) -> None:
    found = columns(mails)
    assert list(entries_of(found, permanent)) == [entry(mail, permanent) for mail in found]


def test_a_listing_is_taken_in_columns() -> None:
    found = FolderMails()
    found.extend([5, 6], [1, 2], [(), ("x",)], [None, 2**64])
    assert list(found) == [
        ProofMail(5, bytes(16), 1),
        ProofMail(6, bytes(16), 2, ("x",), 2**63 - 1),
    ]


def test_behind_the_last_mail_is_none() -> None:
    with pytest.raises(IndexError):
        columns([])[0]


def test_digests_and_sizes_can_be_replaced() -> None:
    mails = columns([ProofMail(1, A, 0, (), 5), ProofMail(2, A, 0, (), 6), ProofMail(3, b"", 0)])
    mails.replace({2: B}, without_size=True)
    assert [(mail.digest, mail.size) for mail in mails] == [(A, 5), (B, None), (bytes(16), None)]
    mails.replace({1: B}, without_size=False)
    assert mails[0].size == 5
    mails.set_digests([A, A, A])
    mails.forget_sizes()
    assert [(mail.digest, mail.size) for mail in mails] == [(A, None)] * 3


def test_a_size_beyond_all_sense_is_only_large() -> None:
    assert columns([ProofMail(1, A, 0, (), 2**64)])[0].size == 2**63 - 1


def test_what_was_not_delivered_is_known_as_such() -> None:
    assert is_not_delivered(not_delivered(7, is_target=True))
    assert not_delivered(7, is_target=True) != not_delivered(7, is_target=False)
    assert not is_not_delivered(A)


@given(st.dictionaries(st.integers(1, 20), st.integers(1, 20)))
def test_marks_are_equal_for_pairs_only(pairs: dict[int, int]) -> None:
    left, right = map(list, pair_marks(range(1, 21), range(1, 21), pairs))
    for source, mark in enumerate(left, 1):
        same = [target for target, other in enumerate(right, 1) if other == mark]
        assert same == ([pairs[source]] if source in pairs else [])
        assert len(mark) == 16
