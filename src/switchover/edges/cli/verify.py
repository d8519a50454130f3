"""``switchover verify``: the proof that a copy holds what its source holds, signed."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from switchover import clock
from switchover.edges.cli.groups import grouped
from switchover.edges.cli.options import Data, Output
from switchover.edges.cli.output import (
    Format,
    console,
    errors,
    escape,
    exits,
    print_json,
    print_table,
)
from switchover.edges.cli.sides import SignIn, side_of
from switchover.errors import InvalidInput
from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.move.difference import Difference
    from switchover.move.manifest import Manifest
    from switchover.move.work.order import Side
    from switchover.move.work.verifying import VerifyOrder
    from switchover.settings import Settings

_SHOWN = 20
"""Differences of each sort that are told of a folder; the page and the manifest have all."""
DIFFERENT, UNFINISHED = 1, 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is compared, and how deep."""

    level: Annotated[
        int,
        typer.Option(
            "--level",
            "-l",
            min=0,
            max=3,
            help="0: numbers of mails; 1: each mail's copy with flags, date and size; "
            "2: headers too; 3: every byte of every mail.",
        ),
    ] = 1
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="With --level 3: read only so many mails, chosen by chance."),
    ] = None
    form: Annotated[
        str,
        typer.Option(
            help="What two copies of a mail must share: exact (every byte), lines (line ends and NUL "
            "in one form), structure (what a server that rewrites mails keeps), or auto."
        ),
    ] = "auto"
    folder: Annotated[
        list[str],
        typer.Option(help="Compare only these folders: a name or a glob such as 'Archive/*'."),
    ] = field(default_factory=list)
    exclude: Annotated[
        list[str], typer.Option(help="Leave these folders out: a name or a glob.")
    ] = field(default_factory=list)
    since: Annotated[
        str,
        typer.Option(
            metavar="DATE|AGE",
            help="The copy was of mails since then: others need not be there.",
            show_default=False,
        ),
    ] = ""
    max_size: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help="The copy was of mails up to this size: others need not be there.",
            show_default=False,
        ),
    ] = ""
    connections: Annotated[int, typer.Option(min=1, max=16, help="Connections to each server.")] = 2


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(verify)


@grouped(source="Source", target="Target")
def verify(
    source: Annotated[
        str, typer.Argument(help="What was copied, written as for copy.", show_default=False)
    ] = "",
    target: Annotated[str, typer.Argument(help="The copy.", show_default=False)] = "",
    manifest: Annotated[
        Path | None, typer.Option(help="Write the signed proof (JSON).", show_default=False)
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write the proof for people (HTML).", show_default=False)
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="Check the signature of a manifest instead.", show_default=False),
    ] = None,
    key: Annotated[
        str, typer.Option(help="With --check: the key that must have signed, in hex.")
    ] = "",
    allow_plaintext: Annotated[
        bool, typer.Option("--allow-plaintext", help="imap:// without STARTTLS is good enough.")
    ] = False,
    source_sign_in: SignIn = SignIn(),
    target_sign_in: SignIn = SignIn(),
    wishes: Wishes = Wishes(),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    data: Data = None,
    output: Output = Format.TABLE,
) -> None:
    """Prove that a copy holds what its source holds, and name every difference.

    Each level finds, besides what those before it find:
    0 missing and surplus mails by their number, folders, subscriptions, special uses;
    1 which mails those are, and flags, keywords, dates and sizes that differ;
    2 changed headers; 3 every changed byte.

    Nothing is written on either side. What the copy left out for a reason, or the target
    can not keep, is listed as explained.

    Exit codes: 0 the same, or all that differs is explained; 1 not the same;
    75 something could not be compared, or the copy is to be run again first;
    2 bad input, 3 no such archive, 5 refused.

    Example: switchover verify imaps://ann@old.contoso.example imaps://ann@new.contoso.example --level 3 --page proof.html
    """
    with exits():
        if check is not None:
            _check(check, key, data, output)
            return
        if not (source and target):
            raise InvalidInput("give SOURCE and TARGET, or a manifest with --check FILE")
        from switchover.settings import read_settings  # noqa: PLC0415 - start-up time

        settings = read_settings(os.environ, data=data)
        sides = (
            side_of("source", source, source_sign_in, allow_plaintext=allow_plaintext),
            side_of("target", target, target_sign_in, allow_plaintext=allow_plaintext),
        )
        order = _order(sides, wishes)
        found = asyncio.run(
            _verify(settings, sides, order, is_quiet=quiet or output is Format.JSON)
        )
        document = _write(settings, found, manifest, page)
        show(found, document, output)
        raise SystemExit(_exit_code(found))


