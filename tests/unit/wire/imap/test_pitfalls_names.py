"""Names of mailboxes as servers have been seen to write them: none is lost, none is guessed.

Each claim: it costs nothing, or at most one message. Who did it stands beside the bytes where known.
"""

from __future__ import annotations

from tests.unit.wire.imap.served import event, events, item

from switchover.wire.imap.responses import (
    ListEntry,
    MailboxStatus,
    Namespace,
    Prefix,
)


def names(*lines: bytes) -> list[object]:
    return [entry.name for entry in events(*lines)]


def test_names_may_hold_quotes_that_are_not_escaped() -> None:
    assert names(b'* LIST () "/" "Foo "bar" baz"', b'* LIST () "/" "the "end""') == [
        b'Foo "bar" baz',
        b'the "end"',
    ]
    assert event(b'* STATUS "Foo "bar" baz" (MESSAGES 2)') == MailboxStatus(
        name=b'Foo "bar" baz', messages=2
    )


def test_names_may_hold_escaped_quotes_and_backslashes() -> None:
    assert names(b'* LIST () "/" "a\\"b\\\\c"') == [b'a"b\\c']


def test_backslashes_may_not_be_escaped() -> None:  # Domino
    assert event(b'* LIST () "\\" "A\\B"') == ListEntry("LIST", (), b"\\", b"A\\B")
    assert event(b'* LIST () "\\\\" "A\\\\B\\"') == ListEntry("LIST", (), b"\\", b"A\\B\\")
    assert event(b'* NAMESPACE (("" "\\")) NIL NIL') == Namespace(
        personal=(Prefix(prefix=b"", delimiter=b"\\"),), other=(), shared=()
    )
    assert event(b'* NAMESPACE (("" "\\")("x" "\\")) NIL NIL').personal[1].prefix == b"x"


def test_names_may_stand_without_quotes_although_there_are_blanks() -> None:  # Exchange
    assert names(
        b'* LIST (\\HasNoChildren) "/" INBOX/Da\tOggetto\tCategorie\t',
        b'* LIST () "/" Posta in uscita',
        b'* LIST () "/" News (old)',
        b'* LIST () "/" Archive{12}',
    ) == [b"INBOX/Da\tOggetto\tCategorie\t", b"Posta in uscita", b"News (old)", b"Archive{12}"]
    assert event(b"* STATUS Posta in uscita (MESSAGES 2)") == MailboxStatus(
        name=b"Posta in uscita", messages=2
    )


def test_names_may_hold_control_characters() -> None:  # Exchange
    assert names(b'* LIST () "/" "a\x01b\x7f"', b'* LIST () "/" "a\rb"') == [b"a\x01b\x7f", b"a\rb"]


def test_names_may_be_numbers() -> None:
    assert names(b'* LIST () "/" 123', b'* LIST () "." "45"') == [b"123", b"45"]
    assert event(b"* STATUS 123 (MESSAGES 1)").name == b"123"


def test_names_may_be_literals() -> None:
    assert names(b'* LIST () "/" {5}\r\na"b\\c', b'* LSUB () "/" {0}\r\n') == [b'a"b\\c', b""]
    assert event(b"* STATUS {5}\r\na\r\nbc (MESSAGES 1)") == MailboxStatus(
        name=b"a\r\nbc", messages=1
    )


def test_nil_may_be_the_name_of_a_mailbox_or_a_flag() -> None:  # imaptest
    assert names(b'* LIST () "/" NIL', b'* LIST () "/" "NIL"') == [b"NIL", b"NIL"]
    assert event(b"* STATUS NIL (MESSAGES 1)").name == b"NIL"
    assert item(b"* 1 FETCH (UID 1 FLAGS (NIL \\Seen))").flags == (b"NIL", b"\\Seen")


def test_the_delimiter_may_be_nil() -> None:
    assert event(b"* LIST (\\Noselect) NIL INBOX") == ListEntry(
        "LIST", (b"\\Noselect",), None, b"INBOX"
    )
    assert event(b'* LIST () "" INBOX').delimiter is None


def test_names_may_be_raw_utf8_or_worse() -> None:
    assert names('* LIST () "/" "Entwürfe"'.encode(), b'* LIST () "/" caf\xe9') == [
        "Entwürfe".encode(),
        b"caf\xe9",
    ]


def test_a_list_without_extended_data_is_a_list() -> None:  # Strato announces LIST-EXTENDED
    assert event(b'* LIST (\\Subscribed) "/" a') == ListEntry(
        "LIST", (b"\\Subscribed",), b"/", b"a"
    )


def test_status_may_list_nothing() -> None:  # 163.com
    assert event(b'* STATUS "INBOX" ()') == MailboxStatus(name=b"INBOX")
