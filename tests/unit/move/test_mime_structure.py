"""The structural form survives a server that writes MIME anew, and sees what it loses."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.move.mime_structure import StructureDigest

PNG = bytes(range(256)) * 20
HEAD = "Message-ID: <1@contoso.example>\r\nDate: Thu, 1 Jan 2026 10:00:00 +0100\r\nFrom: Ann <ann@contoso.example>\r\n"


def digest(mail: bytes, cuts: tuple[int, ...] | list[int] = ()) -> bytes:
    work = StructureDigest()
    for start, end in pairwise([0, *sorted(cuts), max(len(mail), *cuts, 0)]):
        work.update(mail[start:end])
    assert work.digest() == work.digest()
    return work.digest()


def multipart(*parts: bytes, boundary: str = "b", kind: str = "mixed", head: str = HEAD) -> bytes:
    start = f'{head}Subject: Grüße\r\nContent-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\npreamble\r\n'.encode()
    inner = b"".join(f"--{boundary}\r\n".encode() + one + b"\r\n" for one in parts)
    return start + inner + f"--{boundary}--\r\nepilogue\r\n".encode()


def text(
    body: str, *, kind: str = "plain", charset: str = "utf-8", encoding: str = "8bit"
) -> bytes:
    raw = body.encode(charset)
    match encoding:
        case "base64":
            raw = base64.encodebytes(raw)
        case "quoted-printable":
            raw = quopri.encodestring(raw)
    head = f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + raw


def attachment(data: bytes, name: str = "a.png", encoding: str = "base64") -> bytes:
    body = base64.encodebytes(data) if encoding == "base64" else quopri.encodestring(data)
    head = f"Content-Type: image/png; name={name}\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


ORIGINAL = multipart(text("Grüße aus Köln\r\n"), attachment(PNG))


@pytest.mark.parametrize(
    "rewritten",
    [
        multipart(
            text("Grüße aus\r\nKöln", charset="iso-8859-1", encoding="quoted-printable"),
            attachment(PNG),
        ),
        multipart(
            text("Grüße aus Köln", encoding="base64"),
            attachment(PNG, "ATT1.png"),
            boundary="=_other",
        ),
        multipart(attachment(PNG), text("Grüße aus Köln")),
        multipart(text("Grüße aus Köln"), attachment(PNG, encoding="quoted-printable")),
        multipart(
            text(
                "<html><head><meta x=y></head><p>Gr&uuml;&szlig;e <b>aus</b> K&#246;ln", kind="html"
            ),
            attachment(PNG),
        ),
        multipart(
            text("Grüße aus Köln"),
            attachment(PNG),
            head=HEAD + "X-MS-Anything: 1\r\nReceived: x\r\n",
        ),
        ORIGINAL.replace(b"\r\n", b"\n"),
        ORIGINAL.replace(b"preamble", b"This is a multi-part message"),
        ORIGINAL.replace(b"--b--\r\nepilogue\r\n", b""),
        ORIGINAL.replace(b"--b\r\n", b"--b  \t\r\n"),
    ],
)
def test_what_a_server_may_rewrite_does_not_matter(rewritten: bytes) -> None:
    assert rewritten != ORIGINAL
    assert digest(rewritten) == digest(ORIGINAL)


@pytest.mark.parametrize(
    "lossy",
    [
        multipart(text("Grüße aus Koln\r\n"), attachment(PNG)),
        multipart(text("Grüße aus Köln\r\n")),
        multipart(attachment(PNG)),
        multipart(text("Grüße aus Köln\r\n"), attachment(PNG[:-1])),
        multipart(text("Grüße aus Köln\r\n"), attachment(PNG), attachment(PNG)),
        multipart(text("Grüße aus Köln\r\n"), attachment(PNG), head=HEAD.replace("<1@", "<2@")),
        multipart(text("Grüße aus Köln\r\n"), attachment(PNG), head=HEAD.replace("10:00", "10:01")),
        multipart(text("Grüße aus Köln\r\n"), attachment(PNG), head=HEAD.replace("ann@", "bob@")),
        ORIGINAL.replace("Grüße".encode(), b"Hallo", 1),
        ORIGINAL[: len(ORIGINAL) // 2],
    ],
)
def test_what_is_lost_is_seen(lossy: bytes) -> None:
    assert digest(lossy) != digest(ORIGINAL)


def test_the_plain_text_beside_html_may_vanish() -> None:
    page = text("<p>Hello</p>", kind="html")
    both = multipart(text("Hello there"), page, kind="alternative")
    assert digest(both) == digest(multipart(page, kind="alternative"))


def test_an_empty_text_beside_an_attachment_may_appear() -> None:
    assert digest(multipart(attachment(PNG), text(" \r\n"))) == digest(multipart(attachment(PNG)))


def test_parts_within_parts_count_as_parts() -> None:
    inner = b"Content-Type: multipart/related; boundary=i\r\n\r\n--i\r\n"
    inner += text("a") + b"\r\n--i\r\n" + attachment(PNG) + b"\r\n--i--\r\n"
    flat = multipart(text("a"), attachment(PNG), attachment(b"x"))
    assert digest(multipart(inner, attachment(b"x"))) == digest(flat)
    assert digest(multipart(inner)) != digest(flat)


def forwarded(subject: str, data: bytes) -> bytes:
    mail = f"Subject: {subject}\r\nMessage-ID: <inner@x>\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n"
    return (
        b"Content-Type: message/rfc822\r\n\r\n"
        + mail.encode()
        + attachment(data)
        + b"\r\n--i--\r\n"
    )


def test_mails_within_mails_are_looked_into() -> None:
    one = digest(multipart(text("see below"), forwarded("x", PNG)))
    assert one == digest(multipart(text("see below"), forwarded("x", PNG), boundary="z"))
    assert one != digest(multipart(text("see below"), forwarded("y", PNG)))
    assert one != digest(multipart(text("see below"), forwarded("x", PNG[1:])))


def test_an_outer_boundary_ends_all_that_is_open_within() -> None:
    open_inner = b'Content-Type: multipart/mixed; boundary="i"\r\n\r\n--i\r\n' + attachment(PNG)
    closed = open_inner + b"\r\n--i--"
    after = attachment(b"after")
    assert digest(multipart(open_inner, after)) == digest(multipart(closed, after))


def test_a_boundary_within_a_header_ends_it() -> None:
    assert digest(multipart(b"X-No-End: 1", text("a"))) == digest(
        multipart(b"X-No-End: 1\r\n\r\n", text("a"))
    )


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\r\n",
        b"\r\nno header at all",
        b"Subject: header only",
        b"Subject: header only\r\n\r\n",
        b"From - Mon Jan  1 00:00:00 2001\r\nSubject: x\r\n\r\n\xff\xfe\x80 body",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nnever closes",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno part\r\n-",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"X: " + b"y" * 300_000 + b"\r\n\r\nafter a header that is too long",
        b"X: 1\r\n" * 60_000 + b"Subject: cut off\r\n\r\nbody",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b" + b" " * 2000 + b"\r\n\r\nx",
    ],
)
def test_oddities_are_the_same_for_any_cut(mail: bytes) -> None:
    whole = digest(mail)
    for size in (1, 7, 1000) if len(mail) < 5000 else (4093, 65536):
        assert digest(mail, list(range(0, len(mail), size))) == whole


PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"--", b"--b", b"--b--", b"--c", b"-", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
     b"Content-Type: multipart/alternative; boundary=c\r\n\r\n", b"Content-Type: message/rfc822\r\n\r\n",
     b"Content-Type: text/html\r\n\r\n", b"Content-Disposition: attachment\r\n\r\n", b"x" * 1100, b"word ", b"<p>", b"="]
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=25).map(b"".join), st.lists(st.integers(0, 400), max_size=8))
def test_any_structure_is_the_same_for_any_cut(mail: bytes, cuts: list[int]) -> None:
    assert digest(mail, cuts) == digest(mail)


def test_multiparts_without_end_end() -> None:
    deep = b"".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n".encode()
        for n in range(200)
    )
    assert digest(deep + b"\r\nx") != digest(deep + b"\r\ny")


@pytest.mark.parametrize(
    "piece",
    [
        b"--b\r\n\r\n",
        b"\r\n--",
        b"--",
        b"\r\n-",
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n",
        b"x\r\n",
    ],
)
def test_structures_made_to_be_slow_are_read_in_proportion(
    piece: bytes, proportional: Callable[..., None]
) -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    proportional(lambda count: digest(head + piece * count), 1_000)
