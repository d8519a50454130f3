"""What is said in the recorded dialogues of this folder, and how they stand in their files.

Each line of a file is what one side said before the other answered: ``C: `` for the client, ``S: `` for the
server, then the bytes with everything that is not printable as an escape.
"""

from __future__ import annotations

from pathlib import Path

from switchover.wire.imap import commands, message_commands
from switchover.wire.imap.command import Command
from switchover.wire.imap.message_commands import FlagChange, NewMessage, SearchResult

HERE = Path(__file__).parent
USER, PASSWORD = "user@contoso.example", "correct horse ü"
CAPABILITIES = frozenset({"CONDSTORE", "QRESYNC", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE"})
# What a mail may hold that looks like something else.
MAILS = (
    b"Subject: plain\r\n\r\nHello.\r\n",
    b"Subject: responses\r\n\r\n)\r\n* 5 EXISTS\r\nS9 OK done\r\n+ go\r\n* BYE\r\n {5}\r\nabcde",
    b"Subject: 8 bits\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",
    b"x",
    b"Subject: long\r\n\r\n" + b"All work and no play makes Jack a dull boy.\r\n" * 100,
)
DATE = b"17-Jul-1996 02:44:25 -0700"
NEW = tuple(NewMessage(len(one), (b"\\Seen",), DATE, content=one) for one in MAILS)
LISTING = message_commands.listing_fields(CAPABILITIES)

# Commands that are sent together; one that has to wait for leave is alone.
SCRIPT: tuple[tuple[Command, ...], ...] = (
    (commands.authenticate("PLAIN", f"\0{USER}\0{PASSWORD}".encode()),),
    (commands.identify({"name": "switchover"}), commands.NAMESPACE, commands.enable(["QRESYNC"])),
    (commands.create(b"Archive/2020"), commands.create(b'a "quote"'), commands.subscribe(b"INBOX")),
    commands.inventory(CAPABILITIES),
    (message_commands.append(b"Archive/2020", *NEW),),
    (message_commands.append(b"nowhere", NEW[0]),),
    (
        commands.select(b"Archive/2020", condstore=True),
        message_commands.uid_fetch(b"1:*", LISTING),
        message_commands.uid_fetch(b"1:*", message_commands.body_fields()),
        message_commands.uid_search(results=[SearchResult.ALL, SearchResult.COUNT]),
    ),
    (
        message_commands.uid_store(b"2", FlagChange.ADD, (b"\\Deleted", b"$Label1")),
        message_commands.uid_expunge(b"2"),
        message_commands.uid_copy(b"1,3:4", b'a "quote"'),
        commands.status(b'a "quote"', commands.status_items(CAPABILITIES)),
        commands.select(b"nowhere"),
    ),
    (commands.LOGOUT,),
)


def write(name: str, said: list[tuple[str, bytes]]) -> None:
    """Write a dialogue; what one side says in several pieces becomes one."""
    joined: list[tuple[str, bytes]] = []
    for who, data in said:
        if joined and joined[-1][0] == who:
            joined[-1] = (who, joined[-1][1] + data)
        else:
            joined.append((who, data))
    lines = (
        f"{who}: {data.decode('latin-1').encode('unicode_escape').decode()}" for who, data in joined
    )
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")


def read(name: str) -> list[tuple[str, bytes]]:
    """Return who said what, in order."""
    lines = (HERE / f"{name}.txt").read_text().splitlines()
    return [
        (line[0], line[3:].encode().decode("unicode_escape").encode("latin-1")) for line in lines
    ]
