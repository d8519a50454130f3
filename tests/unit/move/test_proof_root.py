"""Roots depend on what is in a mailbox and on nothing else."""

from __future__ import annotations

from hashlib import blake2b
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.proof_root import ProofMail, entry, folder_root, mailbox_root, merkle_root

SEEN = ("\\Seen",)
A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))
MAILS = st.lists(
    st.builds(
        ProofMail,
        uid=st.integers(1, 99),
        digest=st.sampled_from([A, B, C]),
        epoch_seconds=st.integers(-2, 2),
        flags=st.sampled_from([(), SEEN, ("$x", "\\Seen")]),
        size=st.sampled_from([None, 0, 10]),
    ),
    max_size=8,
)


def node(left: bytes, right: bytes) -> bytes:
    return blake2b(b"\1" + left + right, digest_size=32).digest()


def leaf(data: bytes) -> bytes:
    return blake2b(b"\0" + data, digest_size=32).digest()


def test_the_tree_is_that_of_rfc_6962() -> None:
    def root(entries: list[bytes]) -> bytes:
        if len(entries) == 1:
            return leaf(entries[0])
        half = 1 << (len(entries) - 1).bit_length() - 1
        return node(root(entries[:half]), root(entries[half:]))

    for count in range(1, 40):
        entries = [bytes([n]) for n in range(count)]
        assert merkle_root(entries) == root(entries)
    assert merkle_root([]) == blake2b(b"", digest_size=32).digest()


def test_a_name_belongs_to_the_root_of_a_mailbox() -> None:
    root = folder_root([])
    assert mailbox_root({"a": root, "b": root}) == mailbox_root({"b": root, "a": root})
    assert len({mailbox_root({name: root}) for name in ("a", "b", "\udcff")}) == 3


def test_entries_of_different_mails_differ() -> None:
    assert entry(ProofMail(1, A, 5, SEEN)) != entry(ProofMail(1, A, 5))
    assert entry(ProofMail(1, A, 5)) != entry(ProofMail(1, A, 5, (), 0))
    assert entry(ProofMail(1, A, 5, (), 9)) != entry(ProofMail(1, A, 5, (), 8))
    assert entry(ProofMail(1, A, 5, (), 9)) == entry(ProofMail(2, A, 5, (), 9))


@given(MAILS, st.randoms(use_true_random=False))
def test_order_and_uids_do_not_matter_to_a_root(mails: list[ProofMail], random: Random) -> None:
    other = [mail._replace(uid=mail.uid + 100) for mail in mails]
    random.shuffle(other)
    assert folder_root(other) == folder_root(mails)
