"""Each canonical form sees what it must see, and nothing of what a server may change."""

from __future__ import annotations

import random
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.canonical import Form, digest_of, digester

MAIL = b"Subject: x\r\nMessage-ID: <1@contoso.example>\r\n\r\nHello\r\nworld\r\n"
PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b"--b", b"--", b"Content-Type: multipart/mixed; boundary=b", b"<p>",
     b"=3D", b"=", b"Subject: ", b"text", b"\xe9", b"Content-Transfer-Encoding: base64", b"QUJD"]
)  # fmt: skip


@pytest.mark.parametrize("form", Form)
@given(st.lists(PIECES, max_size=30).map(b"".join), st.lists(st.integers(0, 200), max_size=6))
def test_any_chunks_give_the_same_digest(form: Form, mail: bytes, cuts: list[int]) -> None:
    work = digester(form)
    for start, end in pairwise([0, *sorted(cuts), max(len(mail), *cuts, 0)]):
        work.update(mail[start:end])
    assert work.digest() == digest_of(form, mail)
    assert len(work.digest()) == 16


def changed(mail: bytes, form: Form) -> bool:
    return digest_of(form, mail) != digest_of(form, MAIL)


@pytest.mark.parametrize(
    "mail",
    [
        MAIL.replace(b"\r\n", b"\n"),
        MAIL.replace(b"\r\n", b"\r\r\n"),
        MAIL.removesuffix(b"\r\n"),
        MAIL.removesuffix(b"\n"),
    ],
)
def test_line_ends_matter_to_exact_alone(mail: bytes) -> None:
    assert [changed(mail, form) for form in Form] == [True, False, False]


def test_a_mail_in_the_form_has_its_exact_digest() -> None:
    assert digest_of(Form.LINES, MAIL) == digest_of(Form.EXACT, MAIL)


def test_nul_and_its_stand_in_are_one_but_for_exact() -> None:
    nul, high = MAIL.replace(b"world", b"\0"), MAIL.replace(b"world", b"\x80")
    assert digest_of(Form.LINES, nul) == digest_of(Form.LINES, high)
    assert digest_of(Form.EXACT, nul) != digest_of(Form.EXACT, high)


@pytest.mark.parametrize(
    "mail", [MAIL.replace(b"world", b"World"), MAIL.replace(b"<1@", b"<2@"), MAIL + b"more", b""]
)
def test_every_form_sees_another_text(mail: bytes) -> None:
    assert all(changed(mail, form) for form in Form)


@pytest.mark.parametrize("old", [b"o\r\nw", b" x", b"Hello"])
def test_lines_sees_every_other_byte(old: bytes) -> None:
    for new in (old + b" ", old + b"\r.", old + b"\xe9", b"\n" + old):
        assert changed(MAIL.replace(old, new), Form.LINES)


def test_exact_is_the_begin_of_the_sha256_of_the_bytes() -> None:
    assert digest_of(Form.EXACT, MAIL) == sha256(MAIL).digest()[:16]


@pytest.mark.parametrize("form", Form)
def test_sizes_are_those_of_the_form(form: Form) -> None:
    work = digester(form)
    work.update(MAIL.replace(b"\r\n", b"\n"))
    line_ends = MAIL.count(b"\r")
    assert work.size_bytes == len(MAIL) - (line_ends if form is Form.EXACT else 0)


@pytest.mark.parametrize("form", Form)
def test_an_empty_mail_has_a_digest(form: Form) -> None:
    assert digester(form).digest() == digest_of(form, b"")


def test_digests_can_be_asked_for_on_the_way() -> None:
    for form in (Form.EXACT, Form.LINES):
        work = digester(form)
        work.update(MAIL[:30])
        assert work.digest() == digest_of(form, MAIL[:30])
        work.update(MAIL[30:])
        assert work.digest() == digest_of(form, MAIL)


@pytest.mark.parametrize("form", Form)
def test_any_bytes_have_a_digest(form: Form) -> None:
    rng = random.Random(5)
    for _ in range(50):
        digest_of(form, rng.randbytes(rng.randrange(3000)))
