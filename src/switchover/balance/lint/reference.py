"""The reference page of all rules, made from the rules themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.lint.finding import Severity
from switchover.balance.lint.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchover.balance.lint.finding import Rule

_HEAD = """\
# Lint: every rule

<!-- Made from the rules by `switchover.balance.lint.lint_reference`; changes belong there. -->

`switchover check FILE` reads the platform file and the files beside it and says what an experienced
administrator would object to. `switchover apply` says the same before it applies. With `--live` it also
asks the name service and the servers. A finding never stops an apply; faults of the file do.

| severity | means |
|---|---|
| error | some users will fail as the file stands |
| warning | it works until something happens, or less safely than it looks |
| info | worth knowing; often meant so |
"""


def lint_reference() -> str:
    """Return the page ``docs/reference/lint.md`` as Markdown."""
    return "\n".join([_HEAD, *_table(), "", *(line for rule in RULES for line in _section(rule))])


def explain_rule(rule: Rule) -> str:
    """Return what the page says of one rule, as plain text for a terminal."""
    text = "\n".join(list(_section(rule))[2:]).strip()
    return f"{rule.code}\n\n{text}".replace("**", "").replace("`", "")


def _severities(rule: Rule) -> str:
    found = {rule.severity, *rule.also}
    return ", ".join(severity for severity in Severity if severity in found)


def _table() -> Iterator[str]:
    yield "| rule | severity | finds |"
    yield "|---|---|---|"
    for rule in RULES:
        live = " (`--live`)" if rule.needs_live else ""
        yield f"| [{rule.code}](#{rule.code}) | {_severities(rule)} | {rule.title}{live} |"


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.code}"
    yield ""
    live = " Needs `--live`." if rule.needs_live else ""
    yield f"**{rule.title}.** Severity: {_severities(rule)}.{live}"
    yield ""
    yield f"Why: {rule.why}"
    yield ""
    yield f"What to do: {rule.what_to_do}"
    yield ""
    if rule.source:
        yield f"Source: {rule.source}."
        yield ""
