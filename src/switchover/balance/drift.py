"""What runs compared with what should run: the words. Pure; ``find_drift`` compares, ``work.look`` observes.

Drift is a difference that nobody ordered through switchover: a configuration file edited by hand; over
the engine's own socket a server drained, weighted, moved, limited, added, spoken to in the clear, checked
elsewhere or no longer; a frontend paused; a limit of the whole engine; another certificate or authority.
It is found within one cycle and reported; an operator puts it right (``drift repair``) or makes it the
wish (``drift accept``).

What is right stands in the compiled configuration, but for two things: the names in a certificate's chain,
and the authorities of the operating system. Those are compared with what the worker showed when it was
first looked at, so a change before that look is not seen. Nor is what the engine does not tell: a chain
of other certificates with the same names, the text sent to a server's agent, stapled OCSP answers,
session ticket keys, entries of persistence tables, what stands in a file with a blank in its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.balance.overrides import AdminState, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.wire.haproxy.change import RuntimeChange
    from switchover.wire.haproxy.listings import FrontendState
    from switchover.wire.haproxy.state import Endpoints, EngineInfo

ENGINE_STATE = {
    AdminState.READY: "ready",
    AdminState.DRAIN: "drain",
    AdminState.MAINTENANCE: "maint",
}


class DriftKind(StrEnum):
    """What differs."""

    FILE = "file"
    STATE = "state"
    WEIGHT = "weight"
    ADDRESS = "address"
    MAP = "map"
    LIST = "list"
    MISSING = "missing"
    SURPLUS = "surplus"
    CHECK = "check"
    FRONTEND = "frontend"
    LIMIT = "limit"
    CERTIFICATE = "certificate"
    AUTHORITY = "authority"
    TLS = "TLS"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedServer:
    """A server as the running engine describes it.

    ``stopped_checks`` names what it has and does not do: ``health``, ``agent``. No ``endpoints`` means
    that the engine does not tell them.
    """

    backend: str
    name: str
    address: str
    port: int
    weight: int
    state: AdminState
    stopped_checks: tuple[str, ...] = ()
    endpoints: Endpoints | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedEngine:
    """What the running engine says of itself.

    ``servers`` and ``server_limits`` (only those that have one) are keyed by backend and server name,
    ``frontends`` by name; ``maps``, ``lists``, ``certificates``, ``chains`` and ``authorities`` by file name
    as rendered. A certificate is told by its SHA-1 fingerprint (lower-case hex: the engine tells no other),
    a chain by the names in it. ``first_chains`` and ``first_authorities`` are what the worker showed first.
    What is not there was not looked at; no frontends, limits or ``info`` at all means the same.
    """

    servers: Mapping[tuple[str, str], ObservedServer]
    server_limits: Mapping[tuple[str, str], int] | None = None
    info: EngineInfo | None = None
    frontends: Mapping[str, FrontendState] = field(default_factory=dict)
    maps: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first_chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    authorities: Mapping[str, frozenset[str]] = field(default_factory=dict)
    first_authorities: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference.

    ``subject`` names it for people. ``repair`` puts it right at run time; None where only writing the
    files anew does.
    """

    kind: DriftKind
    subject: str
    wanted: str
    found: str
    target: Target | None = None
    repair: RuntimeChange | None = None

    @property
    def sentence(self) -> str:
        """What an operator reads."""
        return f"{self.subject}: {self.kind} is {self.found}, should be {self.wanted}"