def _order(sides: tuple[Side, Side], wishes: Wishes) -> VerifyOrder:
    """Return what is to be proved; raises InvalidInput before any password is asked for."""
    from switchover.move.canonical import Form  # noqa: PLC0415 - start-up time
    from switchover.move.difference import Level  # noqa: PLC0415 - start-up time
    from switchover.move.folder_plan import Choice  # noqa: PLC0415 - start-up time
    from switchover.move.selection import (  # noqa: PLC0415 - start-up time
        Selection,
        parse_since,
        parse_size,
    )
    from switchover.move.work.order import account_of  # noqa: PLC0415 - start-up time
    from switchover.move.work.verifying import VerifyOrder  # noqa: PLC0415 - start-up time

    if wishes.form not in {"auto", *Form}:
        raise InvalidInput(f"--form {wishes.form}: write {', '.join(Form)} or auto")
    if wishes.sample is not None and wishes.level != Level.BODIES:
        raise InvalidInput("--sample goes with --level 3, which reads whole mails")
    if (wishes.since or wishes.max_size) and wishes.level == Level.COUNTS:
        raise InvalidInput("--since and --max-size need the dates and sizes that --level 1 reads")
    selection = Selection(
        since_seconds=parse_since(wishes.since, clock.now()) if wishes.since else None,
        largest_bytes=parse_size(wishes.max_size) if wishes.max_size else 0,
    )
    choice = Choice(folders=tuple(wishes.folder), excluded=tuple(wishes.exclude))
    accounts = [account_of(side) for side in sides]
    return VerifyOrder(
        source=accounts[0],
        target=accounts[1],
        source_key=sides[0].endpoint.key,
        target_key=sides[1].endpoint.key,
        choice=choice,
        selection=selection,
        level=Level(wishes.level),
        form=None if wishes.form == "auto" else Form(wishes.form),
        sample=wishes.sample,
        lanes=wishes.connections,
    )


async def _verify(
    settings: Settings, sides: tuple[Side, Side], order: VerifyOrder, *, is_quiet: bool
) -> Manifest:
    from switchover.move.manifest import Manifest  # noqa: PLC0415 - start-up time
    from switchover.move.work.verifying import verify_alone  # noqa: PLC0415 - start-up time

    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(), console=errors, disable=is_quiet, transient=True,
    ) as shown:  # fmt: skip
        task = shown.add_task("comparing", total=None, said="")
        counts = [0, 0]

        def tell(folder: str, mails: int, octets: int) -> None:
            counts[0] += mails
            counts[1] += octets
            said = f"{counted(counts[0], 'mail')}, {counts[1] / 1e6:,.1f} MB of both sides"
            shown.update(task, description=escape(folder), said=said)

        report = await verify_alone(settings, order, progress=tell)
    return Manifest(
        source=str(sides[0].endpoint),
        target=str(sides[1].endpoint),
        proved_at=clock.now().replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        program=f"switchover {version('switchover')}",
        form=str(report.form),
        proof=report.proof,
        skipped=report.skipped,
        sampled=report.sampled,
        has_ledger=report.has_ledger,
        left_out=report.left_out,
        unfinished=report.unfinished,
        is_interrupted=report.is_interrupted,
    )


def _write(settings: Settings, found: Manifest, manifest: Path | None, page: Path | None) -> str:
    """Write what is asked for and return the fingerprint of the key, "" when nothing is."""
    if manifest is None and page is None:
        return ""
    from switchover.move.manifest import fingerprint_of, sign  # noqa: PLC0415 - start-up time
    from switchover.move.manifest_page import manifest_page  # noqa: PLC0415 - start-up time
    from switchover.move.work.signing import (  # noqa: PLC0415 - start-up time
        signing_key,
        write_document,
    )

    key = signing_key(settings)
    document, fingerprint = sign(found, key), fingerprint_of(key.public_key())
    if manifest is not None:
        write_document(manifest, document)
    if page is not None:
        write_document(page, manifest_page(found, document, fingerprint).encode())
    return fingerprint


def _exit_code(found: Manifest) -> int:
    from switchover.move.manifest import Verdict  # noqa: PLC0415 - start-up time

    return {Verdict.SAME: 0, Verdict.DIFFERENT: DIFFERENT, Verdict.UNFINISHED: UNFINISHED}[
        found.verdict
    ]


