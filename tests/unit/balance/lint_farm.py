"""Platform files for lint's tests: two Exchange servers, two mail servers, and what a test adds."""

from __future__ import annotations

from dataclasses import replace
from textwrap import indent
from typing import TYPE_CHECKING

from tests.unit.balance.paper import TODAY, Paper

from switchover.balance.assets import Assets
from switchover.balance.certificate import CertificateFacts, CertificateFile
from switchover.balance.lint import RULES, Finding, lint
from switchover.balance.resolve import resolve
from switchover.model.platform_file.read import PlatformFile, read_platform_file

if TYPE_CHECKING:
    from switchover.balance.lint import LiveFacts, MachineFacts
    from switchover.balance.virtual_service import Balance

SERVERS = """\
cas1: {address: 192.0.2.11, runs: [exchange], product: exchange-2019-cu14}
cas2: {address: 192.0.2.12, runs: [exchange], product: exchange-2019-cu14}
mx1: {address: 192.0.2.21, runs: [dovecot, postfix]}
mx2: {address: 192.0.2.22, runs: [dovecot, postfix]}
"""

MAIL = """\
mail:
  address: 203.0.113.10
  port: 443
  layout: l7
  names: [mail.contoso.example]
  workloads: [owa, mapi, ews]
  servers: [cas1, cas2]
  tls: {certificate: mail.pem}
"""


def platform(services: str = MAIL, servers: str = SERVERS, more: str = "") -> PlatformFile:
    """Return a platform file; ``services`` and ``servers`` are YAML below those keys."""
    text = (
        f"platform: contoso\n{more}\n"
        f"servers:\n{indent(servers, '  ')}\nservices:\n{indent(services, '  ')}"
    )
    return read_platform_file(text, source="farm.yaml")


def balance(services: str = MAIL, servers: str = SERVERS, more: str = "") -> Balance:
    """Return the resolved services of ``platform``."""
    return resolve(platform(services, servers, more))


def with_recorded(servers: str = SERVERS, file: str = "cas.pem") -> str:
    """Return the servers with a recorded certificate at each Exchange server."""
    return servers.replace("runs: [exchange]", f"runs: [exchange], certificate: {file}")


def leaf(*names: str, sha256: str = "aa" * 32, **changes: object) -> CertificateFacts:
    """Return facts of a healthy certificate for ``names``."""
    made = CertificateFacts(
        sha256=sha256,
        subject="CN=mail.contoso.example",
        issuer="CN=Contoso Issuing CA",
        names=names or ("mail.contoso.example",),
        not_before=TODAY.replace(year=2026, month=1),
        not_after=TODAY.replace(year=2027),
        key_type="RSA",
        key_bits=2048,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the fields


def assets(
    shown: dict[str, CertificateFacts] | None = None,
    recorded: dict[str, CertificateFacts] | None = None,
    authorities: dict[str, tuple[CertificateFacts, ...]] | None = None,
) -> Assets:
    """Return assets with the given leaf certificates by file name."""
    return Assets(
        shown={name: CertificateFile(leaf=facts) for name, facts in (shown or {}).items()},
        recorded={name: CertificateFile(leaf=facts) for name, facts in (recorded or {}).items()},
        authorities=authorities or {},
    )


def found(
    code: str,
    told: Balance,
    files: Assets | None = None,
    *,
    live: LiveFacts | None = None,
    machine: MachineFacts | None = None,
) -> list[Finding]:
    """Return the findings of one rule; the rule must exist."""
    assert any(rule.code == code for rule in RULES), f"there is no rule {code}"
    findings = lint(told, files or assets(), live, machine, now=TODAY)
    return [finding for finding in findings if finding.code == code]


__all__ = ["MAIL", "SERVERS", "TODAY", "Paper", "assets", "balance", "found", "leaf", "platform"]
