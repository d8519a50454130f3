"""Whatever is done to a chain is found, with the entry and what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.directory.audit.chains import (
    AT,
    chain,
    entry,
    head_of,
    inspect,
    is_ours,
    rehashed,
    sealed,
    told,
)

from switchover.directory.audit.chain import ACCEPT, START, new_link
from switchover.directory.audit.inspection import (
    MOST_FAULTS,
    Fault,
    FaultKind,
    Head,
    Inspection,
    describe_span,
    fault_body,
)

LINKS = chain(9)
HEAD = head_of(LINKS)


def test_a_chain_as_it_was_written_is_whole() -> None:
    assert told(LINKS, HEAD) == []
    assert told(LINKS) == []
    assert told([]) == []


def test_a_head_may_lag_behind() -> None:
    assert told(LINKS, Head(number=4, hash=LINKS[3].hash), HEAD) == []


@pytest.mark.parametrize(
    "name", ["actor", "origin", "address", "client", "action", "subject", "outcome", "reason"]
)
def test_a_changed_text_is_found(name: str) -> None:
    changed = [*LINKS[:4], replace(LINKS[4], **{name: "x"}), *LINKS[5:]]
    assert told(changed, HEAD) == [("changed", 5, 5)]


@pytest.mark.parametrize(
    "changes", [{"before": None}, {"after": "{}"}, {"at": AT}, {"hash": "0" * 64}]
)
def test_a_changed_detail_time_or_hash_is_found(changes: dict[str, object]) -> None:
    changed = [*LINKS[:4], replace(LINKS[4], **changes), *LINKS[5:]]  # type: ignore[arg-type]
    found = told(changed, HEAD)
    assert found[0] == ("changed", 5, 5)
    assert len(found) == (2 if "hash" in changes else 1)


def test_a_change_with_its_hash_made_anew_is_found_at_the_next_entry_and_by_the_seal() -> None:
    forged = rehashed([replace(LINKS[4], reason="other", previous=LINKS[3].hash)])[0]
    forged = replace(forged, number=5, previous=LINKS[3].hash)
    forged = rehashed([*LINKS[:4], forged])[4]
    assert told([*LINKS[:4], forged, *LINKS[5:]], HEAD) == [("forged", 5, 5), ("broken", 6, 6)]


def test_an_entry_removed_from_the_middle_is_found() -> None:
    assert told([*LINKS[:4], *LINKS[5:]], HEAD) == [("missing", 5, 5)]
    assert told([*LINKS[:3], *LINKS[6:]], HEAD) == [("missing", 4, 6)]
    assert told(LINKS[2:], HEAD) == [("missing", 1, 2)]


def test_an_entry_removed_with_the_others_renumbered_is_found() -> None:
    moved = [replace(link, number=link.number - 1) for link in LINKS[5:]]
    assert told([*LINKS[:4], *moved], HEAD) == [("moved", 5, 8), ("cut", 9, 9)]


def test_entries_that_changed_places_are_found() -> None:
    swapped = [replace(LINKS[4], number=6), replace(LINKS[5], number=5)]
    found = told([*LINKS[:4], *sorted(swapped, key=lambda link: link.number), *LINKS[6:]], HEAD)
    assert found[:2] == [("moved", 5, 5), ("moved", 6, 6)]


def test_an_entry_put_in_is_found() -> None:
    forged = new_link(entry(), number=5, at=AT, previous=LINKS[3].hash)
    moved = [replace(link, number=link.number + 1) for link in LINKS[4:]]
    found = told([*LINKS[:4], forged, *moved], HEAD)
    assert ("forged", 5, 5) in found
    assert ("moved", 6, 10) in found


def test_an_entry_added_at_the_end_without_our_key_is_found() -> None:
    forged = new_link(entry(), number=10, at=AT, previous=LINKS[-1].hash)
    assert told([*LINKS, forged], HEAD) == [("forged", 10, 10)]
    assert told([*LINKS, replace(forged, seal=LINKS[-1].seal)], HEAD) == [("forged", 10, 10)]


def test_entries_cut_off_at_the_end_are_found() -> None:
    assert told(LINKS[:6], HEAD) == [("cut", 7, 9)]
    assert told([], HEAD) == [("cut", 1, 9)]


def test_a_chain_written_anew_as_a_whole_is_found() -> None:
    forged = rehashed([replace(LINKS[0], reason="other"), *LINKS[1:]])
    found = told(forged, HEAD)
    assert ("forged", 1, 9) in found
    assert ("rewritten", 9, 9) in found


def test_a_chain_of_another_key_is_told_apart() -> None:
    others = [replace(link, seal="other:x") for link in LINKS]
    assert told(others, HEAD) == [("unknown-key", 1, 9)]


def test_without_seals_the_chain_alone_is_judged() -> None:
    inspection = Inspection()
    for link in LINKS:
        inspection.take(replace(link, seal=""))
    assert inspection.finish() == ()


def test_where_a_head_must_be_its_absence_is_a_fault_unless_there_is_no_entry() -> None:
    for links, kinds in ((LINKS, [FaultKind.HEAD]), ([], [])):
        inspection = Inspection(needs_head=True)
        for link in links:
            inspection.take(link)
        assert [fault.kind for fault in inspection.finish()] == kinds


def test_a_head_that_can_not_be_used_is_a_fault_of_an_empty_log_too() -> None:
    assert [one.kind for one in Inspection(is_head_damaged=True).finish()] == [FaultKind.HEAD]


def test_what_an_administrator_accepted_is_no_fault_any_more_but_stays_visible() -> None:
    links = [*LINKS[:4], *LINKS[5:]]
    accepted = new_link(entry(action=ACCEPT), number=10, at=AT, previous=LINKS[-1].hash)
    inspection = Inspection(is_ours=is_ours)
    for link in [*links, sealed(accepted)]:
        inspection.take(link)
    assert inspection.finish() == ()
    assert [(fault.first, inspection.is_accepted(fault)) for fault in inspection.faults] == [
        (5, True)
    ]
    assert (inspection.accepted, inspection.accepted_by) == (10, "ada")
    # Without our seal anybody could have accepted it.
    assert told([*links, accepted]) == [("missing", 5, 5), ("forged", 10, 10)]


def test_many_faults_are_counted_and_not_all_kept() -> None:
    inspection = Inspection()
    for link in chain(2 * MOST_FAULTS + 40):
        if link.number % 2:
            inspection.take(link)
    assert len(inspection.finish()) == MOST_FAULTS
    assert inspection.left_out == 19


@given(st.data())
def test_no_single_change_goes_unseen(data: st.DataObject) -> None:
    links = list(LINKS)
    at = data.draw(st.integers(0, len(links) - 1))
    name = data.draw(st.sampled_from(["actor", "subject", "reason", "address", "previous", "hash"]))
    letters = data.draw(st.text("0123456789abcdef", min_size=64, max_size=64))
    if getattr(links[at], name) == letters:
        return
    links[at] = replace(links[at], **{name: letters})
    assert told(links, HEAD)


@given(st.permutations(range(9)))
def test_no_other_order_goes_unseen(order: list[int]) -> None:
    links = [replace(LINKS[old], number=new + 1) for new, old in enumerate(order)]
    assert bool(told(links, HEAD)) is (order != sorted(order))


@given(st.sets(st.integers(0, 8), min_size=1))
def test_no_removal_goes_unseen(gone: set[int]) -> None:
    assert told([link for at, link in enumerate(LINKS) if at not in gone], HEAD)


def test_every_fault_has_a_sentence_that_names_the_entries() -> None:
    for kind in FaultKind:
        one = Fault(kind=kind, first=7, last=7, moved_by=1)
        many = Fault(kind=kind, first=7, last=9, moved_by=-1)
        assert "7" in one.sentence or "6" in one.sentence
        assert "{" not in one.sentence + many.sentence
        assert fault_body(one)["sentence"] == one.sentence
    moved = Fault(kind=FaultKind.MOVED, first=7, last=9, moved_by=1).sentence
    assert moved.startswith("entries 7 to 9 were written as numbers 8 to 10")


def test_the_span_is_told() -> None:
    inspection = Inspection()
    assert describe_span(inspection) == "no entries"
    inspection.take(LINKS[0])
    assert describe_span(inspection) == ("1 entry, from 2026-01-02 03:04 to 2026-01-02 03:04 UTC")
    assert inspect(LINKS[:1]) == ()
    assert LINKS[0].previous == START
