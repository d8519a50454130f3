"""How the report of a probe is shown to people, and given to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchover.edges.cli.output import console, escape, print_table
from switchover.model.wording import counted
from switchover.move.probes.finding import Verdict
from switchover.move.probes.levers import Use, uses
from switchover.move.probes.profile import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from switchover.move.probes.endpoint import ProbeReport
    from switchover.move.probes.finding import Finding
    from switchover.move.probes.look import Greeted
    from switchover.move.probes.pace import Pace

_STYLE = {
    Verdict.KEPT: "green",
    Verdict.CHANGED: "yellow",
    Verdict.REFUSED: "yellow",
    Verdict.CUT: "red",
    Verdict.LOST: "red",
    Verdict.UNKNOWN: "dim",
}
_FORMS = {
    "exact": "byte by byte",
    "lines": "with line ends and NUL brought into one form",
    "structure": "by who, when, subject, text and attachments, since the server keeps no mail as it was",
}


def show(url: str, report: ProbeReport, file: Path | None) -> None:
    """Print the report."""
    _facts("Server", _server(url, report))
    _capabilities(report)
    _facts("Mailbox", _mailbox(report))
    _facts("Limits", _limits(report))
    _facts("Pace", _pace(report))
    _findings("Mails", report.mails)
    _findings("Keywords", report.keywords)
    _findings("Folder names", report.names)
    _quirks(report)
    _end(report, file)


def _line(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def _facts(title: str, rows: Sequence[tuple[str, str]]) -> None:
    _line(f"\n[bold]{title}[/bold]")
    for name, text in rows:
        _line(f"  {name:<13} {escape(text)}")


def _server(url: str, report: ProbeReport) -> list[tuple[str, str]]:
    greeted = report.greeted
    said = ", ".join(f"{name} {value}" for name, value in greeted.identity.items())
    return [
        ("endpoint", url),
        ("greeting", greeted.greeting or "none"),
        ("says it is", said or "nothing"),
        ("recognised as", greeted.profile.server.value),
        ("connection", "encrypted" if greeted.is_encrypted else "NOT encrypted"),
        ("sign-in", greeted.mechanism),
    ]


def _capabilities(report: ProbeReport) -> None:
    greeted = report.greeted
    _line("\n[bold]Capabilities[/bold]")
    purpose = None
    for use in _uses(greeted):
        if use.purpose is not purpose:
            purpose = use.purpose
            _line(f"  [dim]{purpose}[/dim]")
        mark = "[green]+[/green]" if use.is_there else "[yellow]-[/yellow]"
        _line(f"  {mark} {escape(f'{use.name:<18} {use.sentence}'.rstrip())}")
    told = greeted.after - greeted.before
    if told and greeted.before:
        _line(f"  {counted(len(told), 'capability', 'capabilities')} told only after the sign-in")


def _uses(greeted: Greeted) -> list[Use]:
    """Return what the capabilities are good for; ways to sign in are told before it only."""
    return uses(greeted.after | {name for name in greeted.before if name.startswith("AUTH=")})


def _mailbox(report: ProbeReport) -> list[tuple[str, str]]:
    contents = report.contents
    size = "size not told" if contents.octets is None else f"{contents.octets / 1e6:,.1f} MB"
    rows = [
        (
            "holds",
            f"{counted(contents.folders, 'folder')}, {counted(contents.mails, 'mail')}, {size}",
        )
    ]
    for root in contents.roots:
        separator = "no levels" if root.separator is None else f"levels part at {root.separator!r}"
        rows.append((f"{root.kind} root", f"{root.prefix!r}, {separator}"))
    return rows


def _limits(report: ProbeReport) -> list[tuple[str, str]]:
    contents, profile = report.contents, report.profile
    limit = contents.append_limit or profile.mail_octets
    if report.connection_refusal:
        connections = f"{report.connections} at once, then: {report.connection_refusal}"
    else:
        connections = f"at least {report.connections} at once"
    quota = [
        f"{one.name} {one.usage:,} of {one.limit:,}{' kB' if one.name == 'STORAGE' else ''}"
        for one in contents.quota
    ]
    rows = [
        ("largest mail", f"{limit:,} bytes" if limit else "not told"),
        ("connections", connections),
        ("command line", f"{profile.line_octets:,} bytes, as known of such servers"),
        ("quota", "; ".join(quota) or "none told"),
    ]
    if report.measured is not None:
        keywords = report.measured.keywords_a_folder
        most = f"{keywords} a folder" if keywords is not None else "no limit met with 40"
        rows.append(("keywords", most))
    return rows


def _pace(report: ProbeReport) -> list[tuple[str, str]]:
    return [
        ("round trip", f"{report.round_trip_seconds * 1000:,.1f} ms"),
        ("sign-in", f"{report.greeted.sign_in_seconds * 1000:,.0f} ms"),
        ("reading", _rate(report.reading)),
        ("writing", _rate(report.writing)),
    ]


def _rate(pace: Pace | None) -> str:
    if pace is None or not pace.mails:
        return "not measured"
    return (
        f"{pace.mails_a_second:,.0f} mails/s, {pace.octets_a_second / 1e6:,.1f} MB/s "
        f"over one connection ({counted(pace.mails, 'mail')}, {pace.octets / 1e6:,.1f} MB)"
    )


def _findings(title: str, findings: Sequence[Finding]) -> None:
    if not findings:
        return
    _line(f"\n[bold]{title}[/bold]")
    rows = [
        (
            f"  {escape(one.subject)}",
            f"[{_STYLE[one.verdict]}]{one.verdict}[/{_STYLE[one.verdict]}]",
            escape(one.sentence),
        )
        for one in findings
    ]
    print_table(["  tried", "", "what it means"], rows)


def _quirks(report: ProbeReport) -> None:
    quirks = sorted(report.profile.quirks)
    if quirks:
        _line("\n[bold]To be minded[/bold]")
        for quirk in quirks:
            _line(f"  {escape(quirk)}")


def _end(report: ProbeReport, file: Path | None) -> None:
    if file is not None and report.measured is not None:
        form = report.measured.form.value
        _line(f"\nCopies to this server are compared [bold]{_FORMS[form]}[/bold] (form {form}).")
        _line(f"The profile is kept in {escape(str(file))}; copy and verify go by it.")
    else:
        _line("\nNothing was written, so this goes by what is known of such servers.")
    for name in report.cleaning.swept:
        _line(f"Removed what an earlier probe left: {escape(_name(name))}")
    for name in report.cleaning.left:
        _line(
            f"[red]Left behind[/red] {escape(_name(name))}: delete it, or let the next probe do so"
        )


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def as_json(url: str, report: ProbeReport, file: Path | None) -> dict[str, Any]:
    """Return the report for a program."""
    greeted, contents, profile = report.greeted, report.contents, report.profile
    return {
        "endpoint": url,
        "server": {
            "greeting": greeted.greeting,
            "identity": dict(greeted.identity),
            "recognised": greeted.profile.server.value,
            "encrypted": greeted.is_encrypted,
            "mechanism": greeted.mechanism,
            "capabilities_before": sorted(greeted.before),
            "capabilities": sorted(greeted.after),
        },
        "uses": [
            {"name": one.name, "there": one.is_there, "purpose": one.purpose, "means": one.sentence}
            for one in _uses(greeted)
        ],
        "mailbox": {
            "folders": contents.folders,
            "mails": contents.mails,
            "bytes": contents.octets,
            "roots": [
                {"kind": one.kind, "prefix": one.prefix, "separator": one.separator}
                for one in contents.roots
            ],
        },
        "limits": {
            "append_bytes": contents.append_limit,
            "connections": report.connections,
            "connection_refusal": report.connection_refusal,
            "line_bytes": profile.line_octets,
            "quota": [
                {"name": one.name, "usage": one.usage, "limit": one.limit} for one in contents.quota
            ],
        },
        "pace": {
            "round_trip_seconds": report.round_trip_seconds,
            "connect_seconds": greeted.connect_seconds,
            "sign_in_seconds": greeted.sign_in_seconds,
            "reading": _pace_json(report.reading),
            "writing": _pace_json(report.writing),
        },
        "mails": [_finding_json(one) for one in report.mails],
        "keywords": [_finding_json(one) for one in report.keywords],
        "names": [_finding_json(one) for one in report.names],
        "profile": {
            "quirks": sorted(quirk.name for quirk in profile.quirks),
            "measured": None if report.measured is None else to_json(report.measured),
            "file": None if file is None else str(file),
        },
        "removed": [_name(name) for name in report.cleaning.swept],
        "left_behind": [_name(name) for name in report.cleaning.left],
    }


def _finding_json(one: Finding) -> dict[str, str]:
    return {"tried": one.subject, "verdict": one.verdict, "means": one.sentence}


def _pace_json(pace: Pace | None) -> dict[str, float] | None:
    if pace is None:
        return None
    return {"mails": pace.mails, "bytes": pace.octets, "seconds": pace.seconds}
