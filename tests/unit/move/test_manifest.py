"""A manifest comes back as it was signed, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput, Refused
from switchover.move.difference import Difference, DifferenceKind, Level
from switchover.move.manifest import (
    FORMAT,
    LeftOut,
    Manifest,
    SkippedMail,
    Verdict,
    as_value,
    canonical_json,
    fingerprint_of,
    key_of,
    read_signed,
    sign,
)
from switchover.move.proof import FolderContents, MailboxProof, prove, prove_folder
from switchover.move.proof_root import ProofMail

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
MAIL = ProofMail(1, b"x" * 16, 1, ("\\Seen",))


def proof_of(*contents: FolderContents, level: Level = Level.BODIES) -> MailboxProof:
    outcomes = [prove_folder(one, level=level) for one in contents]
    return prove(
        [proof for proof, _ in outcomes],
        [one for _, found in outcomes for one in found],
        level=level,
    )


MANIFEST = Manifest(
    source="imaps://ann@old.contoso.example",
    target="imaps://ann@new.contoso.example",
    proved_at="2026-01-02T12:00:00Z",
    program="switchover 0.1.0",
    form="lines",
    proof=proof_of(
        FolderContents(
            folder="Grüße \udcff",
            source=[MAIL, MAIL._replace(uid=2)],
            target=[MAIL],
            skipped={2: "refused"},
        ),
        FolderContents(folder="INBOX", source=[], target=[MAIL]),
    ),
    skipped=(SkippedMail(folder="Grüße \udcff", source_uid=2, reason="refused"),),
    sampled=100,
    has_ledger=True,
    left_out=(LeftOut(folder="Junk", reason="excluded"),),
    unfinished=(LeftOut(folder="Broken", reason="no answer"),),
)


def test_what_was_signed_comes_back() -> None:
    document = sign(MANIFEST, KEY)
    assert read_signed(document) == read_signed(document, KEY.public_key()) == MANIFEST
    assert sign(MANIFEST, KEY) == document


def test_the_document_is_canonical_ascii() -> None:
    document = sign(MANIFEST, KEY)
    assert document.isascii()
    assert canonical_json(json.loads(document)) == document


def test_another_key_is_refused() -> None:
    with pytest.raises(Refused, match="another key"):
        read_signed(sign(MANIFEST, OTHER), KEY.public_key())


def test_a_changed_word_is_refused() -> None:
    document = sign(MANIFEST, KEY)
    for old, new in (
        (b"INBOX", b"INBOY"),
        (b'"sampled":100', b'"sampled":101'),
        (b"refused", b"REFUSED"),
    ):
        assert old in document
        with pytest.raises(Refused, match="signed"):
            read_signed(document.replace(old, new))


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    document = bytearray(sign(MANIFEST, KEY))
    at = data.draw(st.integers(0, len(document) - 1))
    document[at] ^= data.draw(st.integers(1, 255))
    try:
        found = read_signed(bytes(document), KEY.public_key())
    except (InvalidInput, Refused):
        return
    # Hex digits of either case are one value.
    assert found == MANIFEST


def resigned(value: object) -> bytes:
    text = FORMAT.encode() + b"\n" + canonical_json(value)
    signature = {
        "algorithm": "ed25519",
        "key": KEY.public_key().public_bytes_raw().hex(),
        "value": KEY.sign(text).hex(),
    }
    return canonical_json({"manifest": value, "signature": signature})


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"null",
        b"[" * 100_000,
        b'{"manifest":{},"signature":{}}',
        b'{"manifest":{},"signature":{"algorithm":"rsa"}}',
        b'{"manifest":{},"signature":{"algorithm":"ed25519","key":"zz","value":""}}',
        b'{"manifest":{},"signature":{"algorithm":"ed25519","key":"00","value":""}}',
        b'{"manifest":1.5,"signature":{}}',
        b'{"manifest":NaN,"signature":{}}',
        b'{"manifest":{"a":1,"a":2},"signature":{}}',
        resigned({"format": "another"}),
        resigned({"format": FORMAT}),
        resigned([]),
    ],
)
def test_what_is_no_manifest_gets_a_sentence(document: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_signed(document)


def test_a_signature_for_another_kind_of_document_does_not_fit() -> None:
    document = json.loads(sign(MANIFEST, KEY))
    document["signature"]["value"] = KEY.sign(canonical_json(document["manifest"])).hex()
    with pytest.raises(Refused):
        read_signed(canonical_json(document))


@pytest.mark.parametrize("value", [1.0, {"a": [1.5]}, [float("nan")], (0.1,)])
def test_only_whole_numbers_are_canonical(value: object) -> None:
    with pytest.raises(ValueError, match="whole"):
        canonical_json(value)


def test_canonical_text_does_not_depend_on_the_order_of_keys() -> None:
    assert (
        canonical_json({"b": 1, "a": "é"})
        == canonical_json({"a": "é", "b": 1})
        == b'{"a":"\\u00e9","b":1}'
    )


def test_a_key_is_shown_in_groups() -> None:
    shown = fingerprint_of(KEY.public_key())
    assert (len(shown), shown.count(" ")) == (79, 15)


def test_manifests_that_differ_are_signed_differently() -> None:
    assert sign(replace(MANIFEST, sampled=None), KEY) != sign(MANIFEST, KEY)


def test_roots_that_are_not_those_of_the_folders_are_refused() -> None:
    proof = replace(MANIFEST.proof, source_root="ab" * 32)
    with pytest.raises(Refused, match="roots"):
        read_signed(sign(replace(MANIFEST, proof=proof), KEY))


def test_roots_that_are_no_hex_are_no_manifest() -> None:
    folder = replace(MANIFEST.proof.folders[0], source_root="no hex")
    proof = replace(MANIFEST.proof, folders=(folder,))
    with pytest.raises(InvalidInput):
        read_signed(sign(replace(MANIFEST, proof=proof), KEY))


def test_the_verdict_counts_faults_before_what_is_not_finished() -> None:
    same = proof_of(FolderContents(folder="a", source=[MAIL], target=[MAIL]))
    assert MANIFEST.verdict is Verdict.DIFFERENT
    assert replace(MANIFEST, proof=same).verdict is Verdict.UNFINISHED
    assert replace(MANIFEST, proof=same, unfinished=()).verdict is Verdict.SAME
    assert as_value(MANIFEST)["verdict"] == "not the same"


def test_what_a_copy_has_still_to_do_is_not_finished_and_never_the_same() -> None:
    assert replace(MANIFEST, is_interrupted=True).verdict is Verdict.UNFINISHED
    put_off = Difference(kind=DifferenceKind.MISSING, folder="a", source_uid=1, is_left=True)
    fault = replace(put_off, source_uid=2, is_left=False)
    left = replace(MANIFEST, proof=replace(MANIFEST.proof, differences=(put_off,)), unfinished=())
    assert left.verdict is Verdict.UNFINISHED
    lost = replace(left, proof=replace(left.proof, differences=(put_off, fault)))
    assert lost.verdict is Verdict.DIFFERENT


def test_a_document_names_its_key() -> None:
    assert key_of(sign(MANIFEST, KEY)) == KEY.public_key()
