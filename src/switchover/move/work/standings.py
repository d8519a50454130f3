"""Which folders must be opened, by how they stood when they were complete; and how they stand now, noted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.errors import SwitchoverError
from switchover.move import queries
from switchover.move.standing import Standing, State, do_terms_hold, is_as_left, standing, terms_of
from switchover.move.sync_plan import Deletions
from switchover.move.work.inventory import ask_statuses, state_of
from switchover.move.work.survey import fingerprints
from switchover.wire.imap import commands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from switchover.move.queries import CopyFolder
    from switchover.move.sync_plan import Rules
    from switchover.move.work.folder_pairs import FolderPair
    from switchover.move.work.lanes import Ends, Job
    from switchover.move.work.ledger_store import LedgerStore
    from switchover.wire.imap.responses import MailboxStatus
    from switchover.wire.imap.shell import Connection

_NOT_TOLD = State(uid_validity=0, uid_next=0, messages=0)


async def find_changed(
    source: Connection,
    pairs: Sequence[FolderPair],
    known: Mapping[bytes, CopyFolder],
    rules: Rules,
) -> list[FolderPair]:
    """Return the folders that must be opened; flags are listed where nothing else tells of them."""
    stands = [_standing(one, known.get(one.folder.raw), rules) for one in pairs]
    both = list(zip(pairs, stands, strict=True))
    uncertain = [one.folder.raw for one, stand in both if stand is Standing.UNCERTAIN]
    now = await fingerprints(source, uncertain)
    same = {raw for raw in uncertain if now[raw] and now[raw] == known[raw].fingerprint}
    return [
        one for one, stand in both if stand is not Standing.UNCHANGED and one.folder.raw not in same
    ]


def find_short(
    pairs: Sequence[FolderPair], known: Mapping[bytes, CopyFolder], rules: Rules
) -> list[FolderPair]:
    """Return the folders of which the target showed fewer mails than the source had when they were complete.

    Only those where nothing of that is mended or the user's own doing: some of their copies may be gone.
    """
    if rules.is_in_use or rules.deletions is not Deletions.NEVER:
        return []
    return [
        one
        for one in pairs
        if one.folder.raw in known and _is_short(one.target_status, known[one.folder.raw])
    ]


def _is_short(now: MailboxStatus | None, known: CopyFolder) -> bool:
    if now is None or now.messages is None or now.uid_validity != known.target_uid_validity:
        return False
    return now.messages < known.source_messages


def _standing(pair: FolderPair, known: CopyFolder | None, rules: Rules) -> Standing:
    is_new = known is None or pair.mapping.is_new or known.target_name != pair.target_raw
    if known is None or is_new or rules.retries_skipped:
        return Standing.CHANGED
    if not do_terms_hold(known.terms, terms_of(rules)):
        return Standing.CHANGED
    return standing(
        (
            state_of(pair.folder.status),
            State(
                uid_validity=known.source_uid_validity,
                uid_next=known.source_uid_next,
                messages=known.source_messages,
                mod_seq=known.source_mod_seq,
            ),
        ),
        (
            state_of(pair.target_status),
            State(
                uid_validity=known.target_uid_validity,
                uid_next=known.target_uid_next,
                messages=known.target_messages,
                mod_seq=known.target_mod_seq,
            ),
        ),
        deletions=rules.deletions,
        fingerprint=known.fingerprint,
    )


async def save_standings(store: LedgerStore, ends: Ends, done: Sequence[Job], rules: Rules) -> None:
    """Note by which terms folders are complete, and how the target stands where that will be asked."""
    # Its writer changes the same rows: neither may wait for the other.
    await store.durable()
    told: dict[bytes, MailboxStatus] = {}
    if rules.deletions is not Deletions.NEVER and ends.are_usable:
        with suppress(SwitchoverError):  # then the target is looked at next time
            if "UNSELECT" in ends.target.conversation.capabilities:
                await ends.target.run(commands.UNSELECT)
            told = await ask_statuses(ends.target, [one.known.target_name for one in done])
    terms = terms_of(rules)
    rows = []
    for job in done:
        now = state_of(told.get(job.known.target_name))
        is_ours = now is not None and is_as_left(now, job.result.target_state)
        state = now if now is not None and is_ours else _NOT_TOLD
        rows.append(
            replace(
                job.known, target_uid_next=state.uid_next, target_mod_seq=state.mod_seq,
                target_messages=state.messages, terms=terms,
            )
        )  # fmt: skip
    async with store.database.transaction() as connection:
        await queries.save_standings(connection, rows)
