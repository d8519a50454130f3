"""Options that belong together become options of each command that takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from switchover.edges.cli.groups import grouped


@dataclass(frozen=True, kw_only=True)
class Color:
    """A group."""

    shade: Annotated[str, typer.Option(help="Which shade.")] = "dark"
    layer: Annotated[list[str], typer.Option(help="Layers.")] = field(default_factory=list)


def run(*arguments: str) -> str:
    app = typer.Typer()

    @app.command()
    @grouped(front="Front", back="Back")
    def paint(
        what: Annotated[str, typer.Argument()], front_color: Color, back_color: Color, wide: Color,
        loud: bool = False,
    ) -> None:  # fmt: skip
        """Paint something."""
        typer.echo(f"{what} {front_color.shade} {back_color.shade} {wide.layer} {loud}")

    return CliRunner().invoke(app, arguments).output


def test_a_group_is_spread_with_its_prefix() -> None:
    assert run("wall", "--back-shade", "red", "--loud") == "wall dark red [] True\n"
    assert run("wall", "--layer", "a", "--layer", "b") == "wall dark dark ['a', 'b'] False\n"


def test_the_help_has_a_title_for_each_prefix() -> None:
    text = run("--help")
    assert "Front" in text
    assert "--front-shade" in text
    assert "Paint something." in text
