"""Batches hold every mail once, in order, within their limits."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.append_batches import BatchLimits, batches

LIMITS = BatchLimits(bytes_at_most=100, mails_at_most=5, alone_bytes=50)


@given(st.lists(st.integers(0, 130), max_size=60))
def test_every_mail_is_in_one_batch_within_the_limits(sizes: list[int]) -> None:
    uids = range(1, len(sizes) + 1)
    by_uid = dict(zip(uids, sizes, strict=True))
    found = batches(uids, by_uid, LIMITS)
    assert [uid for one in found for uid in one.source_uids] == list(uids)
    for one in found:
        own = [by_uid[uid] for uid in one.source_uids]
        assert one.size_bytes == sum(own)
        assert one.is_alone or (sum(own) <= 100 and len(own) <= 5)
        assert one.is_alone or all(0 < size <= 50 for size in own)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_batches_are_as_full_as_they_may_be(sizes: list[int]) -> None:
    by_uid = dict(enumerate(sizes, start=1))
    found = batches(list(by_uid), by_uid, LIMITS)
    for one, following in pairwise(found):
        is_full = len(one.source_uids) == 5
        assert is_full or one.size_bytes + by_uid[following.source_uids[0]] > 100


def test_without_sizes_the_count_bounds() -> None:
    assert [one.source_uids for one in batches(range(1, 8), None, LIMITS)] == [
        (1, 2, 3, 4, 5),
        (6, 7),
    ]


def test_nothing_to_send_makes_no_batch() -> None:
    assert batches([], {}, LIMITS) == batches([], None, LIMITS) == []
