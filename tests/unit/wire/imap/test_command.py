from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.wire.imap.command import (
    Command,
    Dialogue,
    Hidden,
    Literal,
    LiteralMode,
    Step,
    Stream,
    Wait,
    astring,
    atom,
    encode,
    encode_parts,
    flag_list,
    is_flag,
    literal_mode,
    mailbox,
    number,
    quoted,
    secret_string,
    string,
)

SYNCHRONISING, SMALL, ANY = LiteralMode.SYNCHRONISING, LiteralMode.SMALL, LiteralMode.ANY


def command(*parts: bytes | Literal | Hidden) -> Command:
    return Command(name="X", parts=parts)


def texts(steps: tuple[Step, ...]) -> bytes:
    return b"".join(step for step in steps if isinstance(step, bytes))


def read_string(wire: bytes) -> tuple[bytes, bytes]:
    """What a server reads from a quoted string, a literal or a bare word: its value, and the rest."""
    if wire.startswith(b'"'):
        found = re.match(rb'"((?:[^"\\\r\n]|\\["\\])*)"', wire)
        assert found is not None
        return re.sub(rb"\\(.)", rb"\1", found[1]), wire[found.end() :]
    if wire.startswith(b"{"):
        found = re.match(rb"\{(\d+)\+?\}\r\n", wire)
        assert found is not None
        end = found.end() + int(found[1])
        return wire[found.end() : end], wire[end:]
    word, blank, rest = wire.partition(b" ")
    return word, blank + rest


@pytest.mark.parametrize(
    ("capabilities", "mode"),
    [
        ({"IMAP4REV1"}, SYNCHRONISING),
        ({"IMAP4REV1", "LITERAL+"}, ANY),
        ({"IMAP4REV1", "LITERAL-"}, SMALL),
        ({"IMAP4REV1", "LITERAL-", "LITERAL+"}, ANY),
        ({"IMAP4REV2"}, SMALL),
        ({"IMAP4REV1", "IMAP4REV2"}, SYNCHRONISING),
    ],
)
def test_the_widest_announced_literal_mode_is_taken(
    capabilities: set[str], mode: LiteralMode
) -> None:
    assert literal_mode(capabilities) is mode


@pytest.mark.parametrize(
    ("mode", "size", "waits"),
    [
        (ANY, 4_000_000_000, False),
        (SMALL, 4096, False),
        (SMALL, 4097, True),
        (SYNCHRONISING, 0, True),
    ],
)
def test_a_literal_waits_only_beyond_its_mode(mode: LiteralMode, size: int, waits: bool) -> None:
    steps = encode(b"A1", command(b"APPEND x ", Literal(size)), mode)
    plus = b"" if waits else b"+"
    opening = b"A1 APPEND x {%d%b}\r\n" % (size, plus)
    expected = (opening, *([Wait.CONTINUATION] if waits else []), Stream(0, size), b"\r\n")
    assert steps == expected


def test_a_literal8_is_marked_by_a_tilde_and_may_go_without_waiting() -> None:
    steps = encode(b"A1", command(b"APPEND x UTF8 (", Literal(7, None, is_binary=True), b")"), ANY)
    assert steps == (b"A1 APPEND x UTF8 (~{7+}\r\n", Stream(0, 7), b")\r\n")


def test_texts_and_held_literals_that_need_no_wait_are_one_text() -> None:
    held = Literal(2, b"\r\n")
    assert encode(b"T", command(b"A ", held, b" ", held), ANY) == (
        b"T A {2+}\r\n\r\n {2+}\r\n\r\n\r\n",
    )


def test_a_held_literal_waits_for_its_continuation() -> None:
    assert encode(b"T", command(b"A ", Literal(1, b"x"), b" b"), SYNCHRONISING) == (
        b"T A {1}\r\n",
        Wait.CONTINUATION,
        b"x b\r\n",
    )


def test_an_empty_literal_still_has_its_step() -> None:
    assert encode(b"T", command(b"A ", Literal(0)), SYNCHRONISING) == (
        b"T A {0}\r\n",
        Wait.CONTINUATION,
        Stream(0, 0),
        b"\r\n",
    )


def test_streamed_literals_are_numbered_over_the_whole_command() -> None:
    parts = (b" (\\Seen) ", Literal(5), b" () ", Literal(3, b"abc"), b" () ", Literal(9))
    streams = [
        step for step in encode_parts(parts, ANY, first_stream=4) if isinstance(step, Stream)
    ]
    assert [(stream.place, stream.size) for stream in streams] == [(4, 5), (5, 9)]


def test_a_command_sent_in_pieces_is_the_command_sent_whole() -> None:
    opening, first, second = (b"APPEND x",), (b" () ", Literal(3)), (b" () ", Literal(4))
    whole = encode(b"T", command(*opening, *first, *second), ANY)
    pieces = (
        *encode_parts((b"T ", *opening), ANY),
        *encode_parts(first, ANY),
        *encode_parts(second, ANY, first_stream=1),
        b"\r\n",
    )
    assert texts(whole) == texts(pieces)
    assert [s for s in whole if isinstance(s, Stream)] == [
        s for s in pieces if isinstance(s, Stream)
    ]


@pytest.mark.parametrize("bad", [b"a\r\nb", b"a\nb", b"a\rb", b"a\0b"])
def test_no_text_with_a_line_end_or_nul_is_ever_sent(bad: bytes) -> None:
    for part in (bad, Hidden(bad)):
        with pytest.raises(InvalidInput):
            encode(b"T", command(b"X ", part), ANY)
    with pytest.raises(InvalidInput):
        encode(bad, command(b"X"), ANY)


