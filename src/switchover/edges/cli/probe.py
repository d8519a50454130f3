"""``switchover probe-endpoint``: what one server can, allows, keeps and changes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchover.edges.cli.groups import grouped
from switchover.edges.cli.options import Data, Output
from switchover.edges.cli.output import Format, errors, exits, print_json
from switchover.edges.cli.sides import SignIn, side_of

if TYPE_CHECKING:
    from switchover.move.probes.endpoint import ProbeReport
    from switchover.move.work.order import Side


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("probe-endpoint")(probe_endpoint)


@grouped()
def probe_endpoint(
    url: Annotated[str, typer.Argument(help="imaps://USER@HOST or imap://USER@HOST (STARTTLS).")],
    sign_in: SignIn = SignIn(),
    allow_plaintext: Annotated[
        bool, typer.Option("--allow-plaintext", help="imap:// without STARTTLS is good enough.")
    ] = False,
    reading_only: Annotated[
        bool, typer.Option("--reading-only", help="Write nothing: no odd mails, no profile.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the scratch folder until the next probe.")
    ] = False,
    connections: Annotated[
        int, typer.Option(min=1, max=32, help="Connections tried at once, at most.")
    ] = 8,
    data: Data = None,
    output: Output = Format.TABLE,
) -> None:
    """Find out what a server can, allows, keeps and changes, before a mailbox is copied there.

    Odd mails and folder names are tried in a scratch folder (switchover-probe-...), which is removed.
    What is found is kept, and copies and proofs of that server go by it. Password: prompt,
    --password-file or SWITCHOVER_PASSWORD.

    Example: switchover probe-endpoint imaps://ann@new.contoso.example
    """
    with exits():
        side = side_of("", url, sign_in, allow_plaintext=allow_plaintext)
        report, file = asyncio.run(
            _probe(
                side, data=data, reads_only=reading_only, keeps=keep, connections=connections,
                quiet=output is Format.JSON,
            )
        )  # fmt: skip
        from switchover.edges.cli import probe_report  # noqa: PLC0415 - start-up time

        if output is Format.JSON:
            print_json(probe_report.as_json(str(side.endpoint), report, file))
        else:
            probe_report.show(str(side.endpoint), report, file)


async def _probe(
    side: Side,
    *,
    data: Path | None,
    reads_only: bool,
    keeps: bool,
    connections: int,
    quiet: bool,
) -> tuple[ProbeReport, Path | None]:
    from switchover.move.probes.endpoint import ProbeOrder  # noqa: PLC0415 - start-up time
    from switchover.move.work.order import account_of  # noqa: PLC0415 - start-up time
    from switchover.move.work.probing import probe_alone  # noqa: PLC0415 - start-up time
    from switchover.settings import read_settings  # noqa: PLC0415 - start-up time

    order = ProbeOrder(
        account=account_of(side),
        connections=connections,
        reads_only=reads_only,
        keeps=keeps,
    )
    settings = read_settings(os.environ, data=data)
    if quiet:
        return await probe_alone(settings, order)
    with errors.status("connecting") as shown:
        return await probe_alone(settings, order, tell=shown.update)
