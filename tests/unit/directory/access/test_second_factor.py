"""A code works in its half minute and its neighbours, once; a recovery code is one of ours or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from switchover.directory.access.account.second_factor import (
    STEP_SECONDS,
    enrolment_uri,
    find_step,
    recovery_code,
    recovery_hash,
    spelled,
)

SECRET = b"12345678901234567890"
AT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
STEP = int(AT.timestamp()) // STEP_SECONDS


def code_at(moment: datetime) -> str:
    return TOTP(SECRET, 6, SHA1(), 30).generate(int(moment.timestamp())).decode()


def test_the_codes_are_those_of_rfc_6238() -> None:
    moment = datetime.fromtimestamp(59, UTC)  # appendix B: 94287082, of which six digits
    assert find_step(SECRET, "287082", moment, after=0) == 1


@pytest.mark.parametrize("seconds", [-30, 0, 30])
def test_a_code_is_good_in_its_step_and_the_ones_beside_it(seconds: int) -> None:
    code = code_at(AT + timedelta(seconds=seconds))
    assert find_step(SECRET, code, AT, after=0) == STEP + seconds // 30


@pytest.mark.parametrize("seconds", [-60, 60, 3600])
def test_a_code_of_another_time_is_wrong(seconds: int) -> None:
    assert find_step(SECRET, code_at(AT + timedelta(seconds=seconds)), AT, after=0) is None


def test_a_used_code_is_worth_nothing_nor_is_an_older_one() -> None:
    assert find_step(SECRET, code_at(AT), AT, after=STEP) is None
    assert find_step(SECRET, code_at(AT - timedelta(seconds=30)), AT, after=STEP) is None
    assert find_step(SECRET, code_at(AT + timedelta(seconds=30)), AT, after=STEP) == STEP + 1


@pytest.mark.parametrize("text", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12 34 5"])
def test_what_is_no_code_is_wrong(text: str) -> None:
    assert find_step(SECRET, text, AT, after=0) is None


def test_blanks_in_a_code_do_not_matter() -> None:
    code = code_at(AT)
    assert find_step(SECRET, f" {code[:3]} {code[3:]} ", AT, after=0) == STEP


def test_an_authenticator_gets_the_secret_by_picture_or_by_hand() -> None:
    assert spelled(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    uri = enrolment_uri(SECRET, "ada@contoso.example", "switchover")
    assert uri.startswith("otpauth://totp/")
    assert "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" in uri


def test_a_recovery_code_is_known_however_it_is_typed() -> None:
    code = recovery_code(bytes(range(10)))
    assert code == "AAAQ-EAYE-AUDA-OCAJ"
    kept = recovery_hash(code)
    assert kept is not None
    assert kept == recovery_hash(" aaaqeaye auda-ocaj ")
    assert "AAAQ" not in kept


@pytest.mark.parametrize("text", ["", "123456", "AAAQ-EAYE-AUDA-OCA", "AAAQ-EAYE-AUDA-OCA1"])
def test_what_can_not_be_a_recovery_code_is_not_looked_up(text: str) -> None:
    assert recovery_hash(text) is None
