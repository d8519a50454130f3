"""The options of ``--lane dsync``: how to reach the target's Dovecot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switchover.edges.cli.copy.options import Lane
from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from switchover.move.work.dsync import DsyncLane
    from switchover.move.work.order import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class DsyncWay:
    """How to reach doveadm."""

    doveadm: Annotated[
        str,
        typer.Option(
            metavar="WAY",
            help="With --lane dsync, the target's doveadm: local, ssh://USER@HOST or https://HOST:PORT.",
            show_default=False,
        ),
    ] = ""
    doveadm_api_key_file: Annotated[
        Path | None,
        typer.Option(
            help="File whose first line is doveadm_api_key, for https://.", show_default=False
        ),
    ] = None


def dsync_lane(lane: Lane, way: DsyncWay, source: Side, target: Side) -> DsyncLane | None:
    """Return the lane that was asked for, None for the other one; raises InvalidInput."""
    if lane is not Lane.DSYNC:
        if way.doveadm:
            raise InvalidInput("--doveadm goes with --lane dsync")
        return None
    if not way.doveadm:
        raise InvalidInput(
            "--lane dsync needs the target's doveadm: --doveadm local, ssh://USER@HOST or https://HOST:PORT"
        )
    from switchover.move.endpoint import ImapEndpoint  # noqa: PLC0415 - start-up time
    from switchover.move.work.doveadm import parse_doveadm  # noqa: PLC0415 - start-up time
    from switchover.move.work.dsync import DsyncLane  # noqa: PLC0415 - start-up time

    user = ""
    for side in (source, target):
        if not isinstance(side.endpoint, ImapEndpoint):
            raise InvalidInput(
                f"{side.endpoint}: dsync fetches from an IMAP server into a Dovecot; use --lane imap"
            )
        user = side.endpoint.user
    return DsyncLane(
        doveadm=parse_doveadm(way.doveadm, way.doveadm_api_key_file),
        # What stands behind * is the master user, who is nobody to doveadm.
        user=user.split("*")[0],
        authorities=str(source.authorities.resolve()) if source.authorities else "",
    )
