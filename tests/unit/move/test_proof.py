"""Equal mailboxes have equal roots, and every difference has its name."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.date_loss import DateLoss
from switchover.move.difference import Difference, DifferenceKind, Level
from switchover.move.flags import PermanentFlags
from switchover.move.folder_mails import FolderMails, looks, not_delivered, pair_marks
from switchover.move.left_over import left_over
from switchover.move.proof import (
    Allowance,
    FolderContents,
    MailboxProof,
    compare_subscriptions,
    prove,
    prove_folder,
    roots_of,
    sample,
)
from switchover.move.proof_compare import LEFT_OUT
from switchover.move.proof_root import ProofMail, entry, folder_root

SEEN = ("\\Seen",)
A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))

MAILS = st.lists(
    st.builds(
        ProofMail,
        uid=st.integers(1, 99),
        digest=st.sampled_from([A, B, C]),
        epoch_seconds=st.integers(-2, 2),
        flags=st.sampled_from([(), SEEN, ("$x", "\\Seen")]),
        size=st.sampled_from([10, 12]),
    ),
    max_size=8,
    unique_by=lambda mail: mail.uid,
)


def differences(
    source: list[ProofMail], target: list[ProofMail], **kwargs: object
) -> list[Difference]:
    level = kwargs.pop("level", Level.BODIES)
    contents = FolderContents(folder="f", source=source, target=target, **kwargs)  # type: ignore[arg-type] # tests
    return prove_folder(contents, level=level)[1]  # type: ignore[arg-type] # tests


def proved(*contents: FolderContents, level: Level = Level.BODIES) -> MailboxProof:
    outcomes = [prove_folder(one, level=level) for one in contents]
    return prove(
        [proof for proof, _ in outcomes],
        [one for _, found in outcomes for one in found],
        level=level,
    )


def kinds(
    source: list[ProofMail], target: list[ProofMail], **kwargs: object
) -> list[tuple[DifferenceKind, int | None, int | None]]:
    return [
        (one.kind, one.source_uid, one.target_uid) for one in differences(source, target, **kwargs)
    ]


@given(MAILS)
def test_order_and_uids_are_no_difference(mails: list[ProofMail]) -> None:
    other = [mail._replace(uid=100 - mail.uid) for mail in reversed(mails)]
    assert differences(mails, other) == []


@given(MAILS, MAILS)
def test_roots_are_equal_exactly_when_nothing_differs(
    source: list[ProofMail], target: list[ProofMail]
) -> None:
    are_same = not differences(source, target)
    assert (folder_root(source) == folder_root(target)) is are_same


@given(MAILS, MAILS)
def test_every_mail_is_paired_or_named_once(
    source: list[ProofMail], target: list[ProofMail]
) -> None:
    found = differences(source, target)
    missing = [one.source_uid for one in found if one.kind is DifferenceKind.MISSING]
    extra = [one.target_uid for one in found if one.kind is DifferenceKind.EXTRA]
    assert len(source) - len(missing) == len(target) - len(extra)
    for digest in (A, B, C):
        numbers = [sum(mail.digest == digest for mail in side) for side in (source, target)]
        lost = sum(mail.digest == digest for mail in source if mail.uid in missing)
        assert lost == max(0, numbers[0] - numbers[1])


@given(MAILS, MAILS, st.dictionaries(st.integers(1, 99), st.integers(1, 99), max_size=4))
def test_what_is_left_is_what_no_equal_takes_off(
    source: list[ProofMail], target: list[ProofMail], pairs: dict[int, int]
) -> None:
    there, here = left_over(source, target, pairs, None)
    marks = [Counter(entry(mail) for mail in side) for side in (source, target)]
    left = [Counter(entry(mail) for mail in side.values()) for side in (there, here)]
    assert left == [marks[0] - marks[1], marks[1] - marks[0]]
    by_uid = [{mail.uid: mail for mail in side} for side in (source, target)]
    for uid, partner in pairs.items():
        ours, theirs = by_uid[0].get(uid), by_uid[1].get(partner)
        is_single = list(pairs.values()).count(partner) == 1
        if ours and theirs and is_single and entry(ours) == entry(theirs):
            assert uid not in there
            assert partner not in here


def test_each_kind_of_difference_is_named() -> None:
    source = [
        ProofMail(1, A, 5, ("\\Seen", "work"), 10),
        ProofMail(2, B, 6),
        ProofMail(3, C, 7),
        ProofMail(4, A, 9),
    ]
    target = [
        ProofMail(11, A, 5, (), 12),
        ProofMail(12, B, 60),
        ProofMail(14, A, 9),
        ProofMail(15, B, 1),
    ]
    assert kinds(source, target) == [
        (DifferenceKind.SIZE, 1, 11),
        (DifferenceKind.FLAGS, 1, 11),
        (DifferenceKind.KEYWORDS, 1, 11),
        (DifferenceKind.DATE, 2, 12),
        (DifferenceKind.MISSING, 3, None),
        (DifferenceKind.EXTRA, None, 15),
    ]


def test_a_difference_says_what_stands_on_both_sides() -> None:
    (date,) = differences([ProofMail(1, A, 0)], [ProofMail(2, A, 253402300800)])
    assert (date.source, date.target) == (
        "1970-01-01 00:00:00 UTC",
        "253402300800 seconds after 1970",
    )
    flags, words = differences([ProofMail(1, A, 0, ("\\Seen", "x"))], [ProofMail(2, A, 0)])
    assert (flags.source, flags.target, words.source) == ("\\Seen", "", "x")


def test_of_alike_mails_the_most_alike_are_paired() -> None:
    source = [ProofMail(1, A, 5), ProofMail(2, A, 5, SEEN)]
    assert kinds(source, [ProofMail(3, A, 5, SEEN)]) == [(DifferenceKind.MISSING, 1, None)]


def test_flags_compare_without_case() -> None:
    source, target = [ProofMail(1, A, 5, ("$X", "\\Seen"))], [ProofMail(1, A, 5, ("$x",))]
    assert kinds(source, target) == [(DifferenceKind.FLAGS, 1, 1)]


def test_what_the_target_can_not_keep_is_told_once_and_explained() -> None:
    source = [ProofMail(uid, A, 5, ("$X", "\\Seen", "y")) for uid in (1, 2)]
    target = [ProofMail(uid, A, 5, ("$x",)) for uid in (1, 2)]
    keeps = Allowance(permanent_flags=PermanentFlags.read(["$x"]))
    contents = FolderContents(folder="f", source=source, target=target, allowance=keeps)
    proof = proved(contents)
    assert [(one.kind, one.source, bool(one.explanation)) for one in proof.differences] == [
        (DifferenceKind.FLAGS, "\\Seen on 2 mails", True),
        (DifferenceKind.KEYWORDS, "y on 2 mails", True),
    ]
    assert proof.is_complete
    assert proof.source_root == proof.target_root
    assert (proof.folders[0].faults, proof.folders[0].explained) == (0, 2)


@pytest.mark.parametrize(("seconds", "is_explained"), [(-5, True), (0, True), (7, False)])
def test_a_date_that_the_target_can_not_keep_is_explained(seconds: int, is_explained: bool) -> None:
    allowance = Allowance(dates=DateLoss(raises_early=True))
    (one,) = differences([ProofMail(1, A, seconds)], [ProofMail(1, A, 1)], allowance=allowance)
    assert bool(one.explanation) is is_explained


def test_keywords_that_the_target_refuses_are_told_once_and_others_are_faults() -> None:
    source = [ProofMail(uid, A, uid, ("odd", "kept", "\\Seen")) for uid in (1, 2)]
    target = [ProofMail(1, A, 1, ("kept", "\\Seen")), ProofMail(2, A, 2, ("\\Seen",))]
    refused = Allowance(refused_keywords=frozenset({b"odd"}))
    contents = FolderContents(folder="f", source=source, target=target, allowance=refused)
    assert [
        (one.kind, one.source_uid, one.source, one.explanation)
        for one in proved(contents).differences
    ] == [
        (DifferenceKind.KEYWORDS, 2, "kept", ""),
        (DifferenceKind.KEYWORDS, None, "odd on 2 mails", LEFT_OUT),
    ]


def test_skipped_mails_are_missing_with_their_reason() -> None:
    (one,) = differences([ProofMail(7, A, 1)], [], skipped={7: "refused"})
    assert (one.kind, one.explanation) == (DifferenceKind.MISSING, "refused")


def test_folders_of_one_side_only_are_named() -> None:
    contents = [
        FolderContents(folder="b", source=None, target=[]),
        FolderContents(folder="a", source=[ProofMail(1, A, 1)], target=None),
    ]
    proof = proved(*contents)
    assert [(one.kind, one.folder) for one in proof.differences] == [
        (DifferenceKind.FOLDER_MISSING, "a"),
        (DifferenceKind.FOLDER_EXTRA, "b"),
    ]
    assert [(one.folder, one.source_mails, one.target_root) for one in proof.folders] == [
        ("a", 1, ""),
        ("b", 0, folder_root([]).hex()),
    ]
    assert not proof.is_complete
    assert proof.source_root != proof.target_root


def test_a_proof_without_difference_is_complete() -> None:
    mails = [ProofMail(1, A, 1)]
    proof = proved(FolderContents(folder="a", source=mails, target=mails), level=Level.HEADERS)
    assert (proof.is_complete, proof.differences, proof.folders[0].faults) == (True, (), 0)
    assert len(proof.source_root) == 64
    assert roots_of(proof.folders) == (proof.source_root, proof.target_root)


@pytest.mark.parametrize(
    ("source", "target", "skipped", "expected"),
    [
        (3, 3, {}, []),
        (3, 2, {}, [""]),
        (3, 2, {1: "x"}, ["1 mail skipped, 0 kept that the source has no more"]),
        (3, 1, {1: "x"}, [""]),
    ],
)
def test_counts_are_compared_at_level_0(
    source: int, target: int, skipped: dict[int, str], expected: list[str]
) -> None:
    contents = FolderContents(
        folder="a", source=[], target=[], skipped=skipped, source_mails=source, target_mails=target
    )
    proof = proved(contents, level=Level.COUNTS)
    assert [one.explanation for one in proof.differences] == expected
    assert (proof.source_root, proof.folders[0].source_root) == ("", "")
    assert proof.folders[0].source_mails == source


def test_counts_are_taken_from_lists_too() -> None:
    contents = FolderContents(folder="a", source=[ProofMail(1, A, 1)], target=[])
    assert [one.kind for one in proved(contents, level=Level.COUNTS).differences] == [
        DifferenceKind.COUNT
    ]


def test_level_1_compares_by_the_pairs_of_the_ledger() -> None:
    source = [ProofMail(1, b"", 5, SEEN, 10), ProofMail(2, b"", 6), ProofMail(3, b"", 7)]
    target = [ProofMail(11, b"", 5, SEEN, 10), ProofMail(13, b"", 7, SEEN), ProofMail(99, b"", 6)]
    pairs = {1: 11, 2: 12, 3: 13}
    marks = [list(side) for side in pair_marks([1, 2, 3], [11, 13, 99], pairs)]
    left = [mail._replace(digest=mark) for mail, mark in zip(source, marks[0], strict=True)]
    right = [mail._replace(digest=mark) for mail, mark in zip(target, marks[1], strict=True)]
    found = differences(left, right, pairs=pairs, level=Level.PAIRS)
    assert [(one.kind, one.source_uid, one.target_uid) for one in found] == [
        (DifferenceKind.MISSING, 2, None),
        (DifferenceKind.FLAGS, 3, 13),
        (DifferenceKind.EXTRA, None, 99),
    ]
    assert found[0].hint == "it was copied as UID 12, which is gone"


def test_mails_that_the_ledger_does_not_know_are_paired_with_none() -> None:
    (left,), (right,) = pair_marks([5], [5], {})
    assert kinds([ProofMail(5, left, 1)], [ProofMail(5, right, 2)]) == [
        (DifferenceKind.MISSING, 5, None),
        (DifferenceKind.EXTRA, None, 5),
    ]


def test_of_mails_that_the_ledger_does_not_know_those_of_one_date_and_size_are_one() -> None:
    source, target = FolderMails(), FolderMails()
    for uid, seconds, size in ((1, 5, 10), (2, 6, 20), (3, 7, 30), (4, 8, 40), (5, 9, 50)):
        source.add(ProofMail(uid, b"", seconds, (), size))
    for uid, seconds, size in ((11, 5, 10), (12, 6, 20), (13, 7, 31), (14, 8, 40)):
        target.add(ProofMail(uid, b"", seconds, SEEN if uid == 12 else (), size))
    pairs = {1: 11}
    left, right = pair_marks(
        source.uids, target.uids, pairs, looks(source, target, [14], with_size=True)
    )
    source.set_digests(left)
    target.set_digests(right)
    contents = FolderContents(folder="f", source=source, target=target, pairs=pairs)
    found = prove_folder(contents, level=Level.PAIRS)[1]
    assert [(one.kind, one.source_uid, one.target_uid) for one in found] == [
        (DifferenceKind.FLAGS, 2, 12),
        (DifferenceKind.MISSING, 3, None),
        (DifferenceKind.MISSING, 4, None),
        (DifferenceKind.MISSING, 5, None),
        (DifferenceKind.EXTRA, None, 13),
        (DifferenceKind.EXTRA, None, 14),
    ]


def test_what_was_put_off_explains_no_missing_mail() -> None:
    (one,) = differences([ProofMail(7, A, 1)], [], left={7: "no room"})
    assert (one.explanation, one.hint, one.is_left) == ("", "no room", True)
    contents = FolderContents(
        folder="a", source=[], target=[], left={7: "no room"}, source_mails=3, target_mails=2
    )
    (one,) = proved(contents, level=Level.COUNTS).differences
    assert (one.explanation, one.is_left) == ("", True)


def test_without_ledger_and_digest_only_mails_that_share_something_are_paired() -> None:
    source = [ProofMail(1, b"", 5, (), 10), ProofMail(2, b"", 6, (), 20)]
    target = [ProofMail(1, b"", 5, SEEN, 11), ProofMail(2, b"", 60, (), 21)]
    found = differences(source, target, level=Level.PAIRS)
    assert [one.kind for one in found] == [
        DifferenceKind.SIZE,
        DifferenceKind.FLAGS,
        DifferenceKind.MISSING,
        DifferenceKind.EXTRA,
    ]


@pytest.mark.parametrize(
    ("level", "kind"),
    [(Level.HEADERS, DifferenceKind.HEADER), (Level.BODIES, DifferenceKind.BYTES)],
)
def test_a_changed_mail_is_known_by_the_ledger(level: Level, kind: DifferenceKind) -> None:
    source, target = [ProofMail(1, A, 5, (), 10)], [ProofMail(7, B, 5)]
    (one,) = differences(source, target, pairs={1: 7}, level=level)
    assert (one.kind, one.source, one.target) == (kind, f"{A.hex()}, 10 bytes", B.hex())


def test_mails_that_no_server_hands_out_are_equal_to_nothing() -> None:
    left, right = not_delivered(5, is_target=False), not_delivered(5, is_target=True)
    (one,) = differences([ProofMail(5, left, 1)], [ProofMail(5, right, 1)], pairs={5: 5})
    assert (one.kind, one.source) == (DifferenceKind.BYTES, "not delivered by the server")


def test_of_twins_the_one_that_the_ledger_lost_is_missing_and_the_unknown_one_extra() -> None:
    twins = [ProofMail(uid, A, 5) for uid in (1, 2, 3)]
    assert kinds(
        twins, [ProofMail(11, A, 5), ProofMail(13, A, 5)], pairs={1: 11, 2: 12, 3: 13}
    ) == [(DifferenceKind.MISSING, 2, None)]
    target = [ProofMail(uid, A, 5) for uid in (9, 11, 12)]
    assert kinds(twins[:2], target, pairs={1: 11, 2: 12}) == [(DifferenceKind.EXTRA, None, 9)]


def test_kept_and_new_mails_say_why() -> None:
    (extra,) = differences([], [ProofMail(8, A, 5)], kept={8: "kept"})
    assert extra.explanation == "kept"
    new, lost = differences([ProofMail(4, A, 1), ProofMail(5, B, 1)], [], known_up_to=5)
    assert (new.hint, lost.hint) == ("", "it came after the last copy; copy again")


def test_subscriptions_are_compared_by_name() -> None:
    assert [(one.kind, one.folder) for one in compare_subscriptions({"a", "b"}, ["b", "c"])] == [
        (DifferenceKind.SUBSCRIPTION_MISSING, "a"),
        (DifferenceKind.SUBSCRIPTION_EXTRA, "c"),
    ]


@given(st.sets(st.integers(1, 500)), st.integers(0, 20), st.binary(max_size=80))
def test_a_sample_is_a_part_that_depends_on_the_seed_alone(
    uids: set[int], size: int, seed: bytes
) -> None:
    chosen = sample(uids, size=size, seed=seed)
    assert len(chosen) == min(size, len(uids))
    assert set(chosen) <= uids
    assert list(chosen) == sorted(chosen)
    assert chosen == sample(sorted(uids), size=size, seed=seed)


def test_other_seeds_choose_others() -> None:
    assert len({sample(range(1000), size=10, seed=bytes([n])) for n in range(20)}) == 20
