"""The options of ``switchover copy``, and the order that they amount to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchover import clock
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from switchover.move.folder_plan import Choice
    from switchover.move.pacing import Pacer
    from switchover.move.sync_plan import Rules
    from switchover.move.work.copying import CopyOrder
    from switchover.move.work.dsync import DsyncLane
    from switchover.move.work.order import Side


class Lane(StrEnum):
    """How mails travel."""

    IMAP = "imap"
    DSYNC = "dsync"


class ProgressForm(StrEnum):
    """How progress is shown."""

    AUTO = "auto"
    LINES = "lines"
    JSON = "json"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is copied, and what becomes of the rest."""

    folder: Annotated[
        list[str],
        typer.Option(help="Copy only these folders: a name or a glob such as 'Archive/*'."),
    ] = field(default_factory=list)
    exclude: Annotated[
        list[str], typer.Option(help="Leave these folders out: a name or a glob.")
    ] = field(default_factory=list)
    map: Annotated[
        list[str],
        typer.Option(
            metavar="OLD=NEW",
            help="Give a folder, with those below it, another name on the target.",
        ),
    ] = field(default_factory=list)
    since: Annotated[
        str,
        typer.Option(
            metavar="DATE|AGE",
            help="Only mails that arrived since then (INTERNALDATE): 2024-01-31, or 30d, 6w, 3m, 2y.",
            show_default=False,
        ),
    ] = ""
    max_size: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="Only mails up to this size: 25M, 10MiB.", show_default=False
        ),
    ] = ""
    delete: Annotated[
        bool, typer.Option("--delete", help="Mirror: delete on the target what the source has not.")
    ] = False
    target_in_use: Annotated[
        bool,
        typer.Option(
            "--target-in-use",
            help="The target's user works there: new mail comes, what they did to their mails stays.",
        ),
    ] = False
    retry_skipped: Annotated[
        bool,
        typer.Option("--retry-skipped", help="Try mails again that the target refused before."),
    ] = False
    acl: Annotated[
        bool,
        typer.Option("--acl", help="Rights of others to the folders too, where both know ACL."),
    ] = False
    metadata: Annotated[
        bool, typer.Option("--metadata", help="Annotations too, where both know METADATA.")
    ] = False
    not_same_mailbox: Annotated[
        bool,
        typer.Option(
            "--not-same-mailbox", help="Both are two mailboxes, although they look like one."
        ),
    ] = False
    lane: Annotated[
        Lane,
        typer.Option(help="imap: through this program; dsync: the target's Dovecot fetches them."),
    ] = Lane.IMAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be used of both servers."""

    connections: Annotated[
        int,
        typer.Option(
            min=1, max=16, help="Folders copied at a time at most, a connection each side."
        ),
    ] = 8
    max_mails_per_second: Annotated[
        float,
        typer.Option(min=0, help="Mails a second at most, in the mean.", show_default="no limit"),
    ] = 0.0
    max_bytes_per_second: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="Bytes a second at most, in the mean: 2M.", show_default="no limit"
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is shown while it works."""

    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress; the result is shown.")
    ] = False
    progress: Annotated[
        ProgressForm,
        typer.Option(
            help="auto: a live table on a terminal, else a line every 10 s; json: an object every "
            "second; all on the error output."
        ),
    ] = ProgressForm.AUTO
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what is said to both servers, without passwords, tokens and bodies.",
            show_default=False,
        ),
    ] = None

    @property
    def form(self) -> ProgressForm:
        """How progress is shown; quiet wins."""
        return ProgressForm.NONE if self.quiet else self.progress


def order_of(
    sides: tuple[Side, Side], wishes: Wishes, limits: Limits, dsync: DsyncLane | None = None
) -> CopyOrder:
    """Return what the engine is to do; raises InvalidInput before any password is asked for."""
    from switchover.move.endpoint import same_mailbox  # noqa: PLC0415 - start-up time
    from switchover.move.pacing import paced_limits  # noqa: PLC0415 - start-up time
    from switchover.move.work.copying import CopyOrder  # noqa: PLC0415 - start-up time
    from switchover.move.work.order import account_of  # noqa: PLC0415 - start-up time

    source, target = (side.endpoint for side in sides)
    if source.needs_no_password or target.needs_no_password:
        from switchover.move.archive.place import (  # noqa: PLC0415 - for archives alone
            require_two_places,
            require_writable,
        )

        require_two_places(source, target)
        require_writable(target)
    if same_mailbox(source, target):
        raise InvalidInput(
            f"source and target are the same mailbox: {source}; name two, each as imaps://USER@HOST"
        )
    choice, rules, pacer = choice_of(wishes), rules_of(wishes), pacer_of(limits)
    accounts = [account_of(side) for side in sides]
    return CopyOrder(
        source=accounts[0],
        target=accounts[1],
        source_key=source.key,
        target_key=target.key,
        choice=choice,
        rules=replace(rules, limits=paced_limits(pacer)),
        lanes=limits.connections,
        pacer=pacer,
        with_acl=wishes.acl,
        with_metadata=wishes.metadata,
        is_two_mailboxes=wishes.not_same_mailbox,
        dsync=dsync,
    )


def choice_of(wishes: Wishes) -> Choice:
    """Return which folders are copied, and where to."""
    from switchover.move.folder_plan import Choice  # noqa: PLC0415 - start-up time

    overrides: dict[str, str] = {}
    for text in wishes.map:
        old, equals, new = text.partition("=")
        if not (old and equals and new):
            raise InvalidInput(f"--map {text!r} is not OLD=NEW")
        if overrides.setdefault(old, new) != new:
            raise InvalidInput(f"--map gives {old!r} two names: {overrides[old]!r} and {new!r}")
    return Choice(folders=tuple(wishes.folder), excluded=tuple(wishes.exclude), overrides=overrides)


def rules_of(wishes: Wishes) -> Rules:
    """Return what is done with the mails of a folder."""
    from switchover.move.selection import (  # noqa: PLC0415 - start-up time
        Selection,
        parse_since,
        parse_size,
    )
    from switchover.move.sync_plan import Deletions, Rules  # noqa: PLC0415 - start-up time

    deletions = Deletions.NEVER
    if wishes.delete:
        # Of a target in use only copies of ours go: the rest is its user's.
        deletions = Deletions.OURS if wishes.target_in_use else Deletions.MIRROR
    return Rules(
        is_in_use=wishes.target_in_use,
        deletions=deletions,
        selection=Selection(
            since_seconds=parse_since(wishes.since, clock.now()) if wishes.since else None,
            largest_bytes=parse_size(wishes.max_size) if wishes.max_size else 0,
        ),
        retries_skipped=wishes.retry_skipped,
    )


def pacer_of(limits: Limits) -> Pacer:
    """Return how fast mails may go."""
    from switchover.move.pacing import Pacer  # noqa: PLC0415 - start-up time
    from switchover.move.selection import parse_size  # noqa: PLC0415 - start-up time

    octets = parse_size(limits.max_bytes_per_second) if limits.max_bytes_per_second else 0
    return Pacer(mails_per_second=limits.max_mails_per_second, octets_per_second=octets)
