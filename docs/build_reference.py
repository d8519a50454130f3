"""Writes docs/reference/*.md from the code itself.

``.venv/bin/python docs/build_reference.py`` writes the pages; with ``--check`` it writes nothing and exits
with 1 if one is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from switchover.balance.lint import lint_reference
from switchover.balance.shipped import shipped_templates
from switchover.edges.api.access import least_role
from switchover.edges.api.server import ROUTERS
from switchover.edges.cli.main import build
from switchover.model.platform_file.spec import json_schema
from switchover.settings import VARIABLES, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchover.model.workload import Check

TARGET = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/build_reference.py from the code; do not edit. -->\n"


def cell(text: object) -> str:
    """Return text for a Markdown table cell."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def commands() -> str:
    """Return the page of the command line."""
    root = typer.main.get_command(build())
    lines = ["# Command line", "", NOTE, _intro(), ""]
    for path, command in _walk(root, "switchover"):
        lines += [f"## {path}", "", _help(command), "", "```text", _usage(path, command), "```", ""]
        options = [param for param in command.params if not getattr(param, "hidden", False)]
        if options:
            lines += ["| option or argument | meaning | default |", "|---|---|---|"]
            lines += [_option(param) for param in options]
            lines.append("")
    return "\n".join(lines)


def _intro() -> str:
    return (
        "Every command takes `-h`. Those that print a result take `-o json`. Exit codes: 0 done, 2 bad "
        "input, 3 not found, 4 conflict, 5 refused, 70 our fault, 75 try later. Commands that need a "
        "running switchover find it by its data directory, or by `SWITCHOVER_URL` and "
        "`SWITCHOVER_TOKEN`."
    )


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if not children:
        yield path, command
        return
    for name in sorted(children):
        yield from _walk(children[name], f"{path} {name}")


def _help(command: Any) -> str:
    paragraphs = (command.help or "").strip().split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs)


def _usage(path: str, command: Any) -> str:
    words = [path]
    words += [param.name.upper() for param in command.params if param.param_type_name == "argument"]
    return " ".join([*words, "[OPTIONS]"])


def _option(param: Any) -> str:
    is_argument = param.param_type_name == "argument"
    name = param.name.upper() if is_argument else ", ".join(param.opts)
    shown = getattr(param, "show_default", None)
    default = shown if isinstance(shown, str) else param.default
    default = "" if default in (None, False, ()) or callable(default) else str(default)
    return f"| `{cell(name)}` | {cell(getattr(param, 'help', '') or '')} | {cell(default)} |"


def platform_file() -> str:
    """Return the page of the platform file's keys."""
    schema = json_schema()
    lines = [
        "# Platform file",
        "",
        NOTE,
        "YAML in UTF-8. Unknown keys are errors. Durations are seconds or `500ms`, `30s`, `5m`, `12h`, "
        "`7d`. Where a list is expected, one value may stand alone. Certificates and pages are named by "
        "file name and stand beside the platform file. `switchover schema` prints the JSON Schema.",
        "",
    ]
    lines += _section("(top)", schema)
    for name, section in sorted(schema.get("$defs", {}).items()):
        if "properties" in section:
            lines += _section(_title(name), section)
    return "\n".join(lines)


def _title(name: str) -> str:
    return name.removesuffix("Spec")


def _section(title: str, section: dict[str, Any]) -> list[str]:
    lines = [f"## {title}", "", section.get("description", ""), ""]
    lines += ["| key | what | needed | default |", "|---|---|---|---|"]
    needed = set(section.get("required", ()))
    for key, value in section["properties"].items():
        default = value.get("default", "")
        shown = "" if default in (None, {}, []) or isinstance(default, dict) else default
        what = f"{value.get('description', '')} {_type(value)}".strip()
        lines.append(
            f"| `{key}` | {cell(what)} | {'yes' if key in needed else ''} | {cell(shown)} |"
        )
    return [*lines, ""]


def _type(value: dict[str, Any]) -> str:
    names = sorted({name for name in _types(value) if name})
    return f"({', '.join(names)})" if names else ""


