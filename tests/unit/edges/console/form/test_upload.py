from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.balance.paper import Paper

from switchover import clock
from switchover.edges.console.form.upload import (
    BYTES_BESIDE,
    KEEP_SECONDS,
    MAX_BYTES_OF_ONE,
    MAX_FILE_BYTES,
    MAX_KEPT_BYTES,
    Uploads,
    describe,
    file_name,
    joined,
)
from switchover.errors import InvalidInput

MAIL = Paper("mail.contoso.example")
LARGE = b"x" * (MAX_FILE_BYTES - BYTES_BESIDE)


def full(uploads: Uploads, owner: str) -> list[str]:
    """Fill all the room of an owner; return the keys."""
    return [
        uploads.keep(owner, f"{number}.pem", LARGE)
        for number in range(MAX_BYTES_OF_ONE // MAX_FILE_BYTES)
    ]


def test_a_file_is_found_by_its_key_and_only_by_its_owner() -> None:
    uploads = Uploads()
    key = uploads.keep("anna", "mail.pem", b"x")
    found = uploads.find("anna", key)
    assert found is not None
    assert (found.name, found.content) == ("mail.pem", b"x")
    assert uploads.find("berta", key) is None
    assert uploads.find("anna", "other") is None


def test_a_file_that_is_not_needed_any_more_is_forgotten_by_its_owner_only() -> None:
    uploads = Uploads()
    key = uploads.keep("anna", "mail.pem", b"x")
    uploads.drop("berta", [key])
    assert uploads.find("anna", key) is not None
    uploads.drop("anna", [key, "other"])
    assert uploads.find("anna", key) is None


def test_nothing_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads()
    key = uploads.keep("anna", "mail.pem", b"x")
    later = clock.now() + timedelta(seconds=KEEP_SECONDS + 1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert uploads.find("anna", key) is None


def test_many_small_files_of_one_person_are_all_kept() -> None:
    uploads = Uploads()
    keys = [uploads.keep("anna", f"{number}.pem", b"x" * 4096) for number in range(500)]
    assert all(uploads.find("anna", key) for key in keys)


def test_who_has_no_room_left_is_told_and_loses_nothing_nor_do_others() -> None:
    uploads = Uploads()
    theirs = uploads.keep("berta", "b.pem", b"x")
    mine = full(uploads, "anna")
    with pytest.raises(
        InvalidInput, match=r"no room for the file 'one more.pem': your files .* 16 MiB"
    ):
        uploads.keep("anna", "one more.pem", LARGE)
    assert uploads.find("berta", theirs) is not None
    assert all(uploads.find("anna", key) for key in mine)
    uploads.drop("anna", mine[:1])
    uploads.keep("anna", "one more.pem", LARGE)


def test_a_file_may_take_the_place_of_an_own_one_where_there_is_no_other_room() -> None:
    uploads = Uploads()
    first, *others = full(uploads, "anna")
    again = uploads.keep("anna", "a.pem", LARGE, instead_of=[first])
    assert uploads.find("anna", first) is None
    assert all(uploads.find("anna", key) for key in (*others, again))
    with pytest.raises(InvalidInput, match="no room"):
        uploads.keep("anna", "a.pem", LARGE, instead_of=["nobody's"])


def test_all_together_hold_no_more_than_there_is_room_for() -> None:
    uploads = Uploads()
    keys = {
        f"person {number}": full(uploads, f"person {number}")
        for number in range(MAX_KEPT_BYTES // MAX_BYTES_OF_ONE)
    }
    with pytest.raises(InvalidInput, match=r"files of all .* 64 MiB"):
        full(uploads, "one more")
    assert all(uploads.find(owner, key) for owner, held in keys.items() for key in held)


def test_small_files_are_bounded_too() -> None:
    uploads = Uploads()
    for _ in range(MAX_BYTES_OF_ONE // BYTES_BESIDE):
        uploads.keep("anna", "a.pem", b"")
    with pytest.raises(InvalidInput, match="no room"):
        uploads.keep("anna", "a.pem", b"")


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidInput, match="larger than"):
        Uploads().keep("anna", "mail.pem", b"x" * (MAX_FILE_BYTES + 1))


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("mail.pem", "mail.pem"),
        ("C:\\certs\\Mail 2026.pem", "Mail 2026.pem"),
        ("../../etc/shadow", "shadow"),
        ("...", "file.pem"),
        ("a..b.pem", "a.b.pem"),
        ("über$.pem", "ber-.pem"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_file_gets_a_name_that_the_platform_file_can_say(sent: str, name: str) -> None:
    assert file_name(sent) == name


def test_a_page_tells_facts_of_a_certificate_and_never_its_key() -> None:
    facts, fault = describe(MAIL.bundle, name="mail.pem", takes="certificate")
    assert facts.startswith("mail.contoso.example; valid until 2027-")
    assert not fault
    assert "PRIVATE" not in facts


def test_certificate_chain_and_key_may_be_files_of_their_own() -> None:
    root = Paper(common_name="root", is_authority=True)
    leaf = Paper("mail.contoso.example", by=root)
    parts = [("chain.crt", root.pem), ("mail.key", leaf.key_pem()), ("mail.crt", leaf.pem)]
    _, content = joined(parts, takes="certificate")
    facts, fault = describe(content, name="mail.crt", takes="certificate")
    assert facts.startswith("mail.contoso.example")
    assert not fault
    assert joined(parts[:1], takes="certificate") == parts[0]
    name, content = joined(parts[:1] * 2, takes="certificate")
    assert name == "chain.crt"
    assert content.count(b"BEGIN CERTIFICATE") == 2
    assert joined([("a", b"1")] * 6, takes="certificate") == ("a", b"\n".join([b"1\n"] * 6))


def test_what_is_wrong_with_a_file_is_told() -> None:
    facts, fault = describe(MAIL.pem, name="mail.pem", takes="certificate")
    assert not facts
    assert "key" in fault


def test_each_kind_of_file_is_told_of_in_its_way() -> None:
    root = Paper(common_name="root", is_authority=True)
    assert "root" in describe(root.pem, name="ca.pem", takes="authority")[0]
    assert "mail" in describe(MAIL.pem, name="cas1.pem", takes="presented")[0]
    assert describe(b"<h1>Back soon</h1>", name="sorry.html", takes="page") == ("18 bytes", "")
    assert describe(b"<h1>Back soon</h1>", name="sorry.html", takes="any") == ("18 bytes", "")
    assert "mail" in describe(MAIL.pem, name="mail.pem", takes="any")[0]
    assert "mail" in describe(MAIL.bundle, name="mail.pem", takes="any")[0]
