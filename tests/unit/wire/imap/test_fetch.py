"""The fast way and the slow way read the same; nothing is passed over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.wire.imap.fetch import FetchItem, FetchLines, fetch_item
from switchover.wire.imap.internal_date import InternalDate
from switchover.wire.imap.parse import parse_response
from switchover.wire.imap.responses import Fetch
from switchover.wire.imap.tokens import LiteralRef, Quoted

flags = st.lists(
    st.sampled_from([b"\\Seen", b"\\Recent", b"$Junk", b"a]b", b"NIL", b"\xe9", b"{1}", b"\\*"]),
    max_size=4,
)
items = st.fixed_dictionaries(
    {"UID": st.integers(0, 10**11).map(lambda uid: b"UID %d" % uid)},
    optional={
        "FLAGS": st.tuples(flags, st.sampled_from([b" ", b"  "])).map(
            lambda drawn: b"FLAGS (%b)" % drawn[1].join(drawn[0])
        ),
        "MODSEQ": st.integers(-1, 10**20).map(lambda modseq: b"MODSEQ (%d)" % modseq),
        "SIZE": st.sampled_from([b"5", b"0", b"-1", b"5.0", b"%d" % 2**70]).map(
            lambda size: b"RFC822.SIZE " + size
        ),
        "DATE": st.sampled_from(
            [b" 5-Feb-2017 14:38:25 +0200", b"31-Feb-2017 14:38:25 +0200", b"", b'a\\"b', b"x" * 50]
        ).map(lambda text: b'INTERNALDATE "%b"' % text),
        "EMAILID": st.sampled_from([b"EMAILID (M6d99ac3275bb4e)", b"EMAILID (a b)"]),
        "GMAIL": st.just(b"X-GM-MSGID 1278455344230334865"),
        "LABELS": st.lists(
            st.sampled_from(
                [
                    b'"\\\\Inbox"',
                    b"x",
                    b"\\\\Sent",
                    b'"a \\"b\\""',
                    b'"(x) {3}"',
                    b'"\\n"',
                    b'""',
                    b"NIL",
                    b"a]",
                ]
            ),
            max_size=3,
        ).map(lambda labels: b"X-GM-LABELS (%b)" % b" ".join(labels)),
    },
).flatmap(lambda found: st.permutations(list(found.values())))
lines = items.map(lambda found: b"* 7 FETCH (%b)\r\n" % b" ".join(found))


def slowly(line: bytes) -> FetchItem:
    response = parse_response([line.rstrip(b"\r\n")], depth=20)
    assert isinstance(response, Fetch)
    return response.items[0]


def quickly(block: bytes, at: int = 0) -> tuple[list[FetchItem], int]:
    return FetchLines().read(block, at)


@given(lines)
def test_both_ways_read_the_same(line: bytes) -> None:
    found, end = quickly(line)
    assert (found, end) in [([slowly(line)], len(line)), ([], 0)]


@given(st.lists(lines, min_size=1, max_size=6), st.data())
def test_a_listing_is_read_line_by_line_in_order(some: list[bytes], data: st.DataObject) -> None:
    listing = data.draw(st.lists(st.sampled_from(some), max_size=30))
    block, reader = b"".join(listing), FetchLines()
    found: list[FetchItem] = []
    at = 0
    while at < len(block):
        run, end = reader.read(block, at)
        if not run:
            end = block.index(b"\n", at) + 1
            run = [slowly(block[at:end])]
        found += run
        at = end
    assert found == [slowly(line) for line in listing]


SIMPLE = b"* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n"


def test_a_run_ends_at_the_first_line_that_looks_different() -> None:
    for other in (
        b"* 2 EXISTS\r\n",
        b"a OK done\r\n",
        b"x* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n",
        b"",
    ):
        block = SIMPLE * 3 + other + SIMPLE
        expected = 4 if not other else 3
        assert quickly(block)[0] == [slowly(SIMPLE)] * expected
        assert quickly(block)[1] == len(SIMPLE) * expected


def test_a_run_may_begin_anywhere() -> None:
    other = b"* 2 EXISTS\r\n"
    assert quickly(other + SIMPLE * 2, len(other))[1] == len(other) + 2 * len(SIMPLE)
    assert quickly(other + SIMPLE)[0] == []


def test_the_fast_way_takes_what_we_ask_for() -> None:
    for listed in (
        b"UID 5",
        b"UID 5 FLAGS ()",
        b"FLAGS () UID 5",
        b"UID 5 FLAGS (\\Seen) MODSEQ (7)",
        b'UID 5 FLAGS (a]b) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 5',
        b'RFC822.SIZE 5 INTERNALDATE " 7-Jul-1996 02:44:25 -0700" UID 5 FLAGS (\\Seen) EMAILID (M1)',
        b"X-GM-MSGID 12784 UID 5 FLAGS ()",
    ):
        line = b"* 1 FETCH (%b)\r\n" % listed
        assert quickly(line) == ([slowly(line)], len(line))
        head = b"* 1 FETCH (%b BODY[] " % listed
        assert FetchLines().head(head) == slowly(line)


def test_the_shapes_of_a_server_are_remembered() -> None:
    reader = FetchLines()
    shapes = [
        b"UID 5",
        b"UID 5 FLAGS ()",
        b"UID 5 RFC822.SIZE 1",
        b"UID 5 MODSEQ (1)",
        b"FLAGS () UID 5",
    ]
    for listed in [*shapes, *shapes]:
        assert reader.read(b"* 1 FETCH (%b)\r\n" % listed, 0)[0][0].uid == 5


def test_a_head_that_is_not_simple_is_left_to_the_slow_way() -> None:
    for head in (
        b"* 1 FETCH (BODY[] ",
        b"* 1 FETCH (UID 5 BODY[HEADER] ",
        b"* 1 FETCH (UID 5 UID 5 BODY[] ",
        b'* 1 FETCH (UID 5 X-GM-LABELS ("a" "b"c) BODY[] ',
    ):
        assert FetchLines().head(head) is None


def test_flag_sets_without_end_are_forgotten() -> None:
    block = b"".join(b"* 1 FETCH (UID %d FLAGS (k%d))\r\n" % (uid, uid) for uid in range(1, 9000))
    found, _ = quickly(block)
    assert [shown.flags for shown in found[-2:]] == [(b"k8998",), (b"k8999",)]


def test_label_sets_without_end_are_forgotten() -> None:
    block = b"".join(
        b'* 1 FETCH (UID %d X-GM-LABELS ("l%d" x))\r\n' % (uid, uid) for uid in range(1, 9000)
    )
    found, _ = quickly(block)
    assert [shown.find(b"X-GM-LABELS") for shown in found[-2:]] == [
        [Quoted(b"l8998"), b"x"],
        [Quoted(b"l8999"), b"x"],
    ]


def test_a_date_is_worked_out_when_asked() -> None:
    assert FetchItem(date=b"17-Jul-1996 02:44:25 -0700").internal_date == InternalDate(
        837596665, -420
    )
    assert FetchItem(date=b"never").internal_date is None
    assert FetchItem().internal_date is None


def test_other_items_are_found_by_name() -> None:
    shown = slowly(b'* 1 FETCH (UID 5 X-GM-LABELS ("a" b) SAVEDATE NIL)')
    assert shown.find(b"X-GM-LABELS") == [Quoted(b"a"), b"b"]
    assert (shown.find(b"SAVEDATE"), shown.find(b"THREADID")) == (b"NIL", None)


def test_uidonly_names_the_uid_before_the_list() -> None:  # RFC 9586
    response = parse_response([b"* 25996 UIDFETCH (FLAGS (\\Deleted))"], depth=20)
    assert response == Fetch(items=[FetchItem(uid=25996, flags=(b"\\Deleted",))])


def test_the_number_is_told_only_without_a_uid() -> None:
    assert fetch_item([[b"FLAGS", []]], sequence=7) == FetchItem(sequence=7, flags=())
    assert fetch_item([[b"UID", b"5"]], sequence=7) == FetchItem(uid=5)


def test_emailid_counts_before_gmails_own() -> None:
    both = fetch_item([[b"X-GM-MSGID", b"12", b"EMAILID", [b"M1"]]])
    assert (
        both.email_id == fetch_item([[b"EMAILID", [b"M1"], b"X-GM-MSGID", b"12"]]).email_id == b"M1"
    )


def test_what_cannot_be_read_is_kept_beside() -> None:
    odd = [b"FLAGS", b"x", b"MODSEQ", [b"1", b"2"], b"EMAILID", b"NIL", b"INTERNALDATE", b"NIL"]
    assert fetch_item([[*odd, b"UID", b"5", b"FLAGS", [[b"x"]]]]).other == (
        (b"FLAGS", b"x"),
        (b"MODSEQ", [b"1", b"2"]),
        (b"EMAILID", b"NIL"),
        (b"INTERNALDATE", b"NIL"),
        (b"FLAGS", [[b"x"]]),
    )


def test_a_literal_where_a_name_belongs_is_passed_over() -> None:
    assert fetch_item([[LiteralRef(3), b"UID", b"5", b"FLAGS"]]) == FetchItem(uid=5)


def test_only_the_whole_message_is_the_body() -> None:
    parts = [b"BODY[]<5>", LiteralRef(1), b"BODY[TEXT]", LiteralRef(2), b"BODY[]<0>", LiteralRef(3)]
    shown = fetch_item([parts])
    assert shown.body == LiteralRef(3)
    assert shown.other == ((b"BODY[]<5>", LiteralRef(1)), (b"BODY[TEXT]", LiteralRef(2)))
