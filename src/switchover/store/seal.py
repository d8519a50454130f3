"""Secrets in the database are sealed with keys that are not in it.

Each sealed value has a data key of its own, wrapped by a master key from ``secret.key`` (AES-256-GCM
both times, NIST SP 800-38D). So a new master key needs only the 60 bytes of each wrapping renewed,
and no master key ever encrypts much. Layout of a sealed value:

    "SWS1" | key id, 8 | nonce, 12 | wrapped data key, 48 | nonce, 12 | ciphertext and tag

The context (for example ``asset:<digest>``) is authenticated, not stored: a sealed value moved to
another row does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from switchover import clock
from switchover.errors import Corrupt, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MAGIC = b"SWS1"
_KEY_BYTES = 32
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_WRAPPED_BYTES = _KEY_BYTES + 16
_HEAD_BYTES = len(_MAGIC) + _KEY_ID_BYTES
_BODY_AT = _HEAD_BYTES + _NONCE_BYTES + _WRAPPED_BYTES
_HINT = "# switchover seals secrets with these keys, new ones with the last. Keep a copy apart from the database.\n"


class Sealer:
    """Seals and opens with a set of master keys; the last one seals."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take master keys of 32 bytes, oldest first, at least one."""
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise Corrupt("a sealing key is not 32 bytes long; put back secret.key from a copy")
        self._keys = {_id_of(key): key for key in keys}
        self._current = _id_of(keys[-1])

    def seal(self, value: bytes, context: str) -> bytes:
        """Return ``value`` sealed for ``context``; the same value gives other bytes each time."""
        data_key, nonce = _random(_KEY_BYTES), _random(_NONCE_BYTES)
        body = AESGCM(data_key).encrypt(nonce, value, _MAGIC + context.encode())
        return self._wrap(data_key) + nonce + body

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """Return the value sealed for ``context``.

        Raises:
            Corrupt: it was sealed with a key we do not have, for another context, or was changed.
        """
        data_key = self._unwrap(sealed)
        nonce, body = sealed[_BODY_AT:][:_NONCE_BYTES], sealed[_BODY_AT + _NONCE_BYTES :]
        try:
            return AESGCM(data_key).decrypt(nonce, body, _MAGIC + context.encode())
        except (InvalidTag, ValueError):
            raise Corrupt(f"the secret of {context} was changed or belongs elsewhere") from None

    def renew(self, sealed: bytes) -> bytes:
        """Return the same sealed value, wrapped with the newest key; its content stays as it is."""
        return self._wrap(self._unwrap(sealed)) + sealed[_BODY_AT:]

    def is_current(self, sealed: bytes) -> bool:
        """True when the newest key sealed it, so that ``renew`` has nothing to do."""
        return sealed[:_HEAD_BYTES] == _MAGIC + self._current

    def sign(self, value: bytes, context: str) -> str:
        """Return a signature (HMAC-SHA-256) that only who has the newest key can make."""
        return f"{self._current.hex()}:{self._mac(self._current, value, context)}"

    def is_signed(self, value: bytes, context: str, signature: str) -> bool | None:
        """Return whether one of our keys signed ``value`` for ``context``; None for a key we do not have."""
        name, _, told = signature.partition(":")
        key_id = next((key_id for key_id in self._keys if key_id.hex() == name), None)
        if key_id is None:
            return None
        return hmac.compare_digest(self._mac(key_id, value, context).encode(), told.encode())

    def _mac(self, key_id: bytes, value: bytes, context: str) -> str:
        # A key of its own for each purpose: master keys encrypt and do nothing else.
        key = hmac.digest(self._keys[key_id], f"switchover {context}".encode(), "sha256")
        return hmac.digest(key, value, "sha256").hex()

    def __repr__(self) -> str:
        """Name the keys by their ids, which tell nothing about them."""
        return f"Sealer({', '.join(key_id.hex() for key_id in self._keys)})"

    def _wrap(self, data_key: bytes) -> bytes:
        head, nonce = _MAGIC + self._current, _random(_NONCE_BYTES)
        wrapped = AESGCM(self._keys[self._current]).encrypt(nonce, data_key, head)
        return head + nonce + wrapped

    def _unwrap(self, sealed: bytes) -> bytes:
        head = sealed[:_HEAD_BYTES]
        if len(sealed) < _BODY_AT or not head.startswith(_MAGIC):
            raise Corrupt("a sealed secret is cut short or was never one of ours")
        key = self._keys.get(head[len(_MAGIC) :])
        if key is None:
            raise Corrupt(
                f"a secret was sealed with the key {head[len(_MAGIC) :].hex()}, which is not in "
                "secret.key; put that file back from a copy"
            )
        nonce, wrapped = (
            sealed[_HEAD_BYTES:][:_NONCE_BYTES],
            sealed[_BODY_AT - _WRAPPED_BYTES : _BODY_AT],
        )
        try:
            return AESGCM(key).decrypt(nonce, wrapped, head)
        except InvalidTag:
            raise Corrupt("a sealed secret was changed since it was stored") from None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return a sealer with the keys in ``path``; the first start makes the file (0600).

        Raises:
            Corrupt: the file cannot be read as keys.
            Refused: it cannot be read or made, or others may read it.
        """
        try:
            if not path.exists():
                _create(path, _render([_random(_KEY_BYTES)]))
            mode = path.stat().st_mode
            text = path.read_text("ascii", "replace")
        except OSError as error:
            raise Refused(f"cannot use the key file {path}: {error.strerror}") from error
        if mode & 0o077:
            raise Refused(f"others may read the key file {path}; run: chmod 600 {path}")
        return cls(_parse(text, path))


def add_key(path: Path) -> Sealer:
    """Add a new master key to ``path``, which seals from now on; return the sealer with all keys.

    Old keys stay: they open what they sealed until ``Sealer.renew`` went over it.
    """
    Sealer.open(path)
    keys = _parse(path.read_text("ascii"), path)
    draft = path.with_name(f"{path.name}.{clock.new_id()[:8]}")
    _write_private(draft, _render([*keys, _random(_KEY_BYTES)]))
    draft.replace(path)
    return Sealer.open(path)


def _create(path: Path, text: str) -> None:
    """Make the whole file or none; when two processes try, the first one's file stays."""
    draft = path.with_name(f"{path.name}.{clock.new_id()[:8]}")
    _write_private(draft, text)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        # A key lost in a power cut would take every secret sealed with it along.
        os.fsync(file.fileno())


def _render(keys: Sequence[bytes]) -> str:
    return _HINT + "".join(f"{base64.b64encode(key).decode()}\n" for key in keys)


def _parse(text: str, path: Path) -> list[bytes]:
    lines = (line.strip() for line in text.splitlines())
    words = [line for line in lines if line and not line.startswith("#")]
    try:
        return [base64.b64decode(word, validate=True) for word in words]
    except binascii.Error:
        raise Corrupt(f"{path} is not a key file; put it back from a copy") from None


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"switchover key id" + key).digest()[:_KEY_ID_BYTES]


def _random(size: int) -> bytes:
    text = clock.new_secret(size_bytes=size)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
