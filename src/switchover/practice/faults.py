"""What can be broken on a practice server, and the book of what is broken now.

Pure: sessions ask the book, the farm acts on the ports.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

EVERYTHING = "all"
DEFAULT_SLOW_SECONDS = 5.0
LONGEST_SLOW_SECONDS = 3600.0


class Fault(StrEnum):
    """One way in which a service fails its users; the value is the word typed by an operator."""

    REFUSE = "refuse"
    HANG = "hang"
    UNAVAILABLE = "503"
    UNAUTHORIZED = "401"
    MISDIRECTED = "421"
    SLOW = "slow"
    WRONG_CERTIFICATE = "wrong-certificate"
    RESET = "reset"
    HALF_OPEN = "half-open"


MEANING: Mapping[Fault, str] = {
    Fault.REFUSE: "stopped: the port refuses and open connections are reset; one web workload among"
    " several on a port drops the connection when it is asked for",
    Fault.HANG: "connects and greets nobody: new and open sessions get no answer until mended",
    Fault.UNAVAILABLE: "runs but cannot serve: HTTP 503; mail greets and then fails every command",
    Fault.UNAUTHORIZED: "lets nobody in: HTTP 401 for everything; mail refuses sign-in only, so a"
    " health check that does not sign in cannot see it",
    Fault.MISDIRECTED: "turns people away: HTTP 421, SMTP and LMTP 421, IMAP and Sieve BYE, POP -ERR",
    Fault.SLOW: "answers (HTTP) or greets (mail) late by the given seconds",
    Fault.WRONG_CERTIFICATE: "shows a self-signed certificate for another name in new handshakes;"
    " on a port without TLS only those who ask for STARTTLS see it",
    Fault.RESET: "resets open connections now, later ones in the middle of the answer",
    Fault.HALF_OPEN: "the machine behind the port has vanished: TCP connects, then silence without"
    " end, in open connections too",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """A fault in force. ``seconds`` is the delay and matters for ``slow`` only."""

    fault: Fault
    seconds: float = DEFAULT_SLOW_SECONDS

    @classmethod
    def parse(cls, fault: str, seconds: float | None = None) -> Breakage:
        """Return the breakage named by an operator.

        Raises:
            InvalidInput: unknown fault, or a delay outside 0 to 3600 seconds.
        """
        try:
            known = Fault(fault)
        except ValueError:
            choices = ", ".join(Fault)
            raise InvalidInput(f"no fault is called {fault!r}; choose one of {choices}") from None
        delay = DEFAULT_SLOW_SECONDS if seconds is None else seconds
        if not 0 < delay <= LONGEST_SLOW_SECONDS:
            raise InvalidInput(f"seconds must be above 0 and at most 3600, not {delay}")
        return cls(fault=known, seconds=delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to break or mend: one workload of a server, or the whole server (workload None)."""

    server: str
    workload: str | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return the target written as ``cas1`` or ``cas1/owa``.

        Raises:
            InvalidInput: a part is empty or there are too many.
        """
        server, slash, workload = text.strip().partition("/")
        if not server or (slash and not workload) or "/" in workload:
            raise InvalidInput(f"{text!r} is no target; write SERVER or SERVER/WORKLOAD")
        return cls(server=server, workload=workload or None)

    def __str__(self) -> str:
        """``cas1`` or ``cas1/owa``."""
        return f"{self.server}/{self.workload}" if self.workload else self.server


class FaultBook:
    """Which workloads of which servers are broken now, and how."""

    def __init__(self, workloads: Mapping[str, Collection[str]]) -> None:
        """Know what exists: ``workloads`` maps each server to the workloads it offers."""
        self._workloads = workloads
        self._broken: dict[Target, Breakage] = {}

    def break_(self, target: Target, breakage: Breakage) -> None:
        """Put a fault in force; it replaces an earlier one on the same target.

        Raises:
            NotFound: no such server, or it does not offer that workload.
        """
        self._require(target)
        self._broken[target] = breakage

    def mend(self, target: Target) -> None:
        """Take the fault away; a whole server is mended with all its workloads. Idempotent.

        Raises:
            NotFound: no such server, or it does not offer that workload.
            Conflict: the workload fails only because its whole server is broken.
        """
        self._require(target)
        if target.workload is None:
            self._broken = {
                broken: how
                for broken, how in self._broken.items()
                if broken.server != target.server
            }
        elif self._broken.pop(target, None) is None and self.on_server(target.server):
            raise Conflict(f"{target.server} is broken as a whole; mend {target.server}")

    def on_server(self, server: str) -> Breakage | None:
        """Return what is wrong with the server as a whole."""
        return self._broken.get(Target(server=server))

    def on(self, server: str, workload: str | None) -> Breakage | None:
        """Return what a client of this workload meets; its own fault counts before the server's."""
        own = self._broken.get(Target(server=server, workload=workload)) if workload else None
        return own or self.on_server(server)

    def on_port(self, server: str, workloads: Collection[str]) -> Breakage | None:
        """Return what is wrong with a whole port.

        A port with one workload breaks with it. A port that several workloads share breaks only
        with the server, else one broken workload would take its neighbours along.
        """
        if len(workloads) == 1:
            return self.on(server, next(iter(workloads)))
        return self.on_server(server)

    def wrongly_certified(self, server: str) -> frozenset[str]:
        """Return the workloads of the server that show the wrong certificate."""
        return frozenset(
            workload
            for workload in self._workloads[server]
            if (how := self.on(server, workload)) and how.fault is Fault.WRONG_CERTIFICATE
        )

    def _require(self, target: Target) -> None:
        offered = self._workloads.get(target.server)
        if offered is None:
            known = ", ".join(self._workloads)
            raise NotFound(f"there is no practice server {target.server!r}; there are {known}")
        if target.workload is not None and target.workload not in offered:
            raise NotFound(
                f"{target.server} does not offer {target.workload!r}; it offers {', '.join(offered)}"
            )


def shows_wrong_certificate(
    *, server_name: str | None, wrong: Collection[str], names: Mapping[str, str]
) -> bool:
    """Return whether a handshake must show the wrong certificate.

    Args:
        server_name: the name the client asked for (SNI, RFC 6066 section 3), None when it did not.
        wrong: workloads of this port whose certificate is wrong.
        names: host name by workload. A workload that has none takes the whole port along, because
            the handshake cannot tell it from its neighbours.
    """
    asked = (server_name or "").lower()
    return any(workload not in names or names[workload].lower() == asked for workload in wrong)
