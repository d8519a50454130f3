"""The signed manifest of a proof: canonical JSON with an Ed25519 signature (RFC 8032). Pure.

Canonical here means: keys sorted, no blanks, ASCII only, whole numbers only. So a value has exactly
one text, and a signature over the text is one over the value. The document is

    {"manifest": {...}, "signature": {"algorithm": "ed25519", "key": HEX, "value": HEX}}

The key inside only says whose signature to expect; whether to believe it is for the reader, who has
the key from elsewhere. What is signed begins with a line of its own, so that the signature fits no
other kind of document.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from switchover.errors import InvalidInput, Refused
from switchover.move.difference import Difference, DifferenceKind, Level
from switchover.move.proof import FolderProof, MailboxProof, roots_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = "switchover-manifest-1"
_DAMAGED = "the manifest is not as it was signed; ask its author for it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedMail:
    """A mail that was not copied, and why."""

    folder: str
    source_uid: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A folder that was not compared, and why."""

    folder: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What is signed. ``source`` and ``target`` are endpoints without secrets, ``form`` the canonical form.

    ``proved_at`` is UTC in ISO 8601; ``sampled`` the number of mails read at level 3, None for all.
    ``has_ledger`` is whether a ledger of the copy was there: else mails are matched by what they show.
    ``left_out`` are folders that were not to be compared, ``unfinished`` those that could not be, or
    where a copy has still to do something. ``is_interrupted`` is whether a copy was cut off, or at work.
    """

    source: str
    target: str
    proved_at: str
    program: str
    form: str
    proof: MailboxProof
    skipped: tuple[SkippedMail, ...] = ()
    sampled: int | None = None
    has_ledger: bool = False
    left_out: tuple[LeftOut, ...] = ()
    unfinished: tuple[LeftOut, ...] = ()
    is_interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        """What it all comes to."""
        faults = [one for one in self.proof.differences if not one.explanation]
        if self.is_interrupted or (faults and all(one.is_left for one in faults)):
            return Verdict.UNFINISHED
        if faults:
            return Verdict.DIFFERENT
        return Verdict.UNFINISHED if self.unfinished else Verdict.SAME


class Verdict(StrEnum):
    """What a proof comes to; a difference that was found counts even where not all was looked at.

    Not what a copy has still to do, though: it is run again before anything is called lost.
    """

    SAME = "the same"
    DIFFERENT = "not the same"
    UNFINISHED = "not finished"


def canonical_json(value: object) -> bytes:
    """Return the one text of a value; ValueError for numbers that are not whole."""
    _only_whole(value)
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """Return the signed document."""
    body = as_value(manifest)
    signature = {
        "algorithm": "ed25519",
        "key": _raw(key.public_key()).hex(),
        "value": key.sign(_signed_text(body)).hex(),
    }
    return canonical_json({"manifest": body, "signature": signature})


def read_signed(document: bytes, trusted: Ed25519PublicKey | None = None) -> Manifest:
    """Return the manifest of a document whose signature holds.

    InvalidInput when it is no such document, Refused when it was changed after signing, signed by
    another key than ``trusted``, or its roots are not those of its folders. With None any key that the
    document names will do, which proves only that it is whole.
    """
    body, key, value = _parts(_parsed(document))
    if trusted is not None and _raw(trusted) != _raw(key):
        raise Refused("the manifest is signed by another key than the one you trust")
    try:
        key.verify(value, _signed_text(body))
    except InvalidSignature:
        raise Refused(_DAMAGED) from None
    try:
        manifest = _from_value(body)
        roots = roots_of(manifest.proof.folders)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput("the manifest is signed, but not of a form known here") from error
    if manifest.proof.level and roots != (manifest.proof.source_root, manifest.proof.target_root):
        raise Refused("the manifest is signed, but its roots are not those of its folders")
    return manifest


def key_of(document: bytes) -> Ed25519PublicKey:
    """Return the key that a document names as its signer's; InvalidInput when it is no such document."""
    return _parts(_parsed(document))[1]


def fingerprint_of(key: Ed25519PublicKey) -> str:
    """Return a key as people compare it: its bytes in hex, in groups of four."""
    text = _raw(key).hex()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _signed_text(body: object) -> bytes:
    return FORMAT.encode() + b"\n" + canonical_json(body)


def _only_whole(value: object) -> None:
    if isinstance(value, float):
        raise ValueError("a canonical document holds whole numbers only")  # noqa: TRY004 - a value, not a type, is wrong
    if isinstance(value, dict):
        for item in value.values():
            _only_whole(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _only_whole(item)


def _parsed(document: bytes) -> Any:
    try:
        return json.loads(
            document,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            object_pairs_hook=_without_doubles,
        )
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the manifest is not the JSON that this program writes") from error


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a whole number")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Readers would differ on which one counts, and so on what was signed.
        raise ValueError("a key stands twice")
    return found


def _parts(document: Any) -> tuple[Any, Ed25519PublicKey, bytes]:
    try:
        signature = document["signature"]
        if signature["algorithm"] != "ed25519":
            raise InvalidInput("the manifest is signed in a way that is not known here")
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature["key"]))
        return document["manifest"], key, bytes.fromhex(signature["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("the document is no signed manifest") from error


def as_value(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as the document holds it."""
    value = asdict(manifest)
    value["format"] = FORMAT
    value["verdict"] = str(manifest.verdict)
    value["proof"]["level"] = int(manifest.proof.level)
    # Names hold lone surrogates where a server's bytes were no text; JSON escapes them, and back.
    return json.loads(json.dumps(value))  # type: ignore[no-any-return] # an object gives a dict


def _from_value(value: dict[str, Any]) -> Manifest:
    if value["format"] != FORMAT:
        raise ValueError("another format")
    proof = value["proof"]
    return Manifest(
        source=value["source"],
        target=value["target"],
        proved_at=value["proved_at"],
        program=value["program"],
        form=value["form"],
        proof=MailboxProof(
            level=Level(proof["level"]),
            folders=tuple(FolderProof(**one) for one in proof["folders"]),
            differences=tuple(
                Difference(**{**one, "kind": DifferenceKind(one["kind"])})
                for one in proof["differences"]
            ),
            source_root=proof["source_root"],
            target_root=proof["target_root"],
        ),
        skipped=tuple(SkippedMail(**one) for one in value["skipped"]),
        sampled=value["sampled"],
        has_ledger=value["has_ledger"],
        left_out=tuple(LeftOut(**one) for one in value["left_out"]),
        unfinished=tuple(LeftOut(**one) for one in value["unfinished"]),
        is_interrupted=value.get("is_interrupted", False),
    )
