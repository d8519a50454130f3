"""A copy looks only at what changed, comes back when connections die, and leaves nothing out in silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, cutter, free_user

from switchover.move.sync_plan import Deletions
from switchover.move.work import lanes
from switchover.store.pool import Database
from switchover.wire.imap.errors import ConnectionLost

Make: TypeAlias = Callable[..., Pair]
PLAIN = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE NAMESPACE UIDPLUS MULTIAPPEND"
KINDS = {
    "qresync": "",
    "condstore": f"{PLAIN} ESEARCH LIST-EXTENDED LIST-STATUS CONDSTORE",
    "flags": f"{PLAIN} LIST-EXTENDED LIST-STATUS",
    "bare": "IMAP4rev1 LITERAL+ UIDPLUS",
}


@pytest.fixture(scope="module")
def sources() -> Iterator[dict[str, Dovecot]]:
    """Return Dovecots that announce more or less, made when they are wanted."""

    class Started(dict[str, Dovecot]):
        def __missing__(self, kind: str) -> Dovecot:
            options = Options(users=USERS, capabilities=KINDS[kind], mechanisms=("plain",))
            self[kind] = stack.enter_context(dovecot(options))
            return self[kind]

    with contextlib.ExitStack() as stack:
        yield Started()


@pytest.fixture(scope="module")
def target() -> Iterator[Dovecot]:
    with dovecot(Options(users=USERS, mechanisms=("plain",))) as running:
        yield running


@pytest.fixture
def make(sources: dict[str, Dovecot], target: Dovecot, database: Database) -> Make:
    def made(kind: str = "qresync") -> Pair:
        return Pair.of(sources[kind], target, database)

    return made


def fill(box: Box) -> None:
    box.put("INBOX", *(f"in {number}" for number in range(5)))
    box.put("Sent", "one", "two", "three", flags=r"(\Seen)")
    box.put("Archive/2024", *(f"old {number}" for number in range(4)), flags="(work)")
    box.put("Empty")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("deletions", [Deletions.NEVER, Deletions.MIRROR])
async def test_when_nothing_changed_no_folder_is_opened(
    make: Make, kind: str, deletions: Deletions
) -> None:
    pair = make(kind)
    fill(pair.source)
    first = await pair.copy(deletions)
    assert (first.copied, first.is_complete) == (12, True)
    again = await pair.copy(deletions)
    assert (again.copied, again.unchanged, len(again.folders), again.connections) == (0, 4, 0, 2)
    assert not pair.target.sent("SELECT", "EXAMINE", "APPEND", "STORE", "EXPUNGE", "CREATE")
    if kind in {"qresync", "condstore"}:
        assert not pair.source.sent("SELECT", "EXAMINE", "FETCH")
    assert pair.are_equal()


@pytest.mark.parametrize("kind", KINDS)
async def test_only_what_changed_is_looked_at_and_comes_over(make: Make, kind: str) -> None:
    pair = make(kind)
    fill(pair.source)
    await pair.copy(Deletions.MIRROR)
    pair.source.put("INBOX", "new", flags=r"(\Flagged later)")
    with pair.source.edit() as inbox:
        inbox.uid("store", "1", "+FLAGS", r"(\Answered)")
        inbox.uid("store", "2", "+FLAGS", r"(\Deleted)")
        inbox.expunge()
    with pair.source.edit("Sent") as sent:
        sent.uid("store", "2", "-FLAGS", r"(\Seen)")
    report = await pair.copy(Deletions.MIRROR)
    assert (report.copied, report.unchanged, report.is_complete) == (1, 2, True)
    assert pair.are_equal()
    wanted = {"qresync": "(QRESYNC (", "condstore": "(CHANGEDSINCE "}.get(kind)
    if wanted:
        assert len(pair.source.sent(wanted)) >= 2
        assert not pair.source.sent("Archive", "Empty")
    sizes = pair.source.sent("RFC822.SIZE")
    assert sizes
    assert not [line for line in sizes if " 1:* " in line]


async def test_what_somebody_did_at_the_target_is_seen_when_mirroring(make: Make) -> None:
    pair = make()
    fill(pair.source)
    await pair.copy(Deletions.MIRROR)
    pair.target.put("Sent", "not from the source")
    assert (await pair.copy()).unchanged == 4
    report = await pair.copy(Deletions.MIRROR)
    assert [one.name for one in report.folders] == ["Sent"]


async def test_a_target_folder_that_was_deleted_is_filled_again(make: Make) -> None:
    pair = make()
    fill(pair.source)
    await pair.copy()
    with pair.target.edit("") as connection:
        connection.delete("Sent")
    report = await pair.copy()
    assert [one.name for one in report.folders] == ["Sent"]
    assert report.is_complete, report.failures
    assert pair.are_equal()


async def test_a_cut_connection_is_made_anew_and_no_mail_comes_twice(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.2 if tries < 6 else None)
    pair = make()
    fill(pair.source)
    pair.source.put("INBOX", *(f"{number} " + "x" * 3000 for number in range(60)))
    async with (
        cutter(pair.source.server, [60_000, 90_000]) as source,
        cutter(pair.target.server, [0, 30_000, 120_000]) as target,
    ):
        pair.source.target, pair.target.target = source, target
        report = await pair.copy()
    assert report.is_complete, report.failures
    assert report.retries
    assert pair.are_equal()


async def test_a_server_that_restarts_is_waited_for(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.2 if tries < 20 else None)
    pair = make()
    pair.source.put("INBOX", *(f"{number} " + "x" * 3000 for number in range(60)))
    restarts = [pair.target.server.restart]

    def hook(line: str) -> None:
        if restarts and "OK" in line and "READ-WRITE" in line:
            restarts.pop()()

    pair.target.hook = hook
    report = await pair.copy()
    assert report.is_complete, report.failures
    assert report.retries
    assert pair.are_equal()


async def test_a_server_that_stays_away_is_a_sentence_for_each_folder(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.01 if tries < 3 else None)
    pair = make()
    fill(pair.source)
    pair.source.put("INBOX", *(f"{number} " + "x" * 3000 for number in range(20)))
    # Behind what prepares the target, which is more on a machine so busy that it looks distant.
    async with cutter(pair.target.server, [12_000, *[1] * 50]) as target:
        pair.target.target = target
        report = await pair.copy(lanes=1)
    assert not report.is_complete
    assert any("given up after 3 tries" in one for one in report.failures.values())
    pair.target.target = None
    assert (await pair.copy()).is_complete
    assert pair.are_equal()


async def test_a_server_that_lets_few_connections_in_gets_few(
    sources: dict[str, Dovecot], database: Database
) -> None:
    few = Options(users=USERS, mechanisms=("plain",), more="mail_max_userip_connections = 2")
    with dovecot(few) as target:
        pair = Pair.of(sources["qresync"], target, database)
        fill(pair.source)
        other = [pair.target.edit("INBOX")]
        with other[0]:
            report = await pair.copy(lanes=6)
        assert report.is_complete, report.failures
        assert pair.are_equal()


async def test_a_folder_deleted_meanwhile_is_a_sentence_and_the_rest_is_copied(make: Make) -> None:
    pair = make()
    fill(pair.source)
    gone: list[str] = []

    def hook(line: str) -> None:
        if "CREATE" in line and not gone:
            gone.append("Sent")
            with pair.source.edit("") as connection:
                connection.delete("Sent")

    pair.target.hook = hook
    report = await pair.copy()
    assert list(report.failures) == ["Sent"]
    assert "refuses EXAMINE" in report.failures["Sent"]
    assert report.copied == 9


async def test_a_folder_the_target_does_not_create_fails_alone(
    target: Dovecot, database: Database
) -> None:
    with dovecot(Options(users=USERS, storage="sdbox", mechanisms=("plain",))) as source:
        pair = Pair.of(source, target, database)
        fill(pair.source)
        long = "n" * 150 + "/" + "m" * 150
        pair.source.put(long, "Maildir has one directory for both levels")
        report = await pair.copy()
        assert list(report.failures) == [long]
        assert f"the target does not create {long!r}" in report.failures[long]
        assert (report.copied, report.plan.problems) == (12, ())


async def test_a_server_with_a_million_folders_ends_within_limits(
    make: Make,
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN LIST-EXTENDED] hello\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                tag = line.split()[0]
                if b" LIST " in line:
                    for number in range(0, 1_000_000, 1000):
                        names = (b"%07d" % one for one in range(number, number + 1000))
                        writer.writelines(b'* LIST () "/" F%b\r\n' % name for name in names)
                        await writer.drain()
                writer.write(tag + b" OK done\r\n")
        writer.close()

    pair = make()
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        pair.source.target = replace(
            pair.source.server.plain, host="127.0.0.1", port=port, kept_bytes=4 << 20
        )
        with pytest.raises(ConnectionLost, match="answers to LIST take more than 4194304 bytes"):
            await pair.copy()


SHARED = """
    mail_attribute_dict = file:{directory}/mail/%u/attributes
    protocol imap {{
      mail_plugins = acl imap_acl
      imap_metadata = yes
    }}
    plugin {{
      acl = vfile
    }}
