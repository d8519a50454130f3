"""What capabilities are good for in a migration, and what it costs where one is missing. Pure.

Figures: research C.1 and C.2, measured with 1,000 mails and, where distance is meant, 20 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection


class Purpose(StrEnum):
    """What a capability is good for."""

    SPEED = "speeds a copy up"
    SAFETY = "makes it safe"
    CHANGES = "finds what changed"
    FOLDERS = "folders and their meaning"
    MORE = "carries more than mails"
    SIGN_IN = "ways to sign in"
    OTHER = "not used by a copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """One capability: any of ``names`` will do. ``without`` is what its lack costs."""

    names: tuple[str, ...]
    purpose: Purpose
    gives: str
    without: str


_BY_PURPOSE: Final = {
    Purpose.SPEED: (
        ("MULTIAPPEND",
         "many mails are stored by one command: 4 to 8 times as fast as one by one",
         "mails go one by one, many in flight: every mail costs the server a commit"),
        ("LITERAL+ LITERAL-",
         "mails are sent without asking leave (LITERAL- only up to 4,096 bytes)",
         "every mail waits for the server's leave: one round trip each"),
        ("LIST-STATUS",
         "all folders with their counts in one round trip",
         "one STATUS for each folder, sent together"),
    ),
    Purpose.SAFETY: (
        ("UIDPLUS",
         "the server says under which UID it stored a mail, so the ledger knows at once",
         "after each batch the new mails are looked for and matched by content"),
        ("APPENDLIMIT",
         "mails that are too large are known before they are sent",
         "a mail that is too large is found out by sending it"),
        ("QUOTA",
         "a full mailbox can be foreseen",
         "a full mailbox is noticed when a mail is refused"),
        ("ID",
         "the server says what software it is, so its known oddities are minded",
         "the software is guessed from the greeting"),
    ),
    Purpose.CHANGES: (
        ("QRESYNC",
         "new flags and deleted mails since last time in one answer",
         "what was deleted is found by listing all UIDs"),
        ("CONDSTORE QRESYNC",
         "a folder in which nothing changed is skipped without opening it",
         "every folder is opened and its flags are listed at each run"),
        ("ESEARCH",
         "sets of UIDs come in a few bytes",
         "searches answer with every number"),
        ("MOVE",
         "a mail that moved is moved at the target too",
         "a mail that moved is copied within the target, then deleted"),
    ),
    Purpose.FOLDERS: (
        ("SPECIAL-USE XLIST",
         "Sent, Drafts, Junk and Trash are recognised in any language",
         "Sent, Drafts, Junk and Trash are recognised by their names"),
        ("CREATE-SPECIAL-USE",
         "a new folder is made as Sent, Drafts, Junk or Trash",
         "the meaning of a new folder has to be set on the server"),
        ("NAMESPACE",
         "the roots of own and shared folders are told",
         "the root is guessed from the folders that are there"),
        ("STATUS=SIZE",
         "bytes of a folder are told, so the time left can be",
         "bytes are known only as mails are listed"),
    ),
    Purpose.MORE: (
        ("ACL",
         "rights on folders can be carried over",
         "rights on folders stay behind"),
        ("METADATA METADATA-SERVER",
         "notes on folders can be carried over",
         "notes on folders stay behind"),
    ),
}  # fmt: skip
"""Names of which any will do, what that gives, and what it costs not to have it."""
LEVERS: Final = tuple(
    Lever(names=tuple(names.split()), purpose=purpose, gives=gives, without=without)
    for purpose, rows in _BY_PURPOSE.items()
    for names, gives, without in rows
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One line of the report on capabilities."""

    name: str
    is_there: bool
    purpose: Purpose
    sentence: str


def uses(capabilities: Collection[str]) -> list[Use]:
    """Return what is there, what is missing, and what that means, by purpose."""
    plain = {
        name.partition("=")[0] if name.startswith("APPENDLIMIT") else name for name in capabilities
    }
    told = [_use(lever, plain) for lever in LEVERS]
    used = {name for lever in LEVERS for name in lever.names}
    ways = sorted(name for name in plain if name.startswith("AUTH=") or name in _SIGN_IN)
    rest = sorted(plain - used - set(ways))
    told.append(_list(ways, Purpose.SIGN_IN))
    told.append(_list(rest, Purpose.OTHER))
    order = list(Purpose)
    return sorted((one for one in told if one.name), key=lambda one: order.index(one.purpose))


_SIGN_IN: Final = frozenset({"SASL-IR", "LOGINDISABLED", "STARTTLS", "UNAUTHENTICATE"})


def _use(lever: Lever, capabilities: Collection[str]) -> Use:
    name = next((one for one in lever.names if one in capabilities), None)
    return Use(
        name=name or lever.names[0],
        is_there=name is not None,
        purpose=lever.purpose,
        sentence=lever.without if name is None else lever.gives,
    )


def _list(names: list[str], purpose: Purpose) -> Use:
    return Use(name=" ".join(names), is_there=True, purpose=purpose, sentence="")
