"""Subscriptions as Dovecot and Courier write them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.archive import subscriptions

NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda x: "/" not in x))


def test_both_versions_of_dovecot_and_courier_are_read() -> None:
    assert subscriptions.parse("V\t2\n\nSent\nArchive\t2024\n", ".") == ["Sent", "Archive.2024"]
    assert subscriptions.parse("Sent\nArchive/2024\n", "/") == ["Sent", "Archive/2024"]
    assert subscriptions.parse_courier("INBOX\nINBOX.Sent\n") == ["INBOX", "Sent"]
    assert subscriptions.parse("", "/") == []


@given(NAMES)
def test_names_come_back(names: list[str]) -> None:
    assert subscriptions.parse(subscriptions.write(names, "/"), "/") == names
