"""The whole probe of one endpoint, in order: look, limits, pace, torture, names; then what it all means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from switchover import clock
from switchover.move.probes import fidelity, naming
from switchover.move.probes.look import Contents, Greeted, count_connections, greet, take_stock
from switchover.move.probes.pace import Pace, reading_pace, round_trip_seconds, writing_pace
from switchover.move.probes.profile import Measured, corrected
from switchover.move.probes.scratch import Cleaning, scratch_folder
from switchover.move.probes.torture import MANY_KEYWORDS, Torture, torture_mails
from switchover.move.probes.trial import (
    try_characters,
    try_keywords,
    try_lengths,
    try_mails,
    try_names,
)
from switchover.move.work.mailbox import open_mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchover.move.probes.fidelity import Outcome
    from switchover.move.probes.finding import Finding
    from switchover.move.work.mailbox import Account
    from switchover.wire.imap.quirks import Profile
    from switchover.wire.imap.shell import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOrder:
    """What to probe and how far: ``connections`` are tried at most, ``reads_only`` writes nothing."""

    account: Account
    connections: int = 8
    reads_only: bool = False
    keeps: bool = False


@dataclass(slots=True, kw_only=True)
class ProbeReport:
    """Everything found. ``measured`` is None where nothing was written."""

    greeted: Greeted
    contents: Contents
    round_trip_seconds: float
    connections: int
    connection_refusal: str | None
    reading: Pace | None = None
    writing: Pace | None = None
    mails: list[Finding] = field(default_factory=list)
    keywords: list[Finding] = field(default_factory=list)
    names: list[Finding] = field(default_factory=list)
    measured: Measured | None = None
    cleaning: Cleaning = field(default_factory=Cleaning)

    @property
    def profile(self) -> Profile:
        """What copies and proofs go by."""
        return corrected(self.greeted.profile, self.greeted.identity, self.measured)


async def probe_endpoint(
    order: ProbeOrder, *, tell: Callable[[str], None] = lambda _: None
) -> ProbeReport:
    """Return what an endpoint is like; ``tell`` gets what is done now.

    Whatever ends it, the scratch folder is removed, unless the server does not let us in any more.
    Raises what signing in and looking raise.
    """
    tell("signing in")
    connection, greeted = await greet(order.account)
    try:
        report = await _look(order, connection, greeted, tell)
    finally:
        await connection.close()
    if not order.reads_only:
        await _write(order, report, tell)
    return report


async def _look(
    order: ProbeOrder, connection: Connection, greeted: Greeted, tell: Callable[[str], None]
) -> ProbeReport:
    seconds = await round_trip_seconds(connection)
    tell("listing folders")
    contents = await take_stock(connection)
    tell("counting connections")
    connections, refusal = await count_connections(order.account, order.connections)
    report = ProbeReport(
        greeted=greeted,
        contents=contents,
        round_trip_seconds=seconds,
        connections=connections,
        connection_refusal=refusal,
    )
    tell("reading")
    report.reading = await _read(order.account, contents.largest)
    return report


async def _read(account: Account, raw: bytes) -> Pace | None:
    """Read over a connection of its own: it may be left in the middle of an answer."""
    connection = await open_mailbox(account)
    try:
        return await reading_pace(connection, raw)
    finally:
        await connection.close()


async def _write(order: ProbeOrder, report: ProbeReport, tell: Callable[[str], None]) -> None:
    inventory = report.contents.inventory
    folder = scratch_folder(order.account, inventory, report.cleaning, keeps=order.keeps)
    tell("making a scratch folder")
    async with folder as scratch:
        tell("trying odd mails")
        outcomes = await try_mails(
            scratch, torture_mails(clock.new_id(), int(clock.now().timestamp()))
        )
        tell("trying keywords")
        keywords = await try_keywords(scratch)
        tell("trying folder names")
        names = await try_names(scratch)
        forbidden = await try_characters(scratch, names)
        lengths = await try_lengths(scratch)
        tell("writing")
        report.writing = await writing_pace(scratch)
        if report.reading is None:
            report.reading = await reading_pace(scratch.connection, scratch.raw)
        tell("removing the scratch folder")
    report.mails = fidelity.findings(outcomes)
    report.keywords = fidelity.keyword_findings(keywords)
    report.names = naming.name_findings(names, forbidden, lengths)
    report.measured = Measured(
        probed_at=clock.now(),
        identity=report.greeted.identity,
        form=fidelity.chosen_form(outcomes),
        quirks=fidelity.met_quirks(outcomes) | naming.name_quirks(names),
        refused=fidelity.refused_kinds(outcomes),
        changed=fidelity.changed_kinds(outcomes),
        dates=fidelity.kept_dates(outcomes),
        keeps_keywords=_keeps_keywords(outcomes),
        keywords_a_folder=_keywords(outcomes),
        longest_keyword=keywords.longest,
        forbidden_in_keywords=keywords.forbidden,
        refused_keywords=keywords.refused_words,
        connections=report.connections if report.connection_refusal else None,
        names=naming.name_limits(names, forbidden, lengths),
    )


def _keeps_keywords(outcomes: Sequence[Outcome]) -> bool:
    return any(one.mail.kind is Torture.KEYWORDS and one.is_marked for one in outcomes)


def _keywords(outcomes: Sequence[Outcome]) -> int | None:
    """Return how many keywords were kept where not all were."""
    for one in outcomes:
        if one.mail.kind is Torture.MANY_KEYWORDS and one.content is not None:
            kept = sum(flag.startswith(b"probe") for flag in one.flags)
            return kept if kept < MANY_KEYWORDS else None
    return None
