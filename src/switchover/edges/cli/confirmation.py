"""Asks a person whether to go on."""

from __future__ import annotations

import typer

from switchover.errors import InvalidInput


def require_yes(question: str, *, purpose: str = "") -> None:
    """Go on only if somebody says yes: end with code 1 for a no.

    ``purpose`` is what ``--yes`` would be given for. Raises InvalidInput where nobody can answer.
    """
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        raise InvalidInput(
            f"nobody answers here; give --yes{purpose and f' to {purpose}'}"
        ) from None
    if not agreed:
        raise SystemExit(1)
