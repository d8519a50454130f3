"""The table of all rules, and the run over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.lint import (
    rules_certificates,
    rules_extended_protection,
    rules_health,
    rules_http,
    rules_live,
    rules_machine,
    rules_mail,
    rules_servers,
)
from switchover.balance.lint.seen import Seen

if TYPE_CHECKING:
    from datetime import datetime

    from switchover.balance.assets import Assets
    from switchover.balance.lint.facts import LiveFacts, MachineFacts
    from switchover.balance.lint.finding import Finding, Rule
    from switchover.balance.virtual_service import Balance

RULES: tuple[Rule, ...] = (
    *rules_extended_protection.RULES,
    *rules_http.RULES,
    *rules_live.RULES,
    *rules_mail.RULES,
    *rules_certificates.RULES,
    *rules_servers.RULES,
    *rules_health.RULES,
    *rules_machine.RULES,
)


def lint(
    balance: Balance,
    assets: Assets,
    live: LiveFacts | None = None,
    machine: MachineFacts | None = None,
    *,
    now: datetime,
    rules: tuple[Rule, ...] = RULES,
) -> tuple[Finding, ...]:
    """Return what is worth telling about the platform, the worst first.

    ``live`` is None without ``--live``; ``machine`` is None where the file is checked on another
    machine than the balancer's. Rules that need them say nothing then. Within a severity, findings keep
    the order of the rules and of the file. ``rules`` are fewer for who asks often about one subject.
    """
    seen = Seen(balance=balance, assets=assets, live=live, machine=machine, now=now)
    found = [finding for rule in rules for finding in rule(seen)]
    return tuple(sorted(found, key=lambda finding: finding.severity.rank))
