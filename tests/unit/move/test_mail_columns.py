"""What FETCH tells becomes columns, in whatever order and however often it comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.work.mail_columns import FlagGatherer, MailGatherer
from switchover.wire.imap.fetch import FetchItem

FLAGS = st.sampled_from([(), (b"\\Seen",), (b"$x",)])
ITEMS = st.lists(
    st.tuples(st.integers(1, 12), FLAGS, st.none() | st.integers(0, 99)).map(
        lambda told: FetchItem(*told)
    ),
    max_size=20,
)
DATE = b"17-Jul-2024 02:44:25 +0200"


@given(ITEMS)
def test_what_came_last_of_a_mail_counts(items: list[FetchItem]) -> None:
    gathered = FlagGatherer()
    gathered.take(items)
    uids, flags = gathered.columns()
    model = {one.uid: one.flags for one in items}
    assert list(uids) == sorted(one for one in model if one is not None)
    told = [tuple(name.encode() for name in entry) for entry in flags]
    assert told == [model[uid] for uid in uids]


@given(ITEMS)
def test_a_size_is_kept_when_only_flags_come_again(items: list[FetchItem]) -> None:
    gathered = MailGatherer()
    gathered.take(items)
    mails = gathered.mails()
    sizes = {one.uid: one.size for one in items if one.size is not None}
    assert list(mails.sizes) == [sizes.get(uid, 0) for uid in mails.uids]
    assert len(mails.flags) == len(mails.seconds) == len(mails.zones) == len(mails.uids)


def test_details_are_of_mails_that_were_listed_and_sized() -> None:
    gathered = MailGatherer()
    gathered.take([FetchItem(uid, (b"\\Seen",)) for uid in (3, 5, 7, 9)])
    gathered.take([FetchItem(uid, None, uid * 10, DATE) for uid in (9, 5, 4)])
    uids, flags = gathered.columns()
    mails = gathered.details(uids[1:], flags[1:])
    assert (list(mails.uids), list(mails.sizes)) == ([5, 9], [50, 90])
    assert (mails.flags, list(mails.zones)) == ([("\\Seen",)] * 2, [120, 120])


def test_numbers_that_no_mail_has_do_no_harm() -> None:
    gathered = MailGatherer()
    gathered.take([FetchItem(1, (), 2**64 - 1), FetchItem(2**64 - 1, (), 5), FetchItem(None, ())])
    mails = gathered.mails()
    assert list(mails.uids) == [1]
    assert mails.sizes[0] * 2**22 < 2**63  # four million such mails can be added up


@given(ITEMS)
def test_every_mail_counts_of_which_a_size_or_flags_came(items: list[FetchItem]) -> None:
    gathered = MailGatherer()
    gathered.take([one._replace(flags=None) if one.uid == 3 else one for one in items])
    named = {one.uid for one in items if one.size is not None or one.uid != 3}
    mails = gathered.every()
    assert list(mails.uids) == sorted(uid for uid in named if uid is not None)
    assert all(flags == () for uid, flags in zip(mails.uids, mails.flags, strict=True) if uid == 3)
