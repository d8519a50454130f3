"""What every archive keeps, of any kind: bytes, flags, dates, UIDs that are never given twice."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path, PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.move.archive.stores import KINDS, NOW, body, open_store, put, shown

from switchover.errors import Conflict, InvalidInput, NotFound, Refused
from switchover.move.archive import durable
from switchover.move.archive.line_ends import ToWire
from switchover.move.archive.opening import open_archive
from switchover.move.endpoint import ArchiveEndpoint, absolute, parse_endpoint

FLAGS = (b"\\Seen", b"\\Flagged", b"work", b"$Forwarded")
ALL = pytest.mark.parametrize("kind", KINDS)
ODD = (
    b"no header at all, no line end",
    b"Subject: only a header\r\n\r\n",
    b"Subject: \xe4\xf6 raw\r\n\r\n8 bit: \xff\xfe\r\n",
    b"Subject: lone CR\r\n\r\na\rb\r\r\n.\r\nFrom here\r\n>From there\r\n\r\nFrom x Thu Jan  1 00:00:00 1970\r\n",
    b"Status: RO\r\nX-Keywords: own\r\nContent-Length: 3\r\nX-UID: 9\r\n\r\nabc\r\n",
    b"\r\n",
    b"x",
    b"\r\n\r\n\r\n",
    b"Subject: twin\r\n\r\ntwin\r\n",
    b"Subject: twin\r\n\r\ntwin\r\n",
)


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no disk: what is claimed here is not about power cuts."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def ended(kind: str, mail: bytes) -> bytes:
    return mail if kind != "mbox" or mail.endswith(b"\r\n") else mail + b"\r\n"


@ALL
def test_mails_come_back_with_flags_and_dates_also_to_whoever_opens_it_next(
    kind: str, tmp_path: Path
) -> None:
    folder = open_store(kind, tmp_path / "a").open("INBOX", to_write=True)
    floor = folder.uid_next
    uids = [*put(folder, *ODD, flags=FLAGS), *put(folder, ODD[0], date=-86_401)]
    assert uids == list(range(floor, floor + len(ODD) + 1))
    wanted = [
        (uid, set(FLAGS), NOW, ended(kind, mail)) for uid, mail in zip(uids, ODD, strict=False)
    ]
    wanted.append((uids[-1], set(), -86_401, ended(kind, ODD[0])))
    assert shown(folder) == wanted
    again = open_store(kind, tmp_path / "a", may_create=False).open("INBOX")
    assert shown(again) == wanted
    assert (again.uid_validity, again.uid_next) == (folder.uid_validity, uids[-1] + 1)
    assert set(again.keywords) == {b"work", b"$Forwarded"}
    folder.close()
    again.close()


@ALL
@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=300),
            st.lists(
                st.sampled_from(
                    [b"\r\n", b"\n", b"From ", b">", b"\r", b"X-UID: 1", b"a: b", b"\n\n"]
                ),
                min_size=1,
            ).map(b"".join),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_random_octets_come_back_in_the_declared_form(kind: str, mails: list[bytes]) -> None:
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as place:
        folder = open_store(kind, Path(place) / "a").open("INBOX", to_write=True)
        uids = put(folder, *mails)
        found = [body(folder, uid) for uid in uids]
        again = open_store(kind, Path(place) / "a").open("INBOX")
        assert [body(again, uid) for uid in again.uids()] == found
        folder.close()
        again.close()
    for mail, read in zip(mails, found, strict=True):
        if kind == "eml":
            assert read == mail
        else:
            as_lines = ToWire().feed(mail)
            assert read in {as_lines, as_lines + b"\r\n", as_lines + b"\n"}
            assert kind == "mbox" or read == as_lines


@ALL
def test_flags_change_and_mails_go_and_no_uid_comes_again(kind: str, tmp_path: Path) -> None:
    folder = open_store(kind, tmp_path / "a").open("INBOX", to_write=True)
    uids = put(folder, *ODD[:4], flags=(b"\\Seen",))
    many = tuple(b"keyword-number-%d" % number for number in range(12))
    folder.set_flags({uids[0]: (b"\\Deleted", b"work"), uids[2]: many, 999: ()})
    flags = {mail.uid: set(mail.flags) for mail in folder.list_flags(None)}
    assert flags == {
        uids[0]: {b"\\Deleted", b"work"},
        uids[1]: {b"\\Seen"},
        uids[2]: set(many),
        uids[3]: {b"\\Seen"},
    }
    assert list(folder.expunge([uids[1], uids[3], 999])) == [uids[1], uids[3]]
    assert put(folder, b"new\r\n") == [uids[3] + 1]
    assert list(folder.expunge([uids[3] + 1])) == [uids[3] + 1]
    again = open_store(kind, tmp_path / "a").open("INBOX")
    assert again.uid_next == uids[3] + 2
    assert [(uid, text) for uid, _, _, text in shown(again)] == [
        (uids[0], ended(kind, ODD[0])),
        (uids[2], ODD[2]),
    ]
    assert set(next(iter(again.list_mails([uids[2]]))).flags) == set(many)
    assert again.open_body(999) is None
    assert again.size_of(999) is None
    folder.close()
    again.close()


@ALL
def test_nothing_is_stored_of_a_batch_that_is_given_up(kind: str, tmp_path: Path) -> None:
    folder = open_store(kind, tmp_path / "a").open("INBOX", to_write=True)
    batch = folder.begin()
    batch.begin_mail((), NOW)
    batch.write(memoryview(b"half of it"))
    batch.abort()
    folder.refresh()
    assert list(folder.uids()) == []
    assert not [path for path in (tmp_path / "a").rglob("*") if "stage" in path.name]
    assert not list((tmp_path / "a").rglob("tmp/*"))
    assert not list((tmp_path / "a").rglob("*.tmp"))
    folder.close()


@ALL
def test_folders_are_made_listed_and_subscribed(kind: str, tmp_path: Path) -> None:
    store = open_store(kind, tmp_path / "a")
    assert list(store.folders()) == ["INBOX"]
    assert not (tmp_path / "a").exists()
    between = store.separator
    names = [
        "Sent",
        between.join(("Archive", "2024")),
        "Entw&APw-rfe",
        "a b",
        "&-x",
        'He said "hello"',
    ]
    for name in names:
        store.create(name)
    with pytest.raises(Conflict, match="there already"):
        store.create("Sent")
    store.subscribe(names[1], wanted=True)
    store.subscribe("Sent", wanted=True)
    store.subscribe("Sent", wanted=False)
    store.subscribe("Sent", wanted=False)
    put(store.open("INBOX", to_write=True), b"x")
    again = open_store(kind, tmp_path / "a", may_create=False)
    assert sorted(again.folders()) == sorted([*names, "INBOX"])
    assert list(again.subscriptions()) == [names[1]]
    with pytest.raises(NotFound, match="no folder"):
        again.open("nowhere")


@ALL
def test_an_archive_that_is_not_there_is_an_error_for_who_reads(kind: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_store(kind, tmp_path / "missing", may_create=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file.txt").write_text("no mail")
    with pytest.raises(NotFound):
        open_store(kind, tmp_path / "empty", may_create=False)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("maildir", ["", ".", "a..b", "a/b", ".a", "a.", "x" * 251]),
        ("tree", ["", "..", "a/../b", "/etc", "cur", "a/new", ".hidden", "x" * 251, "a//b"]),
        ("mbox", ["", "a//b", "/etc", "x" * 201, "/".join("a" * 65)]),
        ("eml", ["", "a//b", "/etc", "x" * 201, "/".join("a" * 65)]),
    ],
)
def test_no_name_leads_out_of_the_archive(kind: str, names: list[str], tmp_path: Path) -> None:
    store = open_store(kind, tmp_path / "a")
    store.open("INBOX", to_write=True).close()
    before = sorted(tmp_path.rglob("*"))
    for name in names:
        with pytest.raises(InvalidInput):
            store.create(name)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", ["mbox", "eml"])
def test_odd_names_become_files_that_every_file_system_takes(kind: str, tmp_path: Path) -> None:
    store = open_store(kind, tmp_path / "a")
    names = [
        "../up",
        "..",
        "con",
        "a:b*c?",
        "dot.",
        " blank ",
        ".hidden",
        "x.sbd",
        "y.msf/z",
        "100%25",
    ]
    for name in names:
        store.create(name)
    assert {name for name in store.folders() if name != "INBOX"} == set(names)
    for path in tmp_path.rglob("*"):
        assert not set(path.name) & set('<>:"|?*\\'), path
        assert tmp_path / "a" in [path, *path.parents]


@ALL
def test_a_link_is_never_followed(kind: str, tmp_path: Path) -> None:
    outside = open_store(kind, tmp_path / "outside")
    outside.create("Secret")
    put(outside.open("Secret"), b"Subject: secret\r\n\r\n")
    put(outside.open("INBOX", to_write=True), b"Subject: secret\r\n\r\n")
    store = open_store(kind, tmp_path / "a")
    inbox = store.open("INBOX", to_write=True)
    put(inbox, b"ours\r\n")
    link = tmp_path / "a" / (".Link" if kind == "maildir" else "Link")
    link.symlink_to(tmp_path / "outside" / (".Secret" if kind == "maildir" else "Secret"))
    assert "Link" in store.folders()
    with pytest.raises(Refused, match="symbolic link"):
        store.open("Link")
    if kind == "eml":
        (tmp_path / "a" / "INBOX" / "evil.eml").symlink_to("/etc/passwd")
    elif kind != "mbox":
        (tmp_path / "a" / "cur" / "1.evil:2,").symlink_to("/etc/passwd")
    inbox.refresh()
    assert [text for *_, text in shown(inbox)] == [b"ours\r\n"]
    inbox.close()


@ALL
def test_where_nothing_can_be_written_mails_have_uids_as_long_as_they_are_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_store(kind, tmp_path / "a").open("INBOX", to_write=True)
    put(folder, b"one\r\n", b"two\r\n")
    folder.close()
    for path in (tmp_path / "a").rglob("*"):
        if "uidlist" in path.name or "index" in path.name:
            path.unlink()

    def refuse(path: Path, *_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(durable, "create", refuse)
    first, second = (open_store(kind, tmp_path / "a").open("INBOX") for _ in range(2))
    assert first.uid_validity == second.uid_validity
    assert list(first.uids()) == list(second.uids()) == [1, 2]
    assert {text for *_, text in shown(first)} == {b"one\r\n", b"two\r\n"}
    first.close()
    second.close()


def test_every_endpoint_opens_its_own_kind_of_archive(tmp_path: Path) -> None:
    for text, kind in (
        ("maildir:{}", "maildir"), ("maildir:{}?layout=fs", "maildir"), ("mbox:{}", "mbox"),
        ("eml:{}", "eml"),
    ):  # fmt: skip
        endpoint = parse_endpoint(text.format(tmp_path / "new"))
        assert isinstance(endpoint, ArchiveEndpoint)
        assert str(endpoint) == text.format(tmp_path / "new")
        store = open_archive(endpoint, may_create=True).store
        assert (store.kind, store.separator) == (kind, "." if text == "maildir:{}" else "/")


def test_an_endpoint_is_the_same_from_every_directory() -> None:
    seen = [absolute(parse_endpoint("mbox:a/../b"), PurePath(one)) for one in ("/x", "/x/y/..")]
    assert [one.key for one in seen] == ["file:/x/b", "file:/x/b"]
    server = parse_endpoint("imaps://ann@contoso.example")
    assert absolute(server, PurePath("/x")) is server


def test_a_large_file_is_read_in_pieces(tmp_path: Path) -> None:
    store = open_store("maildir", tmp_path / "a")
    folder = store.open("INBOX", to_write=True)
    mail = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * 300_000
    uids = put(folder, mail)
    found = folder.open_body(uids[0])
    assert found is not None
    chunks = list(found.chunks)
    found.close()
    assert len(chunks) > 1
    assert b"".join(chunks) == mail


def test_an_index_of_a_directory_survives_a_crash_and_nonsense(tmp_path: Path) -> None:
    store = open_store("eml", tmp_path / "a")
    folder = store.open("INBOX", to_write=True)
    put(folder, b"one\r\n", b"two\r\n", flags=(b"\\Seen",))
    index = tmp_path / "a" / "INBOX" / ".switchover-index.jsonl"
    index.write_bytes(index.read_bytes() + b'{"uid": 3, "fi')
    (index.parent / "other.EML").write_bytes(b"Subject: other\n\n")
    again = store.open("INBOX")
    assert [(uid, text) for uid, _, _, text in shown(again)] == [
        (1, b"one\r\n"), (2, b"two\r\n"), (3, b"Subject: other\r\n\r\n"),
    ]  # fmt: skip
    validity = again.uid_validity
    index.write_bytes(b"nonsense\n")
    again.refresh()
    assert again.uid_validity > validity
    assert len(again.uids()) == 3
    for line in (b'{"uid": 0}', b"[]", b'{"uid": 4, "file": "../../etc/passwd"}'):
        index.write_bytes(b'{"uidvalidity": 5, "uidnext": 9}\n' + line + b"\n")
        store.open("INBOX")
        assert b"passwd" not in b"".join(text or b"" for *_, text in shown(store.open("INBOX")))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?= 10/12?\r\n", "Größe 10_12_"),
        (b"Subject: =?no-such?q?x?=\r\n", "=_no-such_q_x_="),
        (b"subject: a\r\n b\r\n", "a b"),
        (b"From: x\r\n", ""),
        (b"Subject: ..\r\n", ""),
        (b"Subject: \xff\x00\r\n", "\ufffd"),
    ],
)
def test_a_mail_is_named_by_its_day_and_subject(header: bytes, name: str, tmp_path: Path) -> None:
    folder = open_store("eml", tmp_path / "a").open("INBOX", to_write=True)
    put(folder, header + b"\r\nbody\r\n")
    names = [path.name for path in (tmp_path / "a" / "INBOX").glob("*.eml")]
    assert names == [" ".join(filter(None, ("000001", "2023-11-14", name))) + ".eml"]


def test_root_and_inbox_of_a_tree_can_not_both_be_inbox(tmp_path: Path) -> None:
    (tmp_path / "INBOX").mkdir()
    (tmp_path / "INBOX" / "a.eml").write_bytes(b"x")
    (tmp_path / "b.eml").write_bytes(b"x")
    with pytest.raises(Refused, match="would both be"):
        open_store("eml", tmp_path, may_create=False)
    (tmp_path / "INBOX" / "a.eml").unlink()
    (tmp_path / "INBOX").rmdir()
    assert list(open_store("eml", tmp_path, may_create=False).folders()) == ["INBOX"]
