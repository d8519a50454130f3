"""What servers tell of mailboxes."""

from __future__ import annotations

import pytest
from tests.unit.wire.imap.served import event

from switchover.wire.imap.responses import (
    Acl,
    ListEntry,
    ListRights,
    MailboxStatus,
    Metadata,
    MyRights,
    Namespace,
    Prefix,
    Quota,
    QuotaRoots,
    Resource,
    Unparsed,
)


def prefix(text: bytes, delimiter: bytes | None) -> Prefix:
    return Prefix(prefix=text, delimiter=delimiter)


def test_a_mailbox_is_listed_with_all_that_is_told() -> None:
    line = b'* LIST (\\HasNoChildren \\Sent) "." "Sent" ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" ("Sen\\"t"))'
    assert event(line) == ListEntry(
        "LIST", (b"\\HasNoChildren", b"\\Sent"), b".", b"Sent", b'Sen"t', (b"SUBSCRIBED",)
    )


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (b"* LSUB () / a", ListEntry("LSUB", (), b"/", b"a")),
        (b'* XLIST (\\Inbox) "/" "Inbox"', ListEntry("XLIST", (b"\\Inbox",), b"/", b"Inbox")),
        (b'* LIST NIL "/" a', ListEntry("LIST", (), b"/", b"a")),
        (b'* LIST () "/" a (OLDNAME (b))', ListEntry("LIST", (), b"/", b"a", b"b")),
        (b'* LIST () "/" {1}\r\na (OLDNAME ({1}\r\nb))', ListEntry("LIST", (), b"/", b"a", b"b")),
        (b'* LIST () "/" "a" (OLDNAME ({1}\r\nb))', ListEntry("LIST", (), b"/", b"a", b"b")),
        (b'* LIST () "/" "a" (odd)', ListEntry("LIST", (), b"/", b"a")),
        (b'* LIST () "/" "a" (({1}\r\nb) c)', ListEntry("LIST", (), b"/", b"a")),
        (b'* LIST () "/" a (b) (c)', ListEntry("LIST", (), b"/", b"a (b) (c)")),
        (b'* LIST () "/" a ("b', ListEntry("LIST", (), b"/", b'a ("b')),
        (b'* LIST () "/" "x "y" z" (OLDNAME (b))', ListEntry("LIST", (), b"/", b'x "y" z', b"b")),
        (b'* LIST () "/" "a" (b', ListEntry("LIST", (), b"/", b"a")),
    ],
)
def test_lists_are_read_in_many_forms(line: bytes, entry: ListEntry) -> None:
    assert event(line) == entry


@pytest.mark.parametrize(
    "line",
    [
        b"* LIST",
        b'* LIST (\\A) "/"',
        b'* LIST (\\A) "/" ',
        b'* LIST (\\A) "//" a',
        b'* LIST \\A "/" a',
        b'* LIST () "/" "',
        b'* LIST () "/" "a (b)',
        b"* LIST () {1}\r\n/ a",
        b'* LIST () "/" a {1}\r\nb',
        b"* STATUS",
        b"* STATUS a",
        b"* STATUS (MESSAGES 1)",
        b'* STATUS a (MESSAGES 1 "',
        b"* STATUS a b MESSAGES 1",
        b"* STATUS {1}\r\na b",
        b"* NAMESPACE",
        b"* NAMESPACE x",
        b"* NAMESPACE (x)",
        b'* NAMESPACE ((""))',
        b'* NAMESPACE (((a) "/"))',
        b"* NAMESPACE NIL NIL NIL NIL",
        b"* QUOTA",
        b"* QUOTA a b",
        b"* QUOTA (a) (b 1 2)",
        b"* QUOTAROOT",
        b"* QUOTAROOT (a)",
        b"* ACL",
        b"* ACL a b",
        b"* MYRIGHTS a",
        b"* LISTRIGHTS a b",
        b"* METADATA a",
        b"* METADATA (a) b",
        b"* METADATA a ((b) c)",
        b"* METADATA a (b (c))",
        b'* METADATA a "',
    ],
)
def test_what_makes_no_sense_is_unparsed(line: bytes) -> None:
    told = event(line)
    assert isinstance(told, Unparsed)
    assert told.raw.startswith(line[:6])


