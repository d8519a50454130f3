"""Lint: what an experienced Exchange or Dovecot administrator would object to in a platform file.

Pure. ``lint`` takes the resolved services, the facts of the files beside the platform file, and where
somebody looked the facts of this machine and of the live network; it returns findings. Each rule is one
function with its explanation (``finding.rule``), listed in ``rules.RULES``; the reference page is made
from that table.

``finding`` (severity, finding, rule), ``facts`` (what is told from outside, and what to ask),
``seen`` (everything a rule looks at), ``product`` (Exchange and Cyrus versions), ``rules_*`` (the
rules by subject), ``rules`` (the table and the run), ``reference`` (the docs page).
"""

from __future__ import annotations

from switchover.balance.lint.facts import (
    Endpoint,
    EndpointAnswer,
    LiveFacts,
    LiveTargets,
    MachineFacts,
    NameAnswer,
    live_targets,
)
from switchover.balance.lint.finding import Finding, Rule, Severity
from switchover.balance.lint.reference import explain_rule, lint_reference
from switchover.balance.lint.rules import RULES, lint

__all__ = [
    "RULES",
    "Endpoint",
    "EndpointAnswer",
    "Finding",
    "LiveFacts",
    "LiveTargets",
    "MachineFacts",
    "NameAnswer",
    "Rule",
    "Severity",
    "explain_rule",
    "lint",
    "lint_reference",
    "live_targets",
]
