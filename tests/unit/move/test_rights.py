"""Rights and annotations that differ are set, and nobody locks himself out."""

from __future__ import annotations

import pytest

from switchover.move.rights import entries_to_set, rights_to_set, translated


@pytest.mark.parametrize(
    ("rights", "is_modern", "wanted"),
    [("lrs", True, "lrs"), ("lrcd", True, "eklrtx"), ("lrkxte", False, "cdlr"), ("", True, "")],
)
def test_rights_are_told_in_the_targets_letters(rights: str, is_modern: bool, wanted: str) -> None:
    assert translated(rights, is_modern=is_modern) == wanted


def test_only_rights_that_differ_are_set_and_our_own_never() -> None:
    source = {"bea": "lrs", "cy": "lr", "Ann": "lrswip", "owner": "l", "dot": "lrcd"}
    target = {"cy": "rl", "bea": "l", "dot": "lrkxte", "eve": "a"}
    found = rights_to_set(source, target, own=["ann"], is_modern=True)
    assert found == {"bea": "lrs"}


def test_annotations_that_differ_are_set_and_those_of_the_server_itself_never() -> None:
    source = {
        "/private/comment": b"mine",
        "/shared/comment": b"same",
        "/Shared/Upper": b"same",
        "/private/gone": None,
        "/shared/vendor/cmu/cyrus-imapd/size": b"1",
        "/private/vendor/vendor.dovecot/pvt/x": b"1",
    }
    target = {"/shared/comment": b"same", "/shared/upper": b"same"}
    assert entries_to_set(source, target) == {"/private/comment": b"mine"}
