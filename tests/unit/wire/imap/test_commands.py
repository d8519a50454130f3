from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.wire.imap import commands
from switchover.wire.imap.command import Command, Dialogue, LiteralMode, Stream, Wait, encode
from switchover.wire.imap.commands import Detail, Resync, Selection, StatusItem


def wire(command: Command, mode: LiteralMode = LiteralMode.ANY) -> bytes:
    """The line as it goes out, without its tag and line end."""
    steps = encode(b"T", command, mode)
    assert not any(isinstance(step, Stream | Wait) for step in steps)
    line = b"".join(step for step in steps if isinstance(step, bytes))
    return line.removeprefix(b"T ").removesuffix(b"\r\n")


@pytest.mark.parametrize(
    ("command", "line", "is_barrier"),
    [
        (commands.CAPABILITY, b"CAPABILITY", False),
        (commands.NOOP, b"NOOP", False),
        (commands.NAMESPACE, b"NAMESPACE", False),
        (commands.UNSELECT, b"UNSELECT", False),
        (commands.CLOSE, b"CLOSE", False),
        (commands.LOGOUT, b"LOGOUT", True),
        (commands.STARTTLS, b"STARTTLS", True),
        (commands.COMPRESS_DEFLATE, b"COMPRESS DEFLATE", True),
        (commands.UNAUTHENTICATE, b"UNAUTHENTICATE", True),
        (commands.IDLE, b"IDLE", True),
    ],
)
def test_what_changes_the_stream_is_a_barrier(
    command: Command, line: bytes, is_barrier: bool
) -> None:
    assert (wire(command), command.is_barrier) == (line, is_barrier)


def test_idle_waits_for_one_continuation_and_ends_with_a_line_of_its_own() -> None:
    assert commands.IDLE.dialogue is Dialogue.IDLE
    assert commands.IDLE_DONE == b"DONE\r\n"


def test_id_says_who_we_are_or_nothing() -> None:
    assert wire(commands.identify({"name": "switchover", "version": "1"})) == (
        b'ID ("name" "switchover" "version" "1")'
    )
    assert wire(commands.identify({})) == b"ID NIL"


@pytest.mark.parametrize(
    "fields", [{"x" * 31: "y"}, {"x": "y" * 1025}, {f"k{n}": "v" for n in range(31)}, {"x": "\r\n"}]
)
def test_an_id_beyond_the_standard_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        commands.identify(fields)


def test_enable_names_each_extension() -> None:
    assert wire(commands.enable(["QRESYNC", "UTF8=ACCEPT"])) == b"ENABLE QRESYNC UTF8=ACCEPT"
    with pytest.raises(InvalidInput):
        commands.enable([])


def test_login_sends_the_password_and_shows_none() -> None:
    command = commands.login("user*master", 'p"w\\d')
    assert wire(command) == b'LOGIN "user*master" "p\\"w\\\\d"'
    assert command.show() == 'LOGIN "user*master" ***'


def test_a_password_beyond_ascii_goes_as_a_literal_of_utf_8() -> None:
    command = commands.login("é", "ü")
    assert wire(command) == b"LOGIN {2+}\r\n\xc3\xa9 {2+}\r\n\xc3\xbc"
    assert command.show() == "LOGIN {2} ***"


def test_authenticate_carries_the_first_response_only_when_asked() -> None:
    later = commands.authenticate("PLAIN")
    assert wire(later) == b"AUTHENTICATE PLAIN"
    assert (later.dialogue, later.is_barrier) == (Dialogue.SIGN_IN, True)
    at_once = commands.authenticate("PLAIN", b"\0u\0p")
    assert wire(at_once) == b"AUTHENTICATE PLAIN " + base64.b64encode(b"\0u\0p")
    assert at_once.show() == "AUTHENTICATE PLAIN ***"
    assert wire(commands.authenticate("EXTERNAL", b"")) == b"AUTHENTICATE EXTERNAL ="


