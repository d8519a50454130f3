"""What is taken for a copy is one: nothing is found that is not there, and of equal mails no more than there are."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.adoption import NO_ID, Adoption, Group, noted_flags, shared
from switchover.move.flags import FlagSet, PermanentFlags
from switchover.move.ledger import replay

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))
SEEN: FlagSet = ("\\Seen",)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail as one side lists it; ``id`` stands for its Message-ID."""

    digest: bytes = A
    size: int = 10
    seconds: int = 1000
    id: int = NO_ID
    flags: FlagSet = ()


@dataclass(kw_only=True)
class Listing:
    """The columns of mails, whose UIDs are 1, 2, 3 and so on."""

    mails: Sequence[Mail]
    uids: array[int] = field(init=False)
    flags: list[FlagSet] = field(init=False)
    sizes: array[int] = field(init=False)
    seconds: array[int] = field(init=False)
    zones: array[int] = field(init=False)

    def __post_init__(self) -> None:
        self.uids = array("q", range(1, len(self.mails) + 1))
        self.flags = [one.flags for one in self.mails]
        self.sizes = array("q", [one.size for one in self.mails])
        self.seconds = array("q", [one.seconds for one in self.mails])
        self.zones = array("q", [60]) * len(self.mails)

    def digests(self) -> dict[int, bytes]:
        return dict(enumerate((one.digest for one in self.mails), 1))


def begun(source: Sequence[Mail], target: Sequence[Mail]) -> Adoption:
    adoption = Adoption(Listing(mails=source), Listing(mails=target))
    adoption.our_ids = array("q", [one.id for one in source])
    adoption.their_ids = array("q", [one.id for one in target])
    return adoption


def read(adoption: Adoption, group: Group) -> None:
    ours, theirs = adoption.source, adoption.target
    assert isinstance(ours, Listing)
    assert isinstance(theirs, Listing)
    adoption.match_digests(group, ours.digests(), theirs.digests())


def found(adoption: Adoption) -> dict[int, int]:
    """Return the UIDs of mails and of their copies, as the ledger tells them."""
    return replay(list(adoption.rows(lambda ours, _: ours))).by_source_uid()


def test_a_mail_alone_with_its_size_date_and_id_is_found_without_reading_it() -> None:
    adoption = begun([Mail(id=7), Mail(id=8, seconds=2000)], [Mail(id=8, seconds=2000), Mail(id=7)])
    unread = [one for group in adoption.of_size_and_date() for one in adoption.match_ids(group)]
    assert unread == []
    assert found(adoption) == {1: 2, 2: 1}
    assert (adoption.count, list(adoption.left())) == (2, [])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ([Mail(id=7), Mail(id=7)], [Mail(id=7)]),
        ([Mail(id=7)], [Mail(id=7), Mail(id=7)]),
        ([Mail()], [Mail()]),
        ([Mail(id=7, flags=("\\Draft",))], [Mail(id=7)]),
        ([Mail(id=7)], [Mail(id=7, flags=("\\Draft",))]),
    ],
    ids=["twins", "twin copies", "no id", "a draft", "a copy that is a draft"],
)
def test_what_proves_nothing_is_read(source: list[Mail], target: list[Mail]) -> None:
    adoption = begun(source, target)
    (same,) = adoption.of_size_and_date()
    assert list(adoption.match_ids(same)) == [same]
    assert adoption.count == 0
    read(adoption, same)
    assert adoption.count == 1


def test_mails_of_other_ids_are_not_compared() -> None:
    adoption = begun([Mail(id=7)], [Mail(id=8)])
    assert [one for group in adoption.left() for one in adoption.by_id(group)] == []


def test_a_copy_that_lost_its_date_or_its_size_is_found_by_what_is_in_it() -> None:
    adoption = begun([Mail(), Mail(size=20)], [Mail(seconds=2000), Mail(size=21)])
    assert [one for one in adoption.of_size_and_date() if one.theirs] == []
    for group in list(adoption.of_size()):
        read(adoption, group)
    assert found(adoption) == {1: 1}
    for group in list(adoption.left()):
        read(adoption, group)
    assert (found(adoption), adoption.other_dates) == ({1: 1, 2: 2}, 1)


