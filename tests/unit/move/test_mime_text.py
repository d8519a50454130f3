"""Content decodes the same for any cut, and only what a reader sees counts."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchover.move.mime_text import (
    Decoder,
    HtmlLetters,
    TextLetters,
    charset_of,
    decoder_for,
    letters,
    text_of,
)

CHARSETS = [
    "utf-8", "utf-16", "utf-16be", "big5", "big5-hkscs", "shift_jis", "iso-2022-kr", "iso-2022-jp", "iso-2022-jp-2",
    "iso-2022-jp-ext", "gbk", "gb2312", "gb18030", "euc-jp", "euc-kr", "ks_c_5601-1987", "koi8-r", "cp037", "mac-roman",
    "windows-1255", "none",
]  # fmt: skip
CUTS = st.lists(st.integers(0, 80), max_size=8)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    return [data[a:b] for a, b in pairwise([0, *sorted(cuts), max(len(data), *cuts, 0)])]


def decoded(decoder: Decoder, parts: list[bytes]) -> bytes:
    return b"".join(map(decoder.feed, parts)) + decoder.end()


def read(work: TextLetters | HtmlLetters, parts: list[bytes]) -> str:
    return "".join(map(work.feed, parts)) + work.end()


@given(st.binary(max_size=60), CUTS)
def test_base64_comes_back(data: bytes, cuts: list[int]) -> None:
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n ")
    assert decoded(decoder_for("base64"), cut(encoded, cuts)) == data


def test_base64_passes_over_what_is_none() -> None:
    assert decoded(decoder_for("base64"), [b"-QU JD*", b"\xff", b"R"]) == b"ABC"
    assert decoded(decoder_for("base64"), [b"QUJDRA"]) == b"ABCD"


@given(st.binary(max_size=60), CUTS)
def test_quoted_printable_comes_back_but_for_blanks(data: bytes, cuts: list[int]) -> None:
    encoded = quopri.encodestring(data)
    found = decoded(decoder_for("quoted-printable"), cut(encoded, cuts))
    assert found.translate(None, b" \t\r\n") == data.translate(None, b" \t\r\n")


@given(
    st.lists(st.sampled_from([b"=", b"=4", b"1", b"=\n", b" ", b"=zz", b"x"]), max_size=12).map(
        b"".join
    ),
    CUTS,
)
@example(b"==41=\n=4", [1, 2, 3, 4, 5])
def test_broken_quoted_printable_is_the_same_for_any_cut(data: bytes, cuts: list[int]) -> None:
    whole = decoded(decoder_for("quoted-printable"), [data])
    assert decoded(decoder_for("quoted-printable"), cut(data, cuts)) == whole


def test_what_is_not_encoded_stays() -> None:
    assert decoded(decoder_for("8bit"), [b"a=41", b"\xff"]) == b"a=41\xff"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ("windows-1252", "cp1252"),
        ("iso-8859-15", "iso8859-15"),
        ("ISO-2022-JP", "iso2022_jp"),
        ("us-ascii", "latin-1"),
        ("x-unknown", "latin-1"),
        ("iso-8859-99", "latin-1"),
        ("zlib", "latin-1"),
        ("utf-16", "latin-1"),
        ("punycode", "latin-1"),
        ("idna", "latin-1"),
        ("", "latin-1"),
        ("utf-8\0", "latin-1"),
    ],
)
def test_only_charsets_of_mails_are_decoded(name: str, codec: str) -> None:
    assert charset_of(name) == codec


@given(st.text(max_size=40), st.sampled_from(["utf-8", "utf-16le", "gb18030", "iso-2022-jp"]), CUTS)
def test_letters_are_the_same_in_every_charset(text: str, charset: str, cuts: list[int]) -> None:
    raw = text.encode(charset, "ignore")
    expected = letters(raw.decode(charset))
    assert read(TextLetters(charset), cut(raw, cuts)) == expected


@given(st.binary(max_size=60), st.sampled_from(CHARSETS), CUTS)
def test_broken_text_is_the_same_for_any_cut(raw: bytes, charset: str, cuts: list[int]) -> None:
    assert read(TextLetters(charset), cut(raw, cuts)) == read(TextLetters(charset), [raw])


def test_letters_and_digits_alone_count() -> None:
    assert letters("Grüße, Welt_2 - \n(日本)") == "GrüßeWelt2日本"
    assert text_of(b"gr\xfc\xdfe", "iso-8859-1") == "grüße"


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (b"<p>Hello <b>world</b></p>", "Helloworld"),
        (b"<html><HEAD x=1><title>no</title></head ><body>yes", "yes"),
        (b"<style>p{}</style>a<script>if(a<b)</script>b", "ab"),
        (b"<header>seen</header><!-- a > b -->c<!---->d", "seencd"),
        (b"&eacute;&#233;&#xE9;&amp;&nosuch;&lt", "ééénosuch"),
        (b"5 < 6 > 7", "57"),
        (b"a<", "a"),
        (b"a<script", "a"),
        (b"a&am", "aam"),
        (b"", ""),
    ],
)
def test_only_what_a_reader_sees_of_a_page_counts(page: bytes, shown: str) -> None:
    assert read(HtmlLetters("utf-8"), [page]) == shown
    assert read(HtmlLetters("utf-8"), [bytes((byte,)) for byte in page]) == shown


PAGE = st.lists(
    st.sampled_from(["<", ">", "<p", "<script", "</script", "</SCRIPT>", "<head>", "</head>", "<!--", "-->", "-",
                     "&", "&amp", ";", "#233", "x" * 31, "a", " ", "é"]),
    max_size=14,
)  # fmt: skip


@given(PAGE.map("".join), CUTS)
def test_any_page_is_the_same_for_any_cut(page: str, cuts: list[int]) -> None:
    raw = page.encode()
    assert read(HtmlLetters("utf-8"), cut(raw, cuts)) == read(HtmlLetters("utf-8"), [raw])


@pytest.mark.parametrize(
    "piece", [b"<", b"<p>", b"&", b"<!--", b"&amp", b"<script", b"</script", b"a" * 50]
)
def test_pages_made_to_be_slow_are_read_in_proportion(
    piece: bytes, proportional: Callable[..., None]
) -> None:
    proportional(lambda count: read(HtmlLetters("utf-8"), [piece * count] * 4), 4_000)