@given(st.binary())
def test_a_challenge_is_read_as_a_response_is_written(data: bytes) -> None:
    line = commands.sign_in_line(data)
    assert line.endswith(b"\r\n")
    assert line.count(b"\n") == 1
    assert commands.read_challenge(line[:-2]) == data
    assert commands.read_challenge(line[:-2].rstrip(b"=")) == data


@pytest.mark.parametrize("empty", [b"", b" "])
def test_an_empty_continuation_is_the_empty_challenge(empty: bytes) -> None:
    assert commands.read_challenge(empty) == b""


def test_a_challenge_that_is_no_base64_is_refused() -> None:
    with pytest.raises(InvalidInput):
        commands.read_challenge(b"abcde")
    assert commands.SIGN_IN_CANCEL == b"*\r\n"


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (commands.list_mailboxes(), b'LIST "" "*"'),
        (commands.list_mailboxes(b"%", reference=b"a/"), b'LIST "a/" "%"'),
        (commands.list_mailboxes(b"a", b"b"), b'LIST "" ("a" "b")'),
        (
            commands.list_mailboxes(
                selections=[Selection.SUBSCRIBED, Selection.RECURSIVE_MATCH],
                details=[Detail.CHILDREN],
            ),
            b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "*" RETURN (CHILDREN)',
        ),
        (
            commands.list_mailboxes(
                selections=[Selection.SPECIAL_USE], status=[StatusItem.UNSEEN, StatusItem.DELETED]
            ),
            b'LIST (SPECIAL-USE) "" "*" RETURN (STATUS (UNSEEN DELETED))',
        ),
        (commands.list_subscribed(), b'LSUB "" "*"'),
    ],
)
def test_list_asks_only_for_what_was_named(command: Command, line: bytes) -> None:
    assert wire(command) == line


def test_a_plain_server_is_listed_by_list_and_lsub() -> None:
    assert [wire(one) for one in commands.inventory({"IMAP4REV1", "SPECIAL-USE"})] == [
        b'LIST "" "*"',
        b'LSUB "" "*"',
    ]


def test_a_rich_server_tells_everything_in_one_round_trip() -> None:
    rich = {"LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CONDSTORE", "STATUS=SIZE", "OBJECTID"}
    assert [wire(one) for one in commands.inventory(rich)] == [
        b'LIST "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS '
        b"(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE MAILBOXID))"
    ]


def test_special_use_is_not_asked_of_a_server_with_list_extended_alone() -> None:
    # Zimbra 8.8.15 answers BAD to it.
    (command,) = commands.inventory({"LIST-EXTENDED", "LIST-STATUS"})
    assert b"SPECIAL-USE" not in wire(command)
    (command,) = commands.inventory({"LIST-EXTENDED", "SPECIAL-USE"})
    assert wire(command) == b'LIST "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)'


def test_status_asks_for_the_limit_only_where_it_differs_by_mailbox() -> None:
    assert StatusItem.APPEND_LIMIT in commands.status_items({"APPENDLIMIT"})
    assert StatusItem.APPEND_LIMIT not in commands.status_items({"APPENDLIMIT=35651584"})