def test_of_equal_copies_the_one_of_the_same_date_is_taken_first() -> None:
    adoption = begun([Mail(seconds=1), Mail(seconds=2)], [Mail(seconds=2), Mail(seconds=3)])
    for group in list(adoption.left()):
        read(adoption, group)
    assert (found(adoption), adoption.other_dates) == ({1: 2, 2: 1}, 1)


def test_what_can_not_be_read_is_not_found() -> None:
    adoption = begun([Mail(), Mail()], [Mail(), Mail()])
    (group,) = adoption.left()
    adoption.match_digests(group, {2: A}, {1: A})
    assert found(adoption) == {2: 1}


MAILS = st.lists(
    st.builds(
        Mail,
        digest=st.sampled_from([A, B, C]),
        size=st.sampled_from([10, 11]),
        seconds=st.integers(0, 2),
        flags=st.sampled_from([(), SEEN]),
    ),
    max_size=9,
)


@given(MAILS, MAILS)
def test_of_equal_mails_as_many_are_found_as_are_there(
    source: list[Mail], target: list[Mail]
) -> None:
    adoption = begun(source, target)
    # A second look at the same mails finds nothing more.
    for group in [*adoption.of_size_and_date(), *adoption.left(), *adoption.left()]:
        read(adoption, group)
    pairs = found(adoption)
    assert len(set(pairs.values())) == len(pairs) == adoption.count
    assert all(source[at - 1].digest == target[to - 1].digest for at, to in pairs.items())
    both = Counter(one.digest for one in source) & Counter(one.digest for one in target)
    assert adoption.count == both.total()
    assert adoption.other_dates == sum(
        source[at - 1].seconds != target[to - 1].seconds for at, to in pairs.items()
    )


@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_parts_of_a_group_share_a_key_and_hold_all_that_have_it(
    ours: list[int], theirs: list[int]
) -> None:
    places: defaultdict[int, Group] = defaultdict(lambda: Group([], []))
    for at, key in enumerate(ours):
        places[key].ours.append(at)
    for at, key in enumerate(theirs):
        places[key].theirs.append(at)
    whole = Group(list(range(len(ours))), list(range(len(theirs))))
    parts = list(shared(whole, ours.__getitem__, theirs.__getitem__))
    assert parts == [one for _, one in sorted(places.items()) if one.ours and one.theirs]


def test_the_rows_hold_digests_where_mails_were_read_and_what_flags_are_noted() -> None:
    adoption = begun([Mail(id=7, flags=SEEN), Mail(digest=B)], [Mail(digest=B), Mail(id=7)])
    for group in list(adoption.of_size_and_date()):
        for part in list(adoption.match_ids(group)):
            read(adoption, part)
    ledger = replay(list(adoption.rows(lambda ours, theirs: theirs)))
    assert ledger.by_source_uid() == {1: 2, 2: 1}
    assert [one.mail.digest for one in ledger.known()] == [b"", B]
    assert [one.mail.flags for one in ledger.known()] == [(), ()]


def test_it_goes_on_only_with_the_mails_that_it_began_with() -> None:
    adoption = begun([Mail()], [Mail(), Mail()])
    one, two = Listing(mails=[Mail()]), Listing(mails=[Mail(), Mail()])
    assert adoption.is_of(one, two)
    assert not adoption.is_of(two, two)
    assert not adoption.is_of(one, one)


@pytest.mark.parametrize(
    ("ours", "theirs", "permanent", "noted"),
    [
        (SEEN, SEEN, None, SEEN),
        (SEEN, (), None, ()),
        ((), SEEN, None, SEEN),
        ((*SEEN, "work"), SEEN, PermanentFlags.read((b"\\Seen",)), (*SEEN, "work")),
    ],
    ids=["the same", "less", "more", "what the target can not keep"],
)
def test_flags_are_noted_so_that_a_copy_with_others_gets_ours(
    ours: FlagSet, theirs: FlagSet, permanent: PermanentFlags | None, noted: FlagSet
) -> None:
    assert noted_flags(ours, theirs, permanent) == noted
