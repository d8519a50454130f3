"""Rights (ACL) and annotations (METADATA) of folders, where both sides speak them and it was asked for.

All folders of a side are asked in one flight; only what differs is written. What the target refuses is a note:
every mail is there all the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput, SwitchoverError
from switchover.move.rights import entries_to_set, rights_to_set
from switchover.move.work.both import both
from switchover.wire.imap import commands
from switchover.wire.imap.responses import Acl, Metadata

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from switchover.move.work.copying import CopyOrder
    from switchover.move.work.lanes import Ends
    from switchover.move.work.report import CopyReport
    from switchover.wire.imap.command import Command
    from switchover.wire.imap.shell import Connection

# Dovecot tells of the mailbox as a whole only what is named, or stands below a vendor's name.
_ROOTS = tuple(
    root + below for root in ("/private", "/shared") for below in ("", "/comment", "/vendor")
)
_SERVER = b""


async def copy_extras(
    ends: Ends, order: CopyOrder, pairs: Sequence[tuple[bytes, bytes]], report: CopyReport
) -> None:
    """Copy the rights and annotations that were asked for; what fails is a note."""
    extras = Extras(source=ends.source, target=ends.target, pairs=pairs, report=report)
    try:
        if order.with_acl:
            await extras.copy_rights([order.source.user, order.target.user])
        if order.with_metadata:
            await extras.copy_annotations()
    except SwitchoverError as error:
        report.notes.append(f"rights or annotations are not copied: {error}")


@dataclass(slots=True, kw_only=True)
class Extras:
    """Copies what is beside the mails; ``pairs`` are raw names on both sides, ``own`` the users of the copy."""

    source: Connection
    target: Connection
    pairs: Sequence[tuple[bytes, bytes]]
    report: CopyReport
    _refused: defaultdict[tuple[str, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )

    async def copy_rights(self, own: Collection[str]) -> None:
        """Give everybody the rights on the target that they have on the source."""
        if not self._speak("ACL", "rights (--acl)"):
            return
        there, here = await both(
            _rights(self.source, [one for one, _ in self.pairs]),
            _rights(self.target, [one for _, one in self.pairs]),
        )
        usable = self.target.conversation.capabilities
        is_modern = any(one.startswith("RIGHTS=") for one in usable)
        batch, named = [], []
        for raw, other in self.pairs:
            wanted = rights_to_set(
                there.get(raw, {}), here.get(other, {}), own=own, is_modern=is_modern
            )
            for identifier, rights in wanted.items():
                batch.append(commands.set_acl(other, identifier, rights))
                named.append((other, f"the rights {rights} of {identifier}"))
        self.report.rights_set += await self._set(batch, named)
        self._tell()

    async def copy_annotations(self) -> None:
        """Set the annotations of folders, and those of the mailbox as a whole."""
        if not self._speak("METADATA", "annotations (--metadata)"):
            return
        pairs = [(_SERVER, _SERVER), *self.pairs]
        there, here = await both(
            _annotations(self.source, [one for one, _ in pairs]),
            _annotations(self.target, [one for _, one in pairs]),
        )
        batch, named = [], []
        for raw, other in pairs:
            for name, value in entries_to_set(there.get(raw, {}), here.get(other, {})).items():
                try:
                    batch.append(commands.set_metadata(other, {name: value}))
                except InvalidInput as error:
                    self._refused[f"the annotation {name}", str(error)].append(_shown(other))
                else:
                    named.append((other, f"the annotation {name}"))
        self.report.annotations_set += await self._set(batch, named)
        self._tell()

    def _speak(self, capability: str, what: str) -> bool:
        for side, one in (("source", self.source), ("target", self.target)):
            if capability not in one.conversation.capabilities:
                self.report.notes.append(
                    f"{what} are not copied: the {side} does not know {capability}"
                )
                return False
        return True

    async def _set(self, batch: Sequence[Command], named: Sequence[tuple[bytes, str]]) -> int:
        """Return how many commands the target took."""
        done = 0
        for (raw, what), request in zip(named, await self.target.run_all(batch), strict=True):
            if request.is_ok:
                done += 1
            elif request.answer is not None:
                self._refused[what, self.target.words(request.answer)].append(_shown(raw))
        return done

    def _tell(self) -> None:
        for (what, words), names in self._refused.items():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            self.report.notes.append(
                f"the target does not take {what} on {names[0]}{more}: {words}"
            )
        self._refused.clear()


def _shown(raw: bytes) -> str:
    return raw.decode("utf-8", "replace") or "the mailbox as a whole"


async def _rights(connection: Connection, names: Sequence[bytes]) -> dict[bytes, dict[str, str]]:
    """Return rights by identifier for each folder; one whose rights we may not see has none."""
    requests = await connection.run_all([commands.get_acl(raw) for raw in names])
    found: dict[bytes, dict[str, str]] = {}
    for raw, request in zip(names, requests, strict=True):
        for event in request.responses:
            if isinstance(event, Acl):
                found[raw] = {_text(one): _text(rights) for one, rights in event.rights}
    return found


async def _annotations(
    connection: Connection, names: Sequence[bytes]
) -> Mapping[bytes, Mapping[str, bytes | None]]:
    requests = await connection.run_all([commands.get_metadata(raw, _ROOTS) for raw in names])
    found: dict[bytes, dict[str, bytes | None]] = {}
    for raw, request in zip(names, requests, strict=True):
        entries = found.setdefault(raw, {})
        for event in request.responses:
            if isinstance(event, Metadata):
                entries |= {_text(name): value for name, value in event.entries}
    return found


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