def test_status_names_its_items() -> None:
    assert wire(commands.status(b"x", [StatusItem.MESSAGES, StatusItem.UID_NEXT])) == (
        b'STATUS "x" (MESSAGES UIDNEXT)'
    )
    with pytest.raises(InvalidInput):
        commands.status(b"x", [])


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (commands.subscribe(b"a"), b'SUBSCRIBE "a"'),
        (commands.unsubscribe(b"a"), b'UNSUBSCRIBE "a"'),
        (commands.create(b"a"), b'CREATE "a"'),
        (commands.create(b"a", ["\\Sent", "Junk"]), b'CREATE "a" (USE (\\Sent \\Junk))'),
        (commands.delete(b"a"), b'DELETE "a"'),
        (commands.rename(b"a", b"b"), b'RENAME "a" "b"'),
        (commands.select(b"a"), b'SELECT "a"'),
        (commands.examine(b"a", condstore=True), b'EXAMINE "a" (CONDSTORE)'),
        (
            commands.select(b"a", resync=Resync(uid_validity=7, mod_seq=9, known_uids=b"1:5,8")),
            b'SELECT "a" (QRESYNC (7 9 1:5,8))',
        ),
        (
            commands.examine(b"a", condstore=True, resync=Resync(uid_validity=7, mod_seq=9)),
            b'EXAMINE "a" (QRESYNC (7 9))',
        ),
        (commands.get_acl(b"a"), b'GETACL "a"'),
        (commands.set_acl(b"a", "user name", "+lrs"), b'SETACL "a" "user name" +lrs'),
        (commands.set_acl(b"a", "anyone", ""), b'SETACL "a" anyone ""'),
        (commands.delete_acl(b"a", "anyone"), b'DELETEACL "a" anyone'),
        (commands.my_rights(b"a"), b'MYRIGHTS "a"'),
        (
            commands.get_metadata(b"a", ["/shared", "/private/comment"]),
            b'GETMETADATA (DEPTH infinity) "a" ("/shared" "/private/comment")',
        ),
        (
            commands.get_metadata(b"", ["/shared"], whole_tree=False),
            b'GETMETADATA "" ("/shared")',
        ),
        (
            commands.get_metadata(b"a", ["/shared"], most_octets=1024),
            b'GETMETADATA (MAXSIZE 1024 DEPTH infinity) "a" ("/shared")',
        ),
        (
            commands.set_metadata(b"a", {"/shared/comment": b"x", "/private/y": None}),
            b'SETMETADATA "a" ("/shared/comment" "x" "/private/y" NIL)',
        ),
        (
            commands.set_metadata(b"a", {"/shared/z": b"\0", "/shared/u": b"\xff"}),
            b'SETMETADATA "a" ("/shared/z" ~{1+}\r\n\0 "/shared/u" {1+}\r\n\xff)',
        ),
        (commands.get_quota_root(b"a"), b'GETQUOTAROOT "a"'),
    ],
)
def test_a_command_on_a_mailbox_is_as_the_standards_write_it(command: Command, line: bytes) -> None:
    assert wire(command) == line


@pytest.mark.parametrize(
    "resync", [Resync(uid_validity=0, mod_seq=1), Resync(uid_validity=1, mod_seq=0)]
)
def test_qresync_needs_numbers_from_one(resync: Resync) -> None:
    with pytest.raises(InvalidInput):
        commands.select(b"a", resync=resync)


def test_qresync_takes_no_more_than_a_set() -> None:
    with pytest.raises(InvalidInput):
        commands.select(b"a", resync=Resync(uid_validity=1, mod_seq=1, known_uids=b"1) x"))


@pytest.mark.parametrize(
    "name", ["", "shared", "/", "//a", "/a/", "/a*", "/a%b", "/a b", "/é", "/a\r\n"]
)
def test_what_is_no_metadata_entry_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        commands.get_metadata(b"a", [name])
    with pytest.raises(InvalidInput):
        commands.set_metadata(b"a", {name: b"x"})


def test_metadata_needs_an_entry_to_set() -> None:
    with pytest.raises(InvalidInput):
        commands.set_metadata(b"a", {})


@pytest.mark.parametrize("raw", [b"NIL", b"2013", b"INBOX", b'a"b\\c', b"&U,BTFw-", b"~x"])
def test_a_mailbox_name_is_always_quoted(raw: bytes) -> None:
    escaped = raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    assert wire(commands.select(raw)) == b'SELECT "%b"' % escaped


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
def test_no_mailbox_name_smuggles_in_a_command(raw: bytes) -> None:
    line = wire(commands.create(raw)).removeprefix(b"CREATE ")
    if line.startswith(b'"'):
        assert b"\r" not in line
        assert b"\n" not in line
    else:
        assert line == b"{%d+}\r\n%b" % (len(raw), raw)


def test_a_name_beyond_ascii_goes_as_a_literal() -> None:
    raw = "Entwürfe".encode()
    assert wire(commands.examine(raw)) == b"EXAMINE {9+}\r\n" + raw
