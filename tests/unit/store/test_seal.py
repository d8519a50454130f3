from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import Corrupt, Refused
from switchover.store import seal
from switchover.store.seal import Sealer, add_key

KEY_A, KEY_B = b"a" * 32, b"b" * 32


@given(value=st.binary(max_size=300), context=st.text(max_size=30))
def test_what_is_sealed_opens_in_its_context(value: bytes, context: str) -> None:
    sealer = Sealer([KEY_A])
    assert sealer.unseal(sealer.seal(value, context), context) == value


def test_a_sealed_value_shows_nothing_and_never_repeats() -> None:
    sealer = Sealer([KEY_A])
    first, second = sealer.seal(b"private key", "x"), sealer.seal(b"private key", "x")
    assert first != second
    assert b"private" not in first


def test_a_sealed_value_does_not_open_elsewhere() -> None:
    sealer = Sealer([KEY_A])
    with pytest.raises(Corrupt, match="asset:2"):
        sealer.unseal(sealer.seal(b"value", "asset:1"), "asset:2")


def test_no_single_byte_can_be_changed() -> None:
    sealer = Sealer([KEY_A])
    sealed = sealer.seal(b"value", "x")
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(Corrupt):
            sealer.unseal(changed, "x")


def test_a_sealed_value_cannot_be_cut_short() -> None:
    sealer = Sealer([KEY_A])
    sealed = sealer.seal(b"value", "x")
    for length in range(len(sealed)):
        with pytest.raises(Corrupt):
            sealer.unseal(sealed[:length], "x")


def test_a_missing_key_is_named_with_what_to_do() -> None:
    sealed = Sealer([KEY_A]).seal(b"value", "x")
    with pytest.raises(Corrupt, match=r"sealed with the key [0-9a-f]{16}.*secret\.key"):
        Sealer([KEY_B]).unseal(sealed, "x")


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    old, both = Sealer([KEY_A]), Sealer([KEY_A, KEY_B])
    sealed = old.seal(b"value", "x")
    assert both.unseal(sealed, "x") == b"value"
    assert not both.is_current(sealed)
    renewed = both.renew(sealed)
    assert both.is_current(renewed)
    assert Sealer([KEY_B]).unseal(renewed, "x") == b"value"


def test_a_sealer_shows_no_key() -> None:
    assert "aaaa" not in repr(Sealer([KEY_A]))
    assert repr(Sealer([KEY_A])) != repr(Sealer([KEY_B]))


def test_a_key_of_the_wrong_length_is_refused() -> None:
    for keys in ([], [b"short"], [KEY_A, b"short"]):
        with pytest.raises(Corrupt, match="32 bytes"):
            Sealer(keys)


def test_the_first_start_makes_a_private_key_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    sealed = Sealer.open(path).seal(b"value", "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Sealer.open(path).unseal(sealed, "x") == b"value"
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_of_two_starts_decides_on_the_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    seal._create(path, "first")
    seal._create(path, "second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_adding_a_key_keeps_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    sealed = Sealer.open(path).seal(b"value", "x")
    sealer = add_key(path)
    assert sealer.unseal(sealed, "x") == b"value"
    assert not sealer.is_current(sealed)
    assert Sealer.open(path).is_current(sealer.renew(sealed))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_file_that_others_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    Sealer.open(path)
    path.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        Sealer.open(path)


@pytest.mark.parametrize("text", ["", "# only words\n", "not base64!\n", "c2hvcnQ=\n"])
def test_a_broken_key_file_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Corrupt, match=r"from a copy"):
        Sealer.open(path)
    assert path.read_text() == text


def test_a_key_file_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot use the key file"):
        Sealer.open(tmp_path / "missing" / "secret.key")
