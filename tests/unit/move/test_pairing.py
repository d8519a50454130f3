"""After a new UIDVALIDITY every mail is found again, and nothing is taken for what it is not."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.pairing import pair
from switchover.move.reconcile import Found, Reconciled, Sent, Trust

TRUSTS = [Trust(sizes=sizes, dates=dates) for sizes in (True, False) for dates in (True, False)]
MAIL = st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(1, 2))


def size_of(body: bytes) -> int:
    return body[0] % 2


def settled(
    known: list[Sent], listed: list[Found], bodies: dict[int, bytes], trust: Trust
) -> tuple[Reconciled, int]:
    """Give every body that is asked for, and return the answer and how many were."""
    read = 0
    for _ in range(9):
        answer = pair(known, listed, trust=trust)
        if answer.is_settled:
            return answer, read
        assert not answer.read_source
        read += len(answer.read_target)
        listed = [
            one._replace(digest=bodies[one.uid]) if one.uid in answer.read_target else one
            for one in listed
        ]
    raise AssertionError("never settled")


@given(st.lists(MAIL, max_size=7), st.lists(MAIL, max_size=3), st.data(), st.sampled_from(TRUSTS))
def test_every_mail_that_is_still_there_is_found_and_no_other_is_taken_for_it(
    before: list[tuple[bytes, int]], new: list[tuple[bytes, int]], data: st.DataObject, trust: Trust
) -> None:
    kept = [one for one in before if data.draw(st.booleans())]
    # A mail that came since has a date of its own: what went can not be taken for it.
    after = data.draw(st.permutations([*kept, *((body, date + 10) for body, date in new)]))
    known = [Sent(size_of(body), date, body) for body, date in before]
    listed = [Found(100 + at, size_of(body), date) for at, (body, date) in enumerate(after)]
    bodies = {100 + at: body for at, (body, _) in enumerate(after)}
    answer, _ = settled(known, listed, bodies, trust)
    assert all(before[at][0] == bodies[uid] for at, uid in answer.stored.items())
    assert len(set(answer.stored.values())) == len(answer.stored)
    still = Counter(body for body, _ in before) & Counter(bodies.values())
    assert Counter(before[at][0] for at in answer.stored) == still
    assert sorted([*answer.stored, *answer.not_stored]) == list(range(len(before)))
    assert sorted([*answer.stored.values(), *answer.others]) == sorted(bodies)


def test_a_folder_that_was_only_renumbered_is_read_once() -> None:
    known = [Sent(10 + at, at, b"%d" % at) for at in range(50)]
    listed = [Found(500 + at, 10 + at, at) for at in range(50)]
    answer, read = settled(known, listed, {500 + at: b"%d" % at for at in range(50)}, Trust())
    assert (answer.stored, read) == ({at: 500 + at for at in range(50)}, 50)


def test_a_mail_of_the_same_size_and_second_is_not_taken_for_the_one_that_went() -> None:
    known = [Sent(10, 1, b"a"), Sent(20, 2, b"c")]
    listed = [Found(5, 10, 1), Found(7, 20, 2)]
    answer, _ = settled(known, listed, {5: b"b", 7: b"c"}, Trust())
    assert (answer.stored, answer.not_stored, answer.others) == ({1: 7}, (0,), (5,))


def test_what_no_known_mail_can_be_is_not_read() -> None:
    known = [Sent(10, 1, b"a")]
    listed = [Found(5, 10, 1), Found(6, 30, 3)]
    assert settled(known, listed, {5: b"a"}, Trust())[1] == 1


def test_a_restore_that_lost_the_dates_is_paired_by_digest() -> None:
    known = [Sent(10, 1, b"a"), Sent(11, 2, b"b")]
    listed = [Found(5, 10, 99), Found(6, 11, 99)]
    answer, _ = settled(known, listed, {5: b"a", 6: b"b"}, Trust())
    assert answer.stored == {0: 5, 1: 6}


def test_a_server_that_mended_line_ends_is_paired_by_digest() -> None:
    known = [Sent(10, 1, b"a")]
    answer, _ = settled(known, [Found(5, 12, 1)], {5: b"a"}, Trust())
    assert answer.stored == {0: 5}


@pytest.mark.parametrize("trust", TRUSTS)
def test_a_mail_that_nobody_can_read_is_paired_by_size_and_date_or_not_at_all(trust: Trust) -> None:
    known = [Sent(10, 1), Sent(10, 1)]
    listed = [Found(5, 10, 1, b"a"), Found(6, 10, 1, b"b"), Found(7, 99, 9, b"c")]
    answer = pair(known, listed, trust=trust, gone={0, 1})
    assert answer.is_settled
    assert answer.stored == ({0: 5, 1: 6} if trust.keys_are_enough else {})