def _types(value: dict[str, Any]) -> Iterator[str]:
    if "$ref" in value:
        yield f"see {_title(value['$ref'].rpartition('/')[2])}"
    for branch in (*value.get("anyOf", ()), *value.get("allOf", ()), *value.get("oneOf", ())):
        yield from _types(branch)
    if "enum" in value:
        yield from (f"`{item}`" for item in value["enum"])
    if isinstance(value.get("items"), dict):
        yield from _types(value["items"])
    if isinstance(value.get("additionalProperties"), dict):
        yield from _types(value["additionalProperties"])


def templates() -> str:
    """Return the page of the shipped templates."""
    lines = [
        "# Templates",
        "",
        NOTE,
        "What each server product offers, how its health is asked for, and how long its silence is "
        "normal. `servers.NAME.runs` lists templates; a port that differs goes to `servers.NAME.ports`, "
        "everything else to the service's `health.workloads` and `timeouts`.",
        "",
    ]
    for name, template in shipped_templates().items():
        lines += [
            f"## {name}: {template.title}",
            "",
            "| workload | what | port | check | server timeout | clients need | Windows sign-in | Extended Protection |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            "| "
            + " | ".join(
                cell(item)
                for item in (
                    f"`{workload.name}`",
                    workload.title,
                    f"{workload.port} {workload.transport}",
                    _check(workload.check),
                    f"{workload.server_timeout_seconds:g} s",
                    f"{workload.needs_seconds:g} s: {workload.needs_reason}"
                    if workload.needs_seconds
                    else "",
                    "yes" if workload.windows_authentication else "",
                    workload.extended_protection if workload.windows_authentication else "",
                )
            )
            + " |"
            for workload in template.workloads
        ]
        lines.append("")
    return "\n".join(lines)


def _check(check: Check) -> str:
    if check.kind != "http":
        return f"{check.kind} conversation"
    return f"{check.method} `{check.path}` = {', '.join(check.expect_status)}"


def settings() -> str:
    """Return the page of settings."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "Read once at the start of `switchover serve`. An option wins over the environment.",
        "",
        "| variable | meaning | default |",
        "|---|---|---|",
        "| `SWITCHOVER_DATA` | data directory | /var/lib/switchover for root, else ~/.local/state/switchover |",
    ]
    defaults = Settings(data_dir=Path("/var/lib/switchover"), user_id=0)
    for variable in VARIABLES:
        default = getattr(defaults, variable.field)
        shown = "" if default is None else default
        lines.append(f"| `{variable.name}` | {cell(variable.meaning)} | {cell(shown)} |")
    lines += [
        "| `SWITCHOVER_URL` | command line: API to speak to | the local one |",
        "| `SWITCHOVER_TOKEN` | command line: token to use | that of the data directory |",
        "",
    ]
    return "\n".join(lines)


def api() -> str:
    """Return the page of API routes."""
    lines = [
        "# API",
        "",
        NOTE,
        "Below `/api/v1`, with `Authorization: Bearer swo_...`. The OpenAPI document is at "
        "`/api/v1/openapi.json`. Errors are problem details (RFC 9457).",
        "",
        "| method | path | least role | what |",
        "|---|---|---|---|",
    ]
    for prefix, router in ROUTERS:
        for route in router.routes:
            methods = ", ".join(sorted(getattr(route, "methods", ())))
            role = least_role(route) or "none"
            summary = (getattr(route, "description", "") or "").split("\n")[0]
            lines.append(f"| {methods} | `{prefix}{route.path}` | {role} | {cell(summary)} |")
    return "\n".join([*lines, ""])


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "platform-file.md": platform_file,
    "templates.md": templates,
    "settings.md": settings,
    "api.md": api,
    "lint.md": lint_reference,
}


def main() -> int:
    """Write or check the pages."""
    check = "--check" in sys.argv
    stale = []
    for name, page in PAGES.items():
        path = TARGET / name
        text = page().rstrip("\n") + "\n"
        if not path.is_file() or path.read_text("utf-8") != text:
            stale.append(name)
            if not check:
                TARGET.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
    words = "out of date" if check else "written"
    print(f"{words}: {', '.join(stale) or 'nothing'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
