"""What lies on the target is adopted one for one, and nothing is adopted for what it is not."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.adoption import NO_ID, Adoption, Group, noted_flags
from switchover.move.flags import FlagSet, PermanentFlags
from switchover.move.ledger import replay

# A mail's body; its size and Message-ID follow from it, so that some mails share both and differ.
BODIES = "abcdef"
SIZES = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 3}
IDS = {"a": 5, "b": 5, "c": NO_ID, "d": NO_ID, "e": 6, "f": 7}


@dataclass
class Side:
    """Mails of one folder as columns."""

    mails: Sequence[tuple[str, int]]
    first: int
    uids: array[int] = field(init=False)
    sizes: array[int] = field(init=False)
    seconds: array[int] = field(init=False)
    zones: array[int] = field(init=False)
    flags: list[FlagSet] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.mails)
        self.uids = array("q", range(self.first, self.first + count))
        self.sizes = array("q", [SIZES[body] for body, _ in self.mails])
        self.seconds = array("q", [date for _, date in self.mails])
        self.zones = array("q", [0] * count)
        self.flags = [()] * count

    def ids(self) -> array[int]:
        return array("q", [IDS[body] for body, _ in self.mails])

    def digests(self, places: Sequence[int]) -> dict[int, bytes]:
        return {self.uids[at]: self.mails[at][0].encode() * 16 for at in places}


def settle(source: Side, target: Side) -> Adoption:
    """Adopt as the engine does, with every body that is asked for."""
    adoption = Adoption(source, target)
    adoption.our_ids, adoption.their_ids = source.ids(), target.ids()

    def read(parts: Iterator[Group]) -> None:
        for part in parts:
            ours, theirs = source.digests(part.ours), target.digests(part.theirs)
            adoption.match_digests(part, ours, theirs)

    for group in adoption.of_size_and_date():
        read(adoption.match_ids(group))
    for group in adoption.of_size():
        read(adoption.by_id(group))
    for group in adoption.left():
        read(adoption.by_id(group))
    return adoption


def pairs(adoption: Adoption) -> dict[int, int]:
    return replay(list(adoption.rows(lambda ours, _theirs: ours))).by_source_uid()


MAILS = st.lists(st.tuples(st.sampled_from(BODIES), st.integers(1, 2)), max_size=8)


@given(MAILS, MAILS)
def test_as_many_are_adopted_as_both_sides_have_in_common(
    ours: list[tuple[str, int]], theirs: list[tuple[str, int]]
) -> None:
    # What no tool makes: another mail under the size, date and Message-ID of one that is not there.
    theirs = [one for one in theirs if one[0] != "b" or ("a", one[1]) not in ours]
    ours = [one for one in ours if one[0] != "b" or ("a", one[1]) not in theirs]
    adoption = settle(Side(ours, 1), Side(theirs, 100))
    found = pairs(adoption)
    assert all(ours[one - 1][0] == theirs[other - 100][0] for one, other in found.items())
    common = Counter(body for body, _ in ours) & Counter(body for body, _ in theirs)
    assert Counter(ours[one - 1][0] for one in found) == common
    assert len(set(found.values())) == adoption.count == len(found)


def test_a_copy_of_the_same_date_comes_first() -> None:
    adoption = settle(Side([("c", 1)], 1), Side([("c", 2), ("c", 1)], 100))
    assert (pairs(adoption), adoption.other_dates) == ({1: 101}, 0)


def test_a_pair_by_message_id_has_no_digest_and_one_by_body_has_its_own() -> None:
    adoption = settle(Side([("f", 1), ("c", 1)], 1), Side([("f", 1), ("c", 9)], 100))
    known = replay(list(adoption.rows(lambda ours, _theirs: ours))).known()
    assert [one.mail.digest for one in known] == [b"", b"c" * 16]
    assert adoption.other_dates == 1


def test_flags_that_the_copy_can_not_keep_count_as_written() -> None:
    permanent = PermanentFlags.read([b"\\Seen"])
    assert noted_flags(("\\Seen", "work"), ("\\Seen",), permanent) == ("\\Seen", "work")
    assert noted_flags(("\\Seen", "work"), ("\\Seen",), None) == ("\\Seen",)