def _check(file: Path, key: str, data: Path | None, output: Format) -> None:
    from switchover.move.manifest import fingerprint_of, key_of, read_signed  # noqa: PLC0415
    from switchover.move.work.signing import (  # noqa: PLC0415 - start-up time
        own_public_key,
        public_key,
        read_document,
    )
    from switchover.settings import read_settings  # noqa: PLC0415 - start-up time

    document = read_document(file)
    found = read_signed(document, public_key(key) if key else None)
    signer = key_of(document)
    own = own_public_key(read_settings(os.environ, data=data))
    is_own = own is not None and fingerprint_of(own) == fingerprint_of(signer)
    if output is Format.JSON:
        print_json({"signed_by": fingerprint_of(signer), "own_key": is_own, **_json(found)})
        return
    show(found, fingerprint_of(signer), output)
    whose = (
        "the key of this data directory" if is_own else "a key that is not of this data directory"
    )
    if key:
        whose = "the key that you named"
    console.print(
        f"[green]whole[/green]: signed by {whose}, nothing changed since; the roots are right",
        highlight=False,
    )


def show(found: Manifest, fingerprint: str, output: Format) -> None:
    """Print a proof; ``fingerprint`` is that of the key that signed it, "" for none."""
    if output is Format.JSON:
        print_json({**_json(found), "signed_by": fingerprint or None})
        return
    print_table(
        ["folder", "source", "target", "differences", "explained", "root"],
        [
            (
                escape(one.folder), f"{one.source_mails:,}", f"{one.target_mails:,}",
                _number(one.faults), _number(one.explained),
                one.source_root[:16] if one.source_root == one.target_root else "differs",
            )
            for one in found.proof.folders
        ],
    )  # fmt: skip
    for told in _sorts(found.proof.differences):
        _show_differences(told)
    for one in found.left_out:
        console.print(f"[dim]not compared[/dim] {escape(one.folder)}: {escape(one.reason)}")
    for one in found.unfinished:
        console.print(f"[red]not finished[/red] {escape(one.folder)}: {escape(one.reason)}")
    _show_verdict(found)
    if fingerprint:
        console.print(f"[dim]key of the signature: {fingerprint}[/dim]", highlight=False)


def _number(count: int) -> str:
    return f"{count:,}" if count else ""


def _sorts(found: Sequence[Difference]) -> list[list[Difference]]:
    """Return differences by sort and folder: faults first, what is left to copy, what is explained."""
    sorts: dict[tuple[int, str], list[Difference]] = {}
    for one in found:
        sort = 2 if one.explanation else int(one.is_left)
        sorts.setdefault((sort, one.folder), []).append(one)
    return [sorts[key] for key in sorted(sorts)]


def _show_differences(told: list[Difference]) -> None:
    """Print differences of one sort and folder, not more than a person reads."""
    word = "[yellow]left[/yellow] " if told[0].is_left else ""
    style = "yellow" if word else "red"
    if told[0].explanation:
        word, style = "[yellow]explained[/yellow] ", "dim"
    for one in told[:_SHOWN]:
        console.print(
            f"{word}[{style}]{one.kind}[/{style}] {escape(_sentence(one))}", highlight=False
        )
    if len(told) > _SHOWN:
        more = f"and {len(told) - _SHOWN:,} more of {escape(told[0].folder)}"
        console.print(f"{word}{more}: --page FILE and --manifest FILE have all", highlight=False)


def _sentence(one: Difference) -> str:
    uids = [
        f"UID {uid} on the {side}"
        for uid, side in ((one.source_uid, "source"), (one.target_uid, "target"))
        if uid is not None
    ]
    where = f"{one.folder}: {', '.join(uids)}" if uids else one.folder
    words = f" {one.subject!r} {one.message_id}" if one.subject or one.message_id else ""
    texts = f" [{one.source or '-'} / {one.target or '-'}]" if one.source or one.target else ""
    why = one.explanation or one.hint
    return f"{where}{words}{texts}{': ' + why if why else ''}"


def _show_verdict(found: Manifest) -> None:
    from switchover.move.manifest import Verdict  # noqa: PLC0415 - start-up time

    proof = found.proof
    explained = sum(bool(one.explanation) for one in proof.differences)
    style = {Verdict.SAME: "green", Verdict.DIFFERENT: "red", Verdict.UNFINISHED: "yellow"}
    mails = sum(one.source_mails for one in proof.folders)
    depth = f"level {int(proof.level)}, form {found.form}"
    if found.sampled is not None:
        depth += f", {counted(found.sampled, 'mail')} read"
    console.print(
        f"[{style[found.verdict]}]{found.verdict}[/{style[found.verdict]}]: {counted(mails, 'mail')} in "
        f"{counted(len(proof.folders), 'folder')}, "
        f"{counted(len(proof.differences) - explained, 'difference')}, {explained:,} explained ({depth})",
        highlight=False,
    )


def _json(found: Manifest) -> dict[str, Any]:
    from switchover.move.manifest import as_value  # noqa: PLC0415 - start-up time

    return as_value(found)