def test_a_status_tells_everything() -> None:
    line = (
        b'* STATUS "a b" (MESSAGES 231 RECENT 1 UIDNEXT 44292 UIDVALIDITY 7 UNSEEN 5 DELETED 2 SIZE 8589934592 '
        b"HIGHESTMODSEQ 7011231777 APPENDLIMIT 35651584 MAILBOXID (F221) X-NEW 5)"
    )
    assert event(line) == MailboxStatus(
        name=b"a b",
        messages=231,
        recent=1,
        uid_next=44292,
        uid_validity=7,
        unseen=5,
        deleted=2,
        size=2**33,
        highest_modseq=7011231777,
        append_limit=35651584,
        mailbox_id=b"F221",
    )


def test_values_of_a_status_may_be_nil() -> None:
    assert event(b"* STATUS a (APPENDLIMIT NIL MESSAGES 1)") == MailboxStatus(name=b"a", messages=1)
    assert event(b"* STATUS a (MAILBOXID F221)").mailbox_id == b"F221"


def test_a_name_may_look_like_the_items_of_a_status() -> None:
    assert event(b"* STATUS x (SIZE y) (MESSAGES 1)") == MailboxStatus(
        name=b"x (SIZE y)", messages=1
    )


def test_namespaces_are_told_by_owner() -> None:
    line = (
        b'* NAMESPACE (("" "/")) (("~" "/" "X-PARAM" ("A" "B"))) (("#a/" "/")("#b." ".")("#c" NIL))'
    )
    assert event(line) == Namespace(
        personal=(prefix(b"", b"/"),),
        other=(prefix(b"~", b"/"),),
        shared=(prefix(b"#a/", b"/"), prefix(b"#b.", b"."), prefix(b"#c", None)),
    )
    assert event(b'* NAMESPACE (("" "")) nil') == Namespace(
        personal=(prefix(b"", None),), other=(), shared=()
    )


def test_quotas_are_told_by_resource() -> None:
    line = b'* QUOTA "User quota"  (STORAGE 10 512  message 1.0 100 X a b)'
    assert event(line) == Quota(
        root=b"User quota",
        resources=(
            Resource(name="STORAGE", usage=10, limit=512),
            Resource(name="MESSAGE", usage=1, limit=100),
        ),
    )
    assert event(b'* QUOTA "" ()') == Quota(root=b"", resources=())
    assert event(b'* QUOTAROOT INBOX "" a') == QuotaRoots(name=b"INBOX", roots=(b"", b"a"))
    assert event(b"* QUOTAROOT INBOX") == QuotaRoots(name=b"INBOX", roots=())


def test_rights_are_told() -> None:
    assert event(b'* ACL INBOX "Fred X" rwipslda anyone ""') == Acl(
        name=b"INBOX", rights=((b"Fred X", b"rwipslda"), (b"anyone", b""))
    )
    assert event(b"* ACL INBOX") == Acl(name=b"INBOX", rights=())
    assert event(b"* MYRIGHTS INBOX rwiptsldaex") == MyRights(name=b"INBOX", rights=b"rwiptsldaex")
    assert event(b"* LISTRIGHTS a fred l r s w") == ListRights(
        name=b"a", identifier=b"fred", always=b"l", optional=(b"r", b"s", b"w")
    )


def test_annotations_are_told() -> None:
    line = b'* METADATA "INBOX" (/shared/comment {4}\r\na\r\nb /private/x NIL /private/y "NIL")'
    assert event(line) == Metadata(
        name=b"INBOX",
        entries=((b"/shared/comment", b"a\r\nb"), (b"/private/x", None), (b"/private/y", b"NIL")),
    )
    assert event(b'* METADATA "" /shared/comment /shared/x') == Metadata(
        name=b"", entries=((b"/shared/comment", None), (b"/shared/x", None))
    )
