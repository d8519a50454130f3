"""A fingerprint tells listings apart, however many mails come at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.fingerprint import Fingerprint

Mail = tuple[int, tuple[str, ...]]


def fingerprint(*portions: list[Mail], validity: int = 1) -> bytes:
    made = Fingerprint(validity)
    for mails in portions:
        made.add(mails)
    return made.digest()


def test_equal_listings_have_one_fingerprint_and_others_another() -> None:
    base: list[Mail] = [(1, ("\\Seen",)), (2, ("a", "b"))]
    others: list[list[Mail]] = [
        [(1, ("\\Seen",)), (3, ("a", "b"))],
        [(1, ("\\Seen",)), (2, ("a",))],
        [(1, ("\\Seen", "a")), (2, ("b",))],
        [(1, ("\\Seen",))],
        [],
        [(1, ("\udcff",))],
    ]
    found = {fingerprint(one) for one in [base, *others]} | {fingerprint(base, validity=2)}
    assert len(found) == 8


def test_what_a_server_wrote_and_what_we_keep_are_the_same() -> None:
    raw, kept = Fingerprint(1), Fingerprint(1)
    raw.add([(7, (b"\\SEEN", b"\\Recent", b"a"))])
    kept.add([(7, ("\\Seen", "a"))])
    assert raw.digest() == kept.digest()


@given(st.lists(st.integers(1, 10_000), unique=True), st.integers(1, 7))
def test_how_many_mails_come_at_a_time_makes_no_difference(uids: list[int], step: int) -> None:
    mails: list[Mail] = [(uid, ("x",)) for uid in sorted(uids)]
    portions = [mails[at : at + step] for at in range(0, len(mails), step)]
    assert fingerprint(*portions) == fingerprint(mails)


def test_mails_out_of_order_or_doubled_have_no_fingerprint() -> None:
    assert fingerprint([(2, ()), (1, ())]) == b""
    assert fingerprint([(1, ())], [(1, ())]) == b""
    assert fingerprint([(0, ())]) == b""
