"""The dsync lane: the target's Dovecot fetches the mailbox itself, and the ledger learns of it.

Nothing else keeps UIDs, UIDVALIDITY and with them what POP3 and IMAP clients remember of a mailbox
(research D.5). Afterwards both sides are listed: mails of one UID and date are one mail and are written to
the ledger as if we had copied them, so that the IMAP lane and ``verify`` go on from there.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from switchover import clock
from switchover.errors import Conflict, InvalidInput, SwitchoverError
from switchover.move import queries
from switchover.move.beliefs import form_of
from switchover.move.dsync_rows import pulled_folder
from switchover.move.folder_plan import WhyLeftOut, plan_folders
from switchover.move.imapc import ImapcSource
from switchover.move.segment import LedgerMail
from switchover.move.standing import terms_of
from switchover.move.sync_plan import Deletions, Rules
from switchover.move.work.both import both
from switchover.move.work.doveadm import Mode, Pull
from switchover.move.work.folder_facts import source_folder, target_facts
from switchover.move.work.inventory import take_inventory
from switchover.move.work.known import KnownPair
from switchover.move.work.ledger_store import LedgerStore
from switchover.move.work.mailbox import Mails, list_mails, open_folder
from switchover.move.work.planning import require_chosen
from switchover.move.work.report import CopyReport, FolderResult
from switchover.move.work.sign_in import sign_in
from switchover.move.work.two_mailboxes import require_two
from switchover.store.borrowed import borrow_database, hold_alone
from switchover.wire.imap.sasl import Password

if TYPE_CHECKING:
    from switchover.move.folder_plan import FolderPlan
    from switchover.move.queries import CopyFolder
    from switchover.move.work.copying import CopyOrder
    from switchover.move.work.doveadm import Doveadm
    from switchover.move.work.inventory import Folder, Inventory
    from switchover.move.work.ledger_store import FolderRows
    from switchover.move.work.mailbox import Account, Opened
    from switchover.settings import Settings
    from switchover.store.pool import Database
    from switchover.wire.imap.shell import Connection


_OTHER_UIDS = (
    "{} has other UIDs on the target than on the source: it was not made by dsync. "
    "Go on with --lane imap, or begin with an empty target"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DsyncLane:
    """How to reach the target's Dovecot, and who its user is there.

    ``authorities`` is a file *on the machine of that Dovecot* with the certificates to trust.
    """

    doveadm: Doveadm
    user: str
    authorities: str = ""


async def copy_by_dsync(settings: Settings, order: CopyOrder, lane: DsyncLane) -> CopyReport:
    """Have the target fetch the mailbox, note it in the ledger and return what was done.

    Mails and folders that only the target has stay, unless a mirror is wanted. Where the source lost mails
    that were copied, dsync would delete their copies: that too needs the mirror, else Conflict. A folder that is not as on the source afterwards is
    a failure of its own. Raises InvalidInput for wishes that dsync can not meet, and what doveadm says.
    """
    _require_possible(order)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(borrow_database(settings))
        stack.enter_context(hold_alone(settings, *order.held))
        return await pull_mailbox(database, order, lane)


async def pull_mailbox(database: Database, order: CopyOrder, lane: DsyncLane) -> CopyReport:
    """Do the same with a database that is open."""
    _require_possible(order)
    begun = clock.monotonic()
    async with AsyncExitStack() as stack:
        there, here, plan = await _look(order, stack)
        known = await KnownPair.load(database, order.source_key, order.target_key)
        require_two(order, known.folders, there.inventory, here.inventory)
        _require_own_names(known, plan, there.inventory, here.inventory)
        _require_own_uids(known, plan, there.inventory, here.inventory)
        if order.rules.deletions is not Deletions.MIRROR:
            await _require_nothing_lost(known, there)
    await lane.doveadm.pull(await _pull(order, lane, there, plan))
    async with AsyncExitStack() as stack:
        work = await _Noting.open(database, order, stack)
        await work.run()
    work.report.seconds = clock.monotonic() - begun
    return work.report


def _require_possible(order: CopyOrder) -> None:
    if order.source_key == order.target_key:
        raise Conflict(f"source and target are the same mailbox: {order.source_key}")
    if order.choice.overrides:
        raise InvalidInput("--lane dsync keeps the names of folders: leave out --map")
    if order.pacer.mails_per_second or order.pacer.octets_per_second:
        raise InvalidInput("--lane dsync knows no limits: leave out --max-...-per-second")
    if order.with_acl or order.with_metadata:
        raise InvalidInput("--lane dsync brings over neither rights nor annotations")
    if order.rules.is_in_use:
        raise InvalidInput(
            "--lane dsync overwrites what the target's user did: leave out --target-in-use, or use --lane imap"
        )
    if order.source.target.pinned:
        raise InvalidInput(
            "--lane dsync can not pin a certificate: give its authority with --source-ca"
        )
    if terms_of(replace(order.rules, deletions=Deletions.NEVER)) != terms_of(Rules()):
        raise InvalidInput(
            "--lane dsync takes folders whole: leave out what chooses among mails, or use --lane imap"
        )


def _require_own_names(
    known: KnownPair, plan: FolderPlan, there: Inventory, here: Inventory
) -> None:
    """Raise Conflict when the IMAP lane gave a folder another name: dsync would put all of it there once more."""
    raws = {folder.name: folder.raw for folder in there.folders}
    by_raw = {folder.raw: folder.name for folder in here.folders}
    for one in plan.mappings:
        row = known.folders.get(raws[one.source])
        name = by_raw.get(row.target_name) if row is not None and row.target_uid_validity else None
        if name not in {None, one.target}:
            raise Conflict(
                f"{one.source} was copied to {name} before, and dsync, which keeps names, would copy it once more "
                f"to {one.target}: go on with --lane imap, or leave it out with --exclude"
            )


def _require_own_uids(
    known: KnownPair, plan: FolderPlan, there: Inventory, here: Inventory
) -> None:
    """Raise Conflict when the IMAP lane filled a folder: dsync would give its mails other UIDs, or double them."""
    sources = {folder.name: folder for folder in there.folders}
    targets = {folder.name: folder.status for folder in here.folders}
    for mapping in plan.mappings:
        row, now = known.folders.get(sources[mapping.source].raw), targets.get(mapping.target)
        if row is None or now is None or row.target_uid_validity != now.uid_validity:
            continue
        if now.messages and row.target_uid_validity != row.source_uid_validity:
            raise Conflict(_OTHER_UIDS.format(mapping.source))


async def _require_nothing_lost(known: KnownPair, source: _Side) -> None:
    """Raise Conflict when mails that were copied are gone from the source: dsync would delete their copies."""
    for folder in source.inventory.folders:
        row = known.folders.get(folder.raw)
        if row is None or not folder.is_selectable or _is_unmoved(folder, row):
            continue
        ledger = await known.ledger(row)
        _, mails = await _list(source.connection, folder)
        gone = set(ledger.source_uids) - set(mails.uids)
        if gone:
            raise Conflict(
                f"{len(gone)} mails of {folder.name} were deleted on the source since they were copied, and "
                "dsync would delete their copies: allow that with --delete, or go on with --lane imap"
            )


def _is_unmoved(folder: Folder, known: CopyFolder) -> bool:
    """Return whether the source has as many mails as when the folder was noted, and got none."""
    status = folder.status
    return status is not None and (status.uid_validity, status.uid_next, status.messages) == (
        known.source_uid_validity,
        known.source_uid_next,
        known.source_messages,
    )


async def _look(order: CopyOrder, stack: AsyncExitStack) -> tuple[_Side, _Side, FolderPlan]:
    source, target = await both(_enter(order.source, stack), _enter(order.target, stack))
    facts = target_facts(target.inventory, target.connection)
    # dsync keeps names: that the target has another folder for the same use is nothing to it.
    useless = tuple(replace(one, special_use=frozenset()) for one in facts.folders)
    plan = plan_folders(
        [source_folder(one) for one in source.inventory.folders],
        replace(facts, folders=useless),
        source_prefix=source.inventory.prefix,
        choice=order.choice,
    )
    require_chosen(plan, order.choice, [one.name for one in source.inventory.folders])
    return source, target, plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    connection: Connection
    inventory: Inventory


async def _enter(account: Account, stack: AsyncExitStack) -> _Side:
    connection = await sign_in(account)
    stack.push_async_callback(connection.close)
    return _Side(connection=connection, inventory=await take_inventory(connection))


async def _pull(order: CopyOrder, lane: DsyncLane, source: _Side, plan: FolderPlan) -> Pull:
    secret = await order.source.credentials()
    if not isinstance(secret, Password):
        raise InvalidInput("--lane dsync signs in at the source with a password, not with a token")
    target = order.source.target
    security = "imaps" if target.tls else "starttls"
    if not target.tls and not source.connection.is_encrypted:
        security = "no"
    chosen = order.choice.folders
    return Pull(
        user=lane.user,
        source=ImapcSource(
            host=target.host,
            port=target.port,
            security=security,
            user=secret.acting_as or secret.user,
            password=secret.password,
            sign_in_as=secret.user if secret.acting_as else "",
            prefix=source.inventory.prefix.rstrip(source.inventory.separator or ""),
            authorities=lane.authorities,
        ),
        mode=Mode.MIRROR if order.rules.deletions is Deletions.MIRROR else Mode.MERGE,
        folders=tuple(one.target for one in plan.mappings) if chosen else (),
        excluded=() if chosen else tuple(_excluded(plan)),
    )


def _excluded(plan: FolderPlan) -> list[str]:
    left_out = plan.left_out.items()
    return [name for name, why in left_out if why is not WhyLeftOut.NO_MAILBOX]


@dataclass(slots=True, kw_only=True)
class _Noting:
    """Both sides after the pull, and what the ledger is to learn of them."""

    order: CopyOrder
    store: LedgerStore
    source: _Side
    target: _Side
    report: CopyReport

    @classmethod
    async def open(cls, database: Database, order: CopyOrder, stack: AsyncExitStack) -> Self:
        """Look at both sides again and open the ledger."""
        source, target, plan = await _look(order, stack)
        profiles = source.connection.conversation.profile, target.connection.conversation.profile
        store = await LedgerStore.open(
            database, order.source_key, order.target_key, form=form_of(*profiles)
        )
        await stack.enter_async_context(store)
        report = CopyReport(plan=plan, connections=4, lanes=1)
        return cls(order=order, store=store, source=source, target=target, report=report)

    async def run(self) -> None:
        """Note every folder; one that can not be noted is a failure of its own."""
        here = {folder.name: folder for folder in self.target.inventory.folders}
        there = {folder.name: folder for folder in self.source.inventory.folders}
        pairs = []
        for mapping in self.report.plan.mappings:
            if mapping.target in here:
                pairs.append((there[mapping.source], here[mapping.target]))
            else:
                self.report.failures[mapping.source] = "dsync did not make the folder"
        known = await self.store.add_folders([(one.raw, other.raw) for one, other in pairs])
        for one, other in pairs:
            try:
                await self._note(one, other, known[one.raw])
            except SwitchoverError as error:
                self.report.failures[one.name] = str(error)

    async def _note(self, there: Folder, here: Folder, known: CopyFolder) -> None:
        if there.status is not None and _is_as_noted(there, here, known):
            self.report.unchanged += 1
            return
        (source, mails), (target, copies) = await both(
            _list(self.source.connection, there), _list(self.target.connection, here)
        )
        rows = await self.store.load(known)
        if source.uid_validity != target.uid_validity:
            raise Conflict(_OTHER_UIDS.format(there.name))
        if {known.source_uid_validity, known.target_uid_validity} - {0, source.uid_validity}:
            self.store.replace_all(rows, [])
        self.store.save_validity(rows, source.uid_validity, target.uid_validity)
        sizes = dict(zip(copies.uids, zip(copies.sizes, copies.seconds, strict=True), strict=True))
        found = pulled_folder(_ledger_mails(mails), sizes, rows.ledger)
        for row in found.rows:
            self.store.write(rows, row)
        self.store.fold(rows)
        self.report.folders.append(
            FolderResult(
                name=there.name, copied=found.fresh, copied_bytes=found.fresh_bytes,
                reflagged=found.reflagged, vanished=found.gone, listed=source.messages,
                known=len(mails.uids) - found.fresh - len(found.missing),
            )
        )  # fmt: skip
        if found.missing:
            self.report.failures[there.name] = (
                f"{len(found.missing)} mails are not on the target, the first has UID {found.missing[0]}; "
                "run it again"
            )
            return
        await self._save(rows, source, target)

    async def _save(self, rows: FolderRows, source: Opened, target: Opened) -> None:
        complete = replace(
            rows.folder,
            source_uid_next=source.uid_next,
            source_mod_seq=source.mod_seq,
            source_messages=source.messages,
            target_uid_next=target.uid_next,
            target_mod_seq=target.mod_seq,
            target_messages=target.messages,
            fingerprint=b"",
            terms=terms_of(self.order.rules),
        )
        self.store.save_complete(complete)
        await self.store.durable()
        async with self.store.database.transaction() as connection:
            await queries.save_standings(connection, [complete])


def _is_as_noted(there: Folder, here: Folder, known: CopyFolder) -> bool:
    """Return whether both sides tell what they told when the folder was noted last (HIGHESTMODSEQ)."""
    before = (
        (known.source_uid_validity, known.source_uid_next, known.source_messages, known.source_mod_seq),
        (known.target_uid_validity, known.target_uid_next, known.target_messages, known.target_mod_seq),
    )  # fmt: skip
    now = tuple(
        (one.status.uid_validity, one.status.uid_next, one.status.messages, one.status.highest_modseq)
        if one.status
        else None
        for one in (there, here)
    )  # fmt: skip
    return now == before and bool(known.source_mod_seq and known.target_mod_seq)


async def _list(connection: Connection, folder: Folder) -> tuple[Opened, Mails]:
    opened = await open_folder(connection, folder.raw, to_write=False)
    return opened, await list_mails(connection, opened)


def _ledger_mails(mails: Mails) -> list[LedgerMail]:
    columns = zip(
        mails.uids, mails.sizes, mails.seconds, mails.zones, mails.flags, strict=True
    )  # fmt: skip
    return [LedgerMail(*one, b"") for one in columns]