"""


@pytest.fixture(scope="module")
def sharing() -> Iterator[tuple[Dovecot, Dovecot]]:
    options = Options(users=USERS, mechanisms=("plain",), more=SHARED)
    with dovecot(options) as source, dovecot(options) as target:
        yield source, target


@pytest.fixture
def shared(sharing: tuple[Dovecot, Dovecot], database: Database) -> Pair:
    user = free_user()
    source, target = (Box(server=one, user=user) for one in sharing)
    fill(source)
    return Pair(source=source, target=target, database=database)


async def test_rights_and_annotations_come_over_when_asked(shared: Pair) -> None:
    with shared.source.edit("") as connection:
        for user, rights in ((USERS[-1], "lrs"), (USERS[-2], "lrswi")):
            assert connection.setacl("Sent", user, rights)[0] == "OK"
        for where, name in (("Sent", "/private/comment"), ("", "/private/vendor/contoso/color")):
            line = connection.xatom("SETMETADATA", f'"{where}"', f'({name} "for {where}")')
            assert line[0] == "OK", line
    plain = await shared.copy()
    assert (plain.is_complete, plain.rights_set, plain.annotations_set) == (True, 0, 0)
    report = await shared.copy(with_acl=True, with_metadata=True)
    assert (report.rights_set, report.annotations_set, report.notes) == (2, 2, [])
    with shared.target.edit("") as connection:
        (told,) = connection.getacl("Sent")[1]
        assert f"{USERS[-1]} lrs" in told.decode()
    again = await shared.copy(with_acl=True, with_metadata=True)
    assert (again.rights_set, again.annotations_set) == (0, 0)


async def test_what_one_side_does_not_know_is_a_note(make: Make) -> None:
    pair = make()
    fill(pair.source)
    report = await pair.copy(with_acl=True, with_metadata=True)
    assert report.is_complete
    assert [one.partition(":")[0] for one in report.notes] == [
        "rights (--acl) are not copied",
        "annotations (--metadata) are not copied",
    ]


async def test_a_folder_nobody_may_write_into_fails_alone(shared: Pair) -> None:
    await shared.copy()
    shared.source.put("Sent", "new")
    shared.source.put("INBOX", "new")
    with shared.target.edit("") as connection:
        connection.setacl("Sent", "owner", "lra")
    report = await shared.copy()
    assert list(report.failures) == ["Sent"]
    assert "READ-ONLY" in report.failures["Sent"]
    assert report.copied == 1


async def test_subscriptions_come_over_and_one_of_nothing_is_tried_and_told(make: Make) -> None:
    pair = make()
    fill(pair.source)
    pair.source.put("Old")
    with pair.source.edit("") as connection:
        for name in ("Sent", "Old"):
            connection.subscribe(name)
        connection.delete("Old")
    report = await pair.copy()
    with pair.target.edit("") as connection:
        assert [one for one in connection.lsub()[1] if one] == [b'() "/" Sent']
    assert pair.target.sent('SUBSCRIBE "Old"')
    assert [one.partition(":")[0] for one in report.notes] == [
        "Old is not subscribed on the target"
    ]


async def test_a_renamed_folder_is_renamed_and_nothing_is_sent_again(make: Make) -> None:
    pair = make()
    fill(pair.source)
    pair.source.put("Archive", "in the parent")
    await pair.copy()
    pair.source.put("Sent", "one more")
    with pair.source.edit("") as connection:
        assert connection.rename("Archive", "Old")[0] == "OK"
        assert connection.rename("Sent", '"Gone out"')[0] == "OK"
    report = await pair.copy(Deletions.MIRROR)
    assert report.is_complete, report.failures
    assert report.renamed == {
        "Archive": "Old", "Archive/2024": "Old/2024", "Sent": "Gone out",
    }  # fmt: skip
    assert report.copied == 1
    assert pair.are_equal()


async def test_a_new_folder_is_not_taken_for_one_that_is_gone(make: Make) -> None:
    pair = make()
    fill(pair.source)
    await pair.copy()
    with pair.source.edit("") as connection:
        connection.delete("Sent")
    pair.source.put("Other", "one", "two", "three")
    report = await pair.copy()
    assert (report.renamed, report.copied) == ({}, 3)
    assert "Sent" in pair.target.folders()
