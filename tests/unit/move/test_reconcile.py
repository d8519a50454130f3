"""After doubt nothing is sent twice and nothing is given up for lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.date_loss import DateLoss
from switchover.move.reconcile import (
    Copy,
    Found,
    Reconciled,
    Sent,
    Trust,
    Written,
    reconcile,
    surplus_copies,
)

ALONE = Trust()
SHARED = Trust(is_alone=False)
EXCHANGE = Trust(sizes=False)


@dataclass
class Server:
    """Knows the body of each mail on both sides, and answers what is asked for."""

    sent: list[Sent]
    bodies: list[bytes]
    there: list[tuple[Found, bytes]]
    asked: Counter[str] = field(default_factory=Counter)

    def reconcile(self, trust: Trust) -> Reconciled:
        for _ in range(3):
            answer = reconcile(self.sent, [found for found, _ in self.there], trust=trust)
            if answer.is_settled:
                return answer
            self.asked["target"] += len(answer.read_target)
            self.asked["source"] += len(answer.read_source)
            self.there = [
                (found._replace(digest=body) if found.uid in answer.read_target else found, body)
                for found, body in self.there
            ]
            for at in answer.read_source:
                self.sent[at] = self.sent[at]._replace(digest=self.bodies[at])
        raise AssertionError("never settled")


MAILS = st.tuples(
    st.integers(1, 3), st.integers(1, 2), st.sampled_from([b"a", b"b", b"c"]), st.booleans()
)


@st.composite
def servers(draw: st.DrawFn, *, others: bool = False) -> Server:
    """A batch of which any part arrived, in order; some of it twice; sizes and dates that repeat."""
    mails = draw(st.lists(MAILS, max_size=7))
    sent = [
        Sent(len(body) + size * 10, date, body if known else b"")
        for size, date, body, known in mails
    ]
    # Equal bodies have equal sizes: the size follows from the body.
    sent = [one._replace(size=ord(mails[at][2]) % 2) for at, one in enumerate(sent)]
    bodies = [body for _, _, body, _ in mails]
    arrived = [at for at in range(len(mails)) if draw(st.booleans())]
    arrived += [at for at in arrived if draw(st.integers(0, 4)) == 0]
    there = [
        (Found(100 + n, sent[at].size, sent[at].epoch_seconds), bodies[at])
        for n, at in enumerate(arrived)
    ]
    if others:
        foreign = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 2)), max_size=3))
        there += [(Found(200 + n, s, d), b"foreign") for n, (s, d) in enumerate(foreign)]
    return Server(sent, bodies, there)


def check(server: Server, answer: Reconciled, *, with_dates: bool = False) -> None:
    """What is stored is as much as can be: each mail once, by body (and date)."""
    body_of = {
        found.uid: (body, found.epoch_seconds if with_dates else 0) for found, body in server.there
    }
    bodies = [
        (body, one.epoch_seconds if with_dates else 0)
        for body, one in zip(server.bodies, server.sent, strict=True)
    ]
    assert len(set(answer.stored.values())) == len(answer.stored)
    assert all(bodies[at] == body_of[uid] for at, uid in answer.stored.items())
    arrived = Counter(body_of.values())
    wanted = Counter(bodies)
    stored = Counter(bodies[at] for at in answer.stored)
    assert stored == arrived & wanted
    assert sorted([*answer.stored, *answer.not_stored]) == list(range(len(server.sent)))


@given(servers())
def test_what_arrived_is_found_and_the_rest_is_sent_again(server: Server) -> None:
    check(server, server.reconcile(ALONE))


@given(servers())
def test_a_server_whose_sizes_mean_nothing_is_read(server: Server) -> None:
    check(server, server.reconcile(EXCHANGE))


@given(servers(others=True))
def test_mails_of_others_are_never_taken_for_ours(server: Server) -> None:
    answer = server.reconcile(SHARED)
    check(server, answer, with_dates=True)
    assert not {uid for uid in answer.stored.values() if uid >= 200}
    assert not {uid for uid in answer.surplus if uid >= 200}


@given(servers(others=True))
def test_a_server_that_changes_dates_and_sizes_is_read(server: Server) -> None:
    check(server, server.reconcile(Trust(sizes=False, dates=False, is_alone=False)))


def test_a_batch_that_arrived_whole_is_known_without_reading() -> None:
    sent = [Sent(10, 1), Sent(20, 2), Sent(20, 3)]
    answer = reconcile(sent, [Found(7, 10, 1), Found(8, 20, 2), Found(9, 20, 3)], trust=ALONE)
    assert answer == Reconciled(stored={0: 7, 1: 8, 2: 9})


def test_an_empty_folder_means_that_nothing_arrived() -> None:
    assert reconcile([Sent(1, 1)], [], trust=ALONE) == Reconciled(stored={}, not_stored=(0,))


def test_nothing_is_given_up_while_something_unexplained_lies_there() -> None:
    # 1950 came back as 2086: date and key differ, the mail is the same.
    answer = reconcile([Sent(10, -631152000, b"d")], [Found(5, 10, 3660800000)], trust=ALONE)
    assert (answer.read_target, answer.not_stored, answer.is_settled) == ((5,), (), False)
    again = reconcile([Sent(10, -631152000, b"d")], [Found(5, 10, 3660800000, b"d")], trust=ALONE)
    assert again.stored == {0: 5}


def test_two_different_mails_of_one_size_and_second_are_told_apart_by_their_bodies() -> None:
    sent = [Sent(10, 1, b"a"), Sent(10, 1, b"b")]
    found = [Found(5, 10, 1), Found(6, 10, 1)]
    assert reconcile(sent, found, trust=ALONE).read_target == (5, 6)


def test_copies_of_one_mail_are_matched_in_order_without_reading() -> None:
    answer = reconcile([Sent(10, 1, b"a")] * 3, [Found(5, 10, 1), Found(6, 10, 1)], trust=ALONE)
    assert (answer.stored, answer.not_stored) == ({0: 5, 1: 6}, (2,))


def test_copies_of_one_mail_are_matched_by_their_flags_first() -> None:
    sent = [Sent(10, 1, b"a", ("\\Seen",)), Sent(10, 1, b"a")]
    answer = reconcile(sent, [Found(5, 10, 1)], trust=ALONE)
    assert (answer.stored, answer.not_stored) == ({1: 5}, (0,))


def test_a_late_commit_is_surplus() -> None:
    found = [Found(5, 10, 1, b"a"), Found(6, 10, 1, b"a")]
    answer = reconcile([Sent(10, 1, b"a")], found, trust=ALONE)
    assert (answer.stored, answer.surplus, answer.others) == ({0: 5}, (6,), ())


def test_a_copy_too_many_may_be_that_of_a_mail_not_read_yet() -> None:
    found = [Found(5, 10, 1, b"a"), Found(6, 10, 1, b"a")]
    answer = reconcile([Sent(10, 1, b"a"), Sent(10, 1)], found, trust=ALONE)
    assert (answer.read_source, answer.not_stored, answer.surplus) == ((1,), (), ())


def test_a_mail_that_the_source_has_no_more_is_not_asked_for() -> None:
    sent, found = [Sent(10, 1), Sent(10, 1, b"b")], [Found(5, 10, 1, b"a")]
    assert reconcile(sent, found, trust=ALONE).read_source == (0,)
    answer = reconcile(sent, found, trust=ALONE, gone=[0])
    assert (answer.is_settled, answer.stored, answer.not_stored) == (True, {0: 5}, (1,))


def test_mails_of_other_batches_are_left_aside() -> None:
    answer = reconcile([Sent(10, 1)], [Found(5, 10, 1), Found(6, 10, 1)], trust=ALONE, known=[5])
    assert answer.stored == {0: 6}


def test_nothing_is_read_when_everything_is_accounted_for() -> None:
    answer = reconcile([], [Found(5, 10, 1), Found(6, 1, 1, b"x")], trust=ALONE)
    assert (answer.is_settled, answer.others) == (True, (5, 6))


def test_where_others_write_everything_unknown_is_read() -> None:
    found = [Found(5, 10, 1), Found(6, 11, 1)]
    answer = reconcile([Sent(10, 1)], found, trust=SHARED)
    assert (answer.read_target, answer.read_source, answer.others) == ((5, 6), (0,), ())


def test_where_others_write_an_equal_mail_of_another_date_is_not_ours() -> None:
    answer = reconcile([Sent(10, 1, b"a")], [Found(5, 10, 2, b"a")], trust=SHARED)
    assert (answer.stored, answer.not_stored, answer.others) == ({}, (0,), (5,))


def test_a_renumbered_folder_is_paired_by_digest_alone() -> None:
    bodies = [b"a", b"b", b"a", b"c"]
    ledger = [Sent(10, at, body) for at, body in enumerate(bodies)]
    listing = [
        Found(1, 10, 3, b"c"),
        Found(2, 10, 0, b"a"),
        Found(3, 10, 2, b"a"),
        Found(4, 1, 1, b"new"),
    ]
    answer = reconcile(ledger, listing, trust=SHARED)
    assert (answer.stored, answer.not_stored, answer.others) == ({0: 2, 2: 3, 3: 1}, (1,), (4,))


def test_a_copy_that_only_a_mail_gone_from_the_source_can_explain_is_taken_for_it() -> None:
    sent = [Sent(10, 1), Sent(10, 1, b"b")]
    listing = [Found(5, 10, 1, b"a"), Found(6, 10, 1, b"b"), Found(7, 11, 1, b"c")]
    answer = reconcile(sent, listing, trust=ALONE, gone=[0])
    assert (answer.stored, answer.others) == ({0: 5, 1: 6}, (7,))
    shared = reconcile(sent, listing, trust=SHARED, gone=[0])
    assert (shared.stored, shared.not_stored) == ({1: 6}, (0,))


@pytest.mark.parametrize("is_switched", [False, True])
def test_only_untouched_copies_of_ours_are_surplus_and_only_before_the_switch(
    is_switched: bool,
) -> None:
    written = [Written(b"a", 1, ("\\Seen",)), Written(b"b", 1, ())]
    unknown = [
        Copy(20, b"a", 1, ("\\Seen",)),
        Copy(21, b"a", 1, ()),  # somebody changed its flags
        Copy(22, b"a", 2, ("\\Seen",)),  # another date: not written by us
        Copy(23, b"c", 1, ()),  # not ours
        Copy(24, b"", 1, ()),  # not read
        Copy(9, b"b", 1, ()),  # older than anything we sent
    ]
    assert surplus_copies(written, unknown, floor=10, is_switched=is_switched) == (
        () if is_switched else (20,)
    )


def test_in_use_a_date_that_the_target_could_not_keep_is_no_other_date() -> None:
    sent = [Sent(10, 5_000, b"a"), Sent(10, -5, b"b"), Sent(10, 900, b"c")]
    listing = [Found(5, 10, 1_000, b"a"), Found(6, 10, 2**32 - 5, b"b"), Found(7, 10, 1_000, b"c")]
    trust = Trust(is_alone=False, loss=DateLoss(wraps=True, now=1_100, begun=950))
    assert reconcile(sent, listing, trust=trust).stored == {0: 5, 1: 6}
    assert reconcile(sent, listing, trust=SHARED).stored == {}


def test_a_late_copy_with_its_flags_spelled_and_its_date_kept_otherwise_is_surplus() -> None:
    written = [Written(b"a", 5_000, ("Work",)), Written(b"b", 1, ())]
    unknown = [
        Copy(20, b"a", 1_000, ("work",)),
        Copy(21, b"a", 1_000, ("work", "\\Seen")),  # somebody read it
        Copy(22, b"b", 1_000, ()),
    ]
    loss = DateLoss(now=1_100, begun=950)
    assert surplus_copies(written, unknown, floor=1, is_switched=False, loss=loss) == (20,)
    assert surplus_copies(written, unknown, floor=1, is_switched=False) == ()