@pytest.mark.parametrize(
    "literal",
    [Literal(-1), Literal(1 << 63), Literal(2, b"abc"), Literal(4, b"abc"), Literal(1, b"\0")],
)
def test_a_literal_that_would_break_the_stream_is_refused(literal: Literal) -> None:
    with pytest.raises(InvalidInput):
        encode(b"T", command(b"X ", literal), ANY)


@given(st.binary())
@example(b'\\"')
@example(b"")
@example(b"NIL")
@example(b"2013")
@example(b"{3}")
@example(b"x" * 2000)
def test_a_server_reads_exactly_the_string_we_meant(value: bytes) -> None:
    for build in (string, astring):
        if b"\0" in value:
            with pytest.raises(InvalidInput):
                build(value)
            continue
        wire = texts(encode(b"T", command(b"X ", build(value), b" END"), ANY))
        read, rest = read_string(wire.removeprefix(b"T X "))
        assert (read, rest) == (value, b" END\r\n")


@given(st.lists(st.binary(max_size=20), max_size=4), st.sampled_from(LiteralMode))
def test_nothing_given_to_a_command_adds_a_line_to_it(
    values: list[bytes], mode: LiteralMode
) -> None:
    sent = [value for value in values if b"\0" not in value]
    parts = [part for value in sent for part in (b" ", string(value))]
    steps = encode(b"T", command(b"X", *parts), mode)
    # Lines end only at the announcement of a literal, and at the end of the command.
    rest = texts(steps).removeprefix(b"T X")
    for value in sent:
        read, rest = read_string(rest.removeprefix(b" "))
        assert read == value
    assert rest == b"\r\n"


@given(st.text(max_size=10))
def test_an_atom_is_made_of_atom_characters_or_not_at_all(text: str) -> None:
    is_atom = bool(text) and all(33 <= ord(one) < 127 and one not in '(){%*"\\]' for one in text)
    if is_atom:
        assert atom(text) == text.encode()
    else:
        with pytest.raises(InvalidInput):
            atom(text)


def test_words_that_servers_misread_bare_are_quoted() -> None:
    assert astring(b"NIL") == b'"NIL"'
    assert astring(b"nil") == b'"nil"'
    assert astring(b"2013") == b'"2013"'
    assert astring(b"lrs[x]") == b"lrs[x]"
    assert mailbox(b"INBOX") == b'"INBOX"'


def test_a_mailbox_needs_a_name() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        mailbox(b"")


@pytest.mark.parametrize("bad", [b"\r", b"\x7f", b"\xc3\xa9", b"\0", b"\t"])
def test_only_printable_ascii_stands_between_quotes(bad: bytes) -> None:
    with pytest.raises(InvalidInput):
        quoted(bad)


@pytest.mark.parametrize("value", [-1, 1 << 63])
def test_a_number_beyond_63_bits_is_refused(value: int) -> None:
    with pytest.raises(InvalidInput):
        number(value)


def test_a_modification_sequence_of_63_bits_is_a_number() -> None:
    assert number((1 << 63) - 1) == b"9223372036854775807"


def test_flags_keep_their_odd_characters_and_lose_recent() -> None:
    flags = (b"\\Seen", b"$Forwarded", b"a]b", b"\\recent", b"\\RECENT")
    assert flag_list(flags) == b"(\\Seen $Forwarded a]b)"
    assert flag_list(()) == b"()"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\\",
        b"a b",
        b"a\r\nb",
        b"(",
        b")",
        b"{1}",
        b"\\*",
        b'"',
        b"a\\b",
        b"\xe9",
        b"%",
        b"\0",
    ],
)
def test_what_is_no_flag_is_refused(bad: bytes) -> None:
    assert not is_flag(bad)
    with pytest.raises(InvalidInput):
        flag_list((b"\\Seen", bad))


@given(st.binary(max_size=30))
def test_a_flag_never_ends_the_list_it_stands_in(value: bytes) -> None:
    if is_flag(value):
        assert re.fullmatch(rb"[^\x00-\x20\x7f-\xff(){]+", value)


@given(st.binary(min_size=1).filter(lambda value: b"\0" not in value))
def test_a_secret_is_sent_and_never_shown(value: bytes) -> None:
    secret = command(b"LOGIN x ", secret_string(value))
    plain = command(b"LOGIN x ", string(value))
    assert encode(b"T", secret, ANY) == encode(b"T", plain, ANY)
    assert secret.show() == "LOGIN x ***"
    others = command(b"LOGIN x ", secret_string(b"y"))
    assert repr(secret) == repr(others)
    if len(value) < 1000 and value.isascii() and value.isalnum():
        assert repr(secret.parts) == repr(others.parts)


def test_a_trace_shows_sizes_and_no_contents() -> None:
    parts = (b'APPEND "x" (\\Seen) ', Literal(310, b"s" * 310), b" ", Literal(5, is_binary=True))
    assert command(*parts).show() == 'APPEND "x" (\\Seen) {310} ~{5}'
    assert "sss" not in repr(parts)


def test_the_longest_stretch_of_text_counts_for_the_limit_of_a_line() -> None:
    parts = (b"12345", Hidden(b"678"), Literal(9000), b"1234567", Literal(1), b"12")
    assert command(*parts).line_octets == 8
    assert command(b"NOOP").dialogue is Dialogue.NONE
