"""Passwords are kept as argon2id with the parameters that OWASP recommends; poor ones are refused."""

from __future__ import annotations

import argon2
import pytest

from switchover.directory.access.account.password import (
    NOBODY,
    is_outdated,
    is_password,
    make_hash,
    normal,
    usable_password,
)
from switchover.errors import Corrupt, InvalidInput

GOOD = "four words make it"


def test_a_password_is_kept_as_argon2id_with_a_salt_of_its_own() -> None:
    one, other = make_hash(GOOD), make_hash(GOOD)
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in one
    assert is_password(one, GOOD)
    assert not is_password(one, GOOD + "!")
    assert not is_outdated(one)


def test_a_hash_with_other_parameters_is_known_as_outdated() -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    assert is_password(old, GOOD)
    assert is_outdated(old)


def test_nobody_has_a_hash_as_slow_as_any_that_no_password_fits() -> None:
    parameters = argon2.extract_parameters(NOBODY)
    assert parameters == argon2.extract_parameters(make_hash(GOOD))
    assert not is_password(NOBODY, "")


def test_a_damaged_hash_is_no_wrong_password() -> None:
    with pytest.raises(Corrupt, match="switchover account password"):
        is_password("plain text", GOOD)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("seven w0rd", "too short"),
        ("x" * 1025, "too long"),
        ("é" * 600, "too long"),
        ("aaaabbbbccccdddd", "different characters"),
        ("ada.lovelace1", "little more than the name"),
        ("\ud800" * 12, "are none"),
    ],
)
def test_a_poor_password_is_refused_without_being_repeated(password: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as caught:
        usable_password(password, name="Ada.Lovelace")
    assert password not in str(caught.value)


def test_the_same_password_from_another_keyboard_is_the_same() -> None:
    assert normal("ﬁve Åpples") == normal("five Åpples")
    assert usable_password(GOOD, name="ada") == GOOD
    assert usable_password("ada likes " + GOOD, name="ada")
