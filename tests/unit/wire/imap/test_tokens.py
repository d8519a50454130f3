"""The text of any response as values: tolerant, bounded, in one pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.wire.imap.tokens import (
    LiteralRef,
    Quoted,
    Value,
    is_nil,
    nil_or_string,
    number,
    string,
    strings,
    tokenize,
    whole_number,
)

ABC = LiteralRef(3, content=b"abc")


def values(*parts: bytes | LiteralRef, depth: int = 20) -> list[Value] | None:
    return tokenize(parts, depth=depth)


def kinds(value: object) -> object:
    """Return the value with the kinds told apart, which plain equality of bytes does not."""
    return [kinds(one) for one in value] if type(value) is list else (type(value), value)


# What a faithful server can write: atoms, quoted strings, literals and lists of them.
atoms = st.text("abcXYZ019$.-+:*\\/]", min_size=1, max_size=8).map(str.encode)
quoted = st.binary(max_size=8).map(lambda text: Quoted(text.translate(None, b"\r\n\0")))
literals = st.binary(max_size=8).map(lambda text: LiteralRef(len(text), content=text))
trees = st.lists(st.recursive(atoms | quoted | literals, lambda inner: st.lists(inner, max_size=4)))


def written(tree: list[Value]) -> list[bytes | LiteralRef]:
    """Return the parts that say what ``tree`` holds."""
    parts: list[bytes | LiteralRef] = [b""]
    for value in tree:
        more: list[bytes | LiteralRef] = []
        if isinstance(value, LiteralRef):
            more = [b" ", value, b""]
        elif isinstance(value, list):
            more = [b" (", *written(value), b")"]
        elif isinstance(value, Quoted):
            more = [b' "%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')]
        else:
            more = [b" " + value]
        for part in more:
            if isinstance(part, bytes) and isinstance(parts[-1], bytes):
                parts[-1] += part
            else:
                parts.append(part)
    return parts


@given(trees)
def test_what_a_faithful_server_writes_is_read(tree: list[Value]) -> None:
    assert kinds(tokenize(written(tree), depth=100)) == kinds(tree)


@given(st.lists(st.binary(max_size=30) | literals, max_size=6))
def test_nothing_makes_it_fail(parts: list[bytes | LiteralRef]) -> None:
    tokenize(parts, depth=10)


def test_values_keep_how_they_were_written() -> None:
    assert kinds(values(b'NIL "NIL" (a "b" 5) ', ABC, b' "" ()')) == kinds(
        [b"NIL", Quoted(b"NIL"), [b"a", Quoted(b"b"), b"5"], ABC, Quoted(b""), []]
    )


def test_blanks_may_be_any() -> None:
    assert values(b"  a\t( b  ) c ") == [b"a", [b"b"], b"c"]
    assert values(b"") == []
    assert values(b" ") == []


def test_lists_may_end_wrongly() -> None:
    assert values(b"(a (b") == [[b"a", [b"b"]]]
    assert values(b"(a)) b)") == [[b"a"], b"b"]


def test_lists_beyond_the_depth_make_no_sense() -> None:
    assert values(b"(((a)))", depth=4) is not None
    assert values(b"((((a))))", depth=4) is None


def test_strings_may_lack_their_escapes() -> None:
    assert values(b'("HTML"" NIL)') == [[Quoted(b'HTML"'), b"NIL"]]
    assert values(b'("a"b" c)') == [[Quoted(b'a"b'), b"c"]]
    assert values(b'("" "\\") x') == [[Quoted(b""), Quoted(b"\\")], b"x"]
    assert values(b'"a\\b"') == [Quoted(b"a\\b")]


@pytest.mark.parametrize(
    "text", [b'"a', b'(a "b c', b'"', b'"a"b', b'"a\\', b"BODY[a", b"(BODY[ ("]
)
def test_strings_and_sections_without_an_end_make_no_sense(text: bytes) -> None:
    assert values(text) is None


def test_a_section_is_one_value() -> None:
    for section in (
        b"BODY[]",
        b"body[1.TEXT]<5>",
        b"BINARY.SIZE[2]",
        b'BODY[HEADER.FIELDS (a "])" b)]',
    ):
        assert values(section + b" x") == [section, b"x"]


def test_nil_is_an_atom_only() -> None:
    assert [is_nil(value) for value in (b"NIL", b"nil", Quoted(b"NIL"), [b"NIL"], ABC)] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_strings_are_atoms_quoted_or_kept_literals() -> None:
    assert [string(value) for value in (b"a", Quoted(b"b"), ABC, LiteralRef(3), [b"a"])] == [
        b"a",
        b"b",
        b"abc",
        None,
        None,
    ]
    assert type(string(Quoted(b"b"))) is bytes
    assert (nil_or_string(b"nil"), nil_or_string(Quoted(b"nil"))) == (None, b"nil")
    assert strings([b"a", ABC]) == (b"a", b"abc")
    assert strings([b"a", [b"b"]]) is None
    assert strings(b"a") is None


@pytest.mark.parametrize(
    ("text", "exact", "whole"),
    [
        (b"0", 0, 0),
        (b"18446744073709551615", 2**64 - 1, 2**64 - 1),
        (b"18446744073709551616", None, None),
        (b"-1", None, None),
        (b"+1", None, None),
        (b"1_0", None, None),
        (b"", None, None),
        (b"12.0", None, 12),
        (b"12.", None, 12),
        (b"12.50", None, None),
        (b"1.25e2", None, 125),
        (b"1.25e1", None, None),
        (b"1e+3", None, 1000),
        (b"1e-3", None, None),
        (b"1e99", None, None),
        (b"1e999999999", None, None),
        (b"9" * 5000, None, None),
    ],
)
def test_numbers_are_exact_or_not_at_all(text: bytes, exact: int | None, whole: int | None) -> None:
    assert number(text) == exact
    assert whole_number(text) == whole


def test_lists_and_literals_are_no_numbers() -> None:
    for value in ([b"1"], LiteralRef(1, content=b"1")):
        assert (number(value), whole_number(value)) == (None, None)


HOSTILE = {
    "quotes": b'"' * 200_000,
    "escaped quotes": b'"' + b'\\"' * 100_000,
    "backslashes": b'"' + b"\\" * 200_001,
    "strings without escapes": b'"a"b' * 50_000,
    "sections without an end": b"BODY[ " * 30_000,
    "sections with open lists": b"BODY[ (" * 30_000,
    "sections with open strings": b'BODY[ ("\\"' * 20_000,
    "one section of strings": b"BODY[a (" + b'"x"' * 60_000,
    "open lists": b"(" * 200_000,
    "closed lists": b")" * 200_000,
    "open and closed": b"()" * 100_000,
    "blanks": b" " * 200_000 + b'"',
}


@pytest.mark.no_cover  # it measures, and others cover the same
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_time_in_proportion(name: str) -> None:
    # Were any of these quadratic it would take minutes; bench/imap.py measures the proportion.
    tokenize([HOSTILE[name]], depth=100)
