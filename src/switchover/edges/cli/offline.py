"""Commands that need no running switchover: check, what-if, schema."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchover.edges.cli.changes import show_findings
from switchover.edges.cli.options import File, Output
from switchover.edges.cli.output import Format, console, escape, exits, print_json, print_table
from switchover.errors import NotFound
from switchover.model.wording import counted

if TYPE_CHECKING:
    from switchover.balance.lint import Finding
    from switchover.model.platform_file.read import PlatformFile


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(check)
    app.command("what-if")(what_if)
    app.command()(schema)
    app.command()(explain)


def check(
    file: File,
    live: Annotated[
        bool,
        typer.Option("--live", help="Also resolve names and look at the servers' certificates."),
    ] = False,
    here: Annotated[
        bool,
        typer.Option(
            "--here",
            help="This machine is the balancer: addresses, open files and engine count too.",
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too (exit 2).")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Check FILE without a running switchover: every fault with its line, then what lint has to say.

    Exit code 0: usable; 2: faults, or findings of severity error.
    """
    with exits():
        parsed, findings, counts = _checked(file, live=live, here=here)
        if output is Format.JSON:
            print_json(
                {
                    "file": str(file),
                    "usable": True,
                    **counts,
                    "findings": [_with_place(finding, parsed) for finding in findings],
                }
            )
        else:
            show_findings([_with_place(finding, parsed) for finding in findings], file=str(file))
            console.print(
                f"[green]usable[/green] {escape(str(file))}: "
                f"{counted(counts['servers'], 'server')}, {counted(counts['services'], 'service')}, "
                f"{counted(len(findings), 'finding')}",
                highlight=False,
            )
        grave = {"error", "warning"} if strict else {"error"}
        if any(finding.severity.value in grave for finding in findings):
            raise SystemExit(2)


def _with_place(finding: Finding, parsed: PlatformFile) -> dict[str, Any]:
    problem = finding.problem(parsed)
    return {**finding.to_json(), "line": problem.line, "column": problem.column}


def _checked(
    file: Path, *, live: bool, here: bool
) -> tuple[PlatformFile, tuple[Finding, ...], dict[str, int]]:
    from switchover.balance.work.checking import check_file  # noqa: PLC0415 - start-up time
    from switchover.edges.cli.platform_files import (  # noqa: PLC0415 - start-up time
        read_file,
        read_named_files,
    )

    _, parsed = read_file(file)
    findings, balance = asyncio.run(
        check_file(parsed, lambda balance: read_named_files(file, balance), live=live, here=here)
    )
    return parsed, findings, {"servers": len(balance.servers), "services": len(balance.services)}


def what_if(
    file: File,
    down: Annotated[
        list[str],
        typer.Option(help="Server (cas1), workload of one (cas1/owa) or site (site:ghent)."),
    ] = [],  # noqa: B006 - Typer copies it
    costs: Annotated[
        bool, typer.Option("--costs", help="Also say what each layout costs.")
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Say what users would feel, in every layout, if servers or workloads were gone.

    Example: switchover what-if farm.yaml --down cas1/owa --down cas2
    """
    with exits():
        from switchover.balance.outage import parse_outage  # noqa: PLC0415 - start-up time
        from switchover.balance.resolve import resolve  # noqa: PLC0415 - start-up time
        from switchover.balance.what_if import what_if as predict  # noqa: PLC0415 - start-up time
        from switchover.balance.what_if_view import (  # noqa: PLC0415 - start-up time
            tables,
            to_json,
        )
        from switchover.edges.cli.platform_files import read_file  # noqa: PLC0415 - start-up time

        _, parsed = read_file(file)
        balance = resolve(parsed)
        answer = predict(balance, parse_outage(balance, down))
        if output is Format.JSON:
            print_json(to_json(answer))
            return
        for table in tables(answer, costs=costs):
            print_table(
                table.columns,
                (tuple(escape(cell) for cell in row) for row in table.rows),
                title=table.title,
            )
            for note in table.notes:
                console.print(f"  {escape(note)}", highlight=False)
            console.print()


def schema(
    output: Output = Format.JSON,  # noqa: ARG001 - it is JSON either way
) -> None:
    """Print the JSON Schema of the platform file, for editors.

    Example: switchover schema > switchover.schema.json, and in the file's first line:
    # yaml-language-server: $schema=switchover.schema.json
    """
    with exits():
        from switchover.model.platform_file.spec import json_schema  # noqa: PLC0415 - start-up

        print_json(json_schema())


def explain(
    rule: Annotated[
        str, typer.Argument(help="A rule as findings name it; left out: all of them.")
    ] = "",
    output: Output = Format.TABLE,
) -> None:
    """Say why a finding of `check` matters, what to do about it, and where that is written.

    Example: switchover explain extended-protection-certificate
    """
    with exits():
        from switchover.balance.lint import RULES, explain_rule  # noqa: PLC0415 - start-up time

        found = [one for one in RULES if rule in {"", one.code}]
        if not found:
            near = get_close_matches(rule, [one.code for one in RULES], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise NotFound(f"there is no rule {rule!r}{hint} See: switchover explain")
        if output is Format.JSON:
            print_json({"rules": [one.to_json() for one in found]})
        elif rule:
            console.print(escape(explain_rule(found[0])), highlight=False)
        else:
            print_table(
                ["rule", "severity", "finds"],
                ([one.code, one.severity.value, escape(one.title)] for one in found),
            )
