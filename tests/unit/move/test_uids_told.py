"""UIDs to and from servers: no line too long, and no set spelled out that a server only claims."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from switchover.move.work.append import Pump
from switchover.move.work.moving import _pairs
from switchover.move.work.outbox import Batch
from switchover.move.work.target_changes import delete_mails
from switchover.wire.imap.command import Command
from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.quirks import GENERIC
from switchover.wire.imap.response_codes import CopyUid
from switchover.wire.imap.responses import Search

ALL = NumberRanges.parse_set(b"1:4294967295")
ONE = NumberRanges.parse_set(b"5")


class Server:
    """Stands for a connection: keeps the commands, and says that every mail there can be is marked."""

    def __init__(self) -> None:
        self.conversation = SimpleNamespace(profile=GENERIC, capabilities=frozenset[str]())
        self.commands: list[Command] = []

    async def send(self, command: Command) -> object:
        self.commands.append(command)
        return object()

    async def run(self, command: Command) -> object:
        self.commands.append(command)
        return SimpleNamespace(responses=[Search(numbers=ALL)])

    async def run_all(self, commands: list[Command]) -> list[object]:
        self.commands += commands
        return [object() for _ in commands]

    def require(self, _request: object) -> None:
        pass


def copied(source: NumberRanges | None, target: NumberRanges | None) -> Any:
    assert source is not None
    assert target is not None
    code = CopyUid(uid_validity=7, source=source, target=target)
    return SimpleNamespace(responses=[], answer=SimpleNamespace(code=code))


def test_copies_of_more_mails_than_were_meant_are_not_believed() -> None:
    assert _pairs(copied(ALL, ALL), 7, {5, 6}) is None
    assert _pairs(copied(ONE, ONE), 7, {6}) is None
    assert _pairs(copied(ONE, ONE), 7, {5, 6}) == [(5, 5)]


async def test_marks_on_every_mail_there_can_be_keep_a_folder_from_being_expunged() -> None:
    server = Server()
    assert not await delete_mails(cast("Any", server), [5, 6], is_alone=True)
    assert [one.name for one in server.commands if one.name == "EXPUNGE"] == []


async def test_scattered_uids_are_asked_for_in_lines_that_a_server_takes() -> None:
    server = Server()
    pump = Pump(
        source=cast("Any", server), target=cast("Any", None), raw=b"INBOX", uid_validity=7,
        form=cast("Any", None), limits=cast("Any", None), progress=lambda _mails, _octets: None,
        finished=lambda _batch: None,
    )  # fmt: skip
    uids = tuple(range(4_000_000_000, 4_000_002_000, 2))
    batch = Batch(uids=uids, number=1, heads=dict.fromkeys(uids, cast("Any", None)))
    await pump.ask([batch])
    assert len(server.commands) > 1
    assert max(one.line_octets for one in server.commands) <= GENERIC.line_octets
