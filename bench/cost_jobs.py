"""The jobs that are compared: what switchover is told, and the hand-written file for the same."""

from __future__ import annotations

from dataclasses import dataclass

from backends import NAME, NAMES
from load import Door

SERVERS = ("127.17.0.11", "127.17.0.12")
OURS = "127.17.0.1"
THEIRS = "127.17.0.2"
AGENT = "Mozilla/5.0"
PATHS = (
    "/owa/",
    "/ecp/",
    "/Microsoft-Server-ActiveSync?Cmd=Sync&User=user&DeviceId=1",
    "/EWS/Exchange.asmx",
    "/mapi/emsmdb/?MailboxId=1@contoso.example",
    "/rpc/rpcproxy.dll",
    "/OAB/1/oab.xml",
    "/autodiscover/autodiscover.xml",
)

_FARM = """\
platform: contoso
engine: {{threads: 1, max_connections: 4000}}
servers:
  cas1: {{address: {one}, runs: [exchange, dovecot], ports: {{443: 10443, 143: 10143}}}}
  cas2: {{address: {two}, runs: [exchange, dovecot], ports: {{443: 10443, 143: 10143}}}}
services:
  mail:
    address: {address}
    servers: [cas1, cas2]
"""
_L7 = f"""\
    port: 10443
    layout: l7
    names: [{NAME}]
    workloads: [owa, ecp, activesync, ews, mapi, rpc, oab, autodiscover]
    tls: {{mode: re-encrypt, certificate: mail.pem, server_ca: ca.pem}}
"""
_L4 = f"""\
    port: 10443
    layout: l4
    names: [{NAME}]
    workloads: [owa]
    tls: {{server_ca: ca.pem}}
"""
_L4_NAMES = f"""\
    port: 10443
    layout: l4-names
    names: {{{", ".join(f"{workload}: {name}" for workload, name in NAMES.items())}}}
    tls: {{server_ca: ca.pem}}
"""
_IMAP = """\
    port: 10143
    layout: l4
    workloads: [imap]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One comparison. ``rate`` is how many exchanges begin in a second where latency is measured."""

    key: str
    title: str
    service: str
    minimal: str
    new: bool
    rate: float
    tls: bool = True
    names: tuple[str, ...] = (NAME,)
    paths: tuple[str, ...] = ("/owa/",)

    def platform_text(self) -> str:
        """Return the platform file that switchover is given."""
        farm = _FARM.format(one=SERVERS[0], two=SERVERS[1], address=OURS)
        if self.is_line:
            farm = farm.replace("[exchange, dovecot]", "[dovecot]")
        else:
            farm = farm.replace("[exchange, dovecot]", "[exchange]")
        return farm + self.service

    @property
    def is_line(self) -> bool:
        """True for IMAP-like lines, False for HTTP."""
        return not self.tls

    def door(self, address: str) -> Door:
        """Return where its clients knock."""
        return Door(
            address=address,
            port=10143 if self.is_line else 10443,
            tls=self.tls,
            line=self.is_line,
            names=self.names,
            paths=self.paths,
        )


_SNI = tuple(NAMES.values())
JOBS = (
    Job(key="l7_kept", title="l7 re-encrypt, kept connections", service=_L7, minimal="l7",
        new=False, rate=2000, paths=PATHS),
    Job(key="l7_new", title="l7 re-encrypt, new connection each", service=_L7, minimal="l7",
        new=True, rate=150, paths=PATHS),
    Job(key="l4_kept", title="l4 pass-through, kept connections", service=_L4, minimal="l4",
        new=False, rate=2000),
    Job(key="l4_new", title="l4 pass-through, new connection each", service=_L4, minimal="l4",
        new=True, rate=150),
    Job(key="l4_names_new", title="l4-names by SNI, new connection each", service=_L4_NAMES,
        minimal="l4-names", new=True, rate=150, names=_SNI),
    Job(key="imap_kept", title="IMAP-like lines, kept connections", service=_IMAP, minimal="imap",
        new=False, rate=2000, tls=False),
    Job(key="imap_new", title="IMAP-like sessions, new connection each", service=_IMAP,
        minimal="imap", new=True, rate=500, tls=False),
)  # fmt: skip
