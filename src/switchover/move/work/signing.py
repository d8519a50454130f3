"""The key that signs manifests, and the files that they are written to."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from switchover.errors import InvalidInput, Refused
from switchover.store.data_directory import prepare_data_directory

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.settings import Settings

_KEY_BYTES = 32
_LONGEST_DOCUMENT = 2**30


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """Return the key of a data directory, made and kept (mode 0600) when it is asked for the first time.

    Raises Refused when it can not be made, or is not what was kept.
    """
    prepare_data_directory(settings)
    path = key_path(settings)
    try:
        if not path.exists():
            _make_key(path)
        raw = path.read_bytes()
    except OSError as error:
        raise Refused(f"the key for manifests {path} can not be used: {error.strerror}") from error
    if len(raw) != _KEY_BYTES:
        raise Refused(f"{path} is no key for manifests: restore it, or remove it to get a new one")
    return Ed25519PrivateKey.from_private_bytes(raw)


def own_public_key(settings: Settings) -> Ed25519PublicKey | None:
    """Return what others check our manifests with; None where no manifest was signed yet."""
    return signing_key(settings).public_key() if key_path(settings).exists() else None


def public_key(text: str) -> Ed25519PublicKey:
    """Return the key that somebody wrote down, in hex with or without blanks."""
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError:
        raise InvalidInput(
            "the key is not one of 64 hex digits, as the page of the manifest shows it"
        ) from None


def key_path(settings: Settings) -> Path:
    """Return where the key lies."""
    return settings.data_dir / "manifest.key"


def _make_key(path: Path) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another command was faster: its key is ours
            os.link(fresh, path)
    finally:
        fresh.unlink()


def read_document(path: Path) -> bytes:
    """Return a file; raises InvalidInput when it can not be read or is no manifest by its size."""
    try:
        with path.open("rb") as file:
            document = file.read(_LONGEST_DOCUMENT + 1)
    except OSError as error:
        raise InvalidInput(f"{path} can not be read: {error.strerror}") from error
    if len(document) > _LONGEST_DOCUMENT:
        raise InvalidInput(f"{path} is too large for a manifest")
    return document


def write_document(path: Path, document: bytes) -> None:
    """Write a file whole or not at all; raises InvalidInput when it can not be written."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            fresh.write_bytes(document)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"{path} can not be written: {error.strerror}") from error
