"""What a practice farm consists of: parsed and checked before a port is opened."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from switchover.errors import InvalidInput
from switchover.practice.certificates import KeyType
from switchover.practice.faults import EVERYTHING
from switchover.practice.json_input import as_object, take, take_text_map, take_texts
from switchover.practice.workloads import (
    MAIL_TEMPLATES,
    PORT_KINDS,
    WEB_WORKLOADS,
    Protocol,
    WebPaths,
)

FREE: Final = "free"
DEFAULT_PASSWORD = "practice"  # noqa: S105 - it protects nothing: any user name goes with it
PortChoice = int | Literal["free"] | None
"""A port number, ``free`` to pick one, None or 0 for a port that is not offered."""

_SERVER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SERVER_KEYS = ("address", "runs", "ports", "names", "proxy_protocol")
_FARM_KEYS = ("servers", "names", "key_type", "password")


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeServer:
    """One server that can be broken.

    Attributes:
        name: what it is called; also in every greeting, page and certificate.
        address: loopback address it listens on, for example 127.0.0.11.
        runs: templates whose web workloads it serves (``exchange``, ``sogo``, ``roundcube``,
            ``dav``, ``cyrus``); mail templates are accepted and add nothing.
        ports: choice by port name (``https``, ``imap`` ...); absent means not offered.
        names: host name by workload, where each workload has its own name. Needed to show the wrong
            certificate for one web workload only.
        proxy_protocol: names of the ports that demand a PROXY protocol header.
    """

    name: str
    address: str = "127.0.0.1"
    runs: tuple[str, ...] = ("exchange",)
    ports: Mapping[str, PortChoice] = field(default_factory=lambda: {"https": FREE})
    names: Mapping[str, str] = field(default_factory=dict)
    proxy_protocol: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what cannot be served.

        Raises:
            InvalidInput: a bad name, an address that is not loopback, an unknown port, template or
                workload.
        """
        if not _SERVER_NAME.fullmatch(self.name) or self.name == EVERYTHING:
            raise InvalidInput(f"{self.name!r} cannot name a practice server")
        # Any name signs in with one known password, so the farm must not be reachable from outside.
        if not _is_loopback(self.address):
            raise InvalidInput(f"{self.name}: {self.address!r} is no loopback address")
        self._check_known("ports", self.ports, PORT_KINDS)
        self._check_known("proxy_protocol", self.proxy_protocol, self.offered_ports)
        self._check_known("runs", self.runs, {*WEB_WORKLOADS, *MAIL_TEMPLATES})
        self._check_known("names", self.names, self.workloads)
        for port, number in self.ports.items():
            if isinstance(number, int) and not 0 <= number <= 65535:
                raise InvalidInput(f"{self.name}: port {port} cannot be {number}")

    @property
    def offered_ports(self) -> dict[str, PortChoice]:
        """The ports that will be opened."""
        return {port: number for port, number in self.ports.items() if number}

    @property
    def workloads(self) -> tuple[str, ...]:
        """Everything that can be broken by itself: web workloads, then mail ports."""
        return tuple(
            dict.fromkeys(w for port in self.offered_ports for w in self.workloads_on(port))
        )

    def workloads_on(self, port: str) -> tuple[str, ...]:
        """Return the workloads behind one port; on mail ports that is the port's own name."""
        if PORT_KINDS[port].protocol is Protocol.HTTP:
            return tuple(WebPaths(self.runs).workloads)
        return (port,)

    def _check_known(
        self,
        what: str,
        given: Mapping[str, object] | frozenset[str] | tuple[str, ...],
        known: object,
    ) -> None:
        choices = tuple(known) if isinstance(known, (Mapping, set, tuple)) else ()
        for name in given:
            if name not in choices:
                raise InvalidInput(
                    f"{self.name}: {what} cannot have {name!r}; choose from {', '.join(sorted(choices))}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSpec:
    """A farm: its servers and what they share.

    Attributes:
        servers: at least one, names unique.
        names: namespaces (``mail.contoso.example``). Every server's certificate covers them, and
            ``front.pem`` is made for them, ready for a balancer.
        key_type: algorithm of all server keys.
        password: every user name signs in with it, nobody with another.
    """

    servers: tuple[PracticeServer, ...]
    names: tuple[str, ...] = ()
    key_type: KeyType = KeyType.ECDSA
    password: str = DEFAULT_PASSWORD

    def __post_init__(self) -> None:
        """Refuse a farm without servers, and two servers of one name.

        Raises:
            InvalidInput: as said.
        """
        names = [server.name for server in self.servers]
        if not names:
            raise InvalidInput("a practice farm needs at least one server")
        if len(set(names)) != len(names):
            raise InvalidInput(f"two practice servers have one name among {', '.join(names)}")


def parse_farm(value: object) -> FarmSpec:
    """Return the farm described by a JSON value.

    Shape: ``{"servers": {NAME: {"address": ..., "runs": [...], "ports": {PORT: 8443 | "free" |
    null}, "names": {WORKLOAD: HOST}, "proxy_protocol": [PORT]}}, "names": [HOST], "key_type":
    "ecdsa" | "rsa", "password": ...}``; only ``servers`` is required.

    Raises:
        InvalidInput: anything else.
    """
    farm = as_object(value, path="farm", known=_FARM_KEYS)
    servers = as_object(farm.get("servers"), path="farm.servers")
    key_type = take(farm, "key_type", str, KeyType.ECDSA.value, path="farm")
    if key_type not in tuple(KeyType):
        raise InvalidInput(f"farm.key_type must be one of {', '.join(KeyType)}, not {key_type!r}")
    return FarmSpec(
        servers=tuple(_parse_server(name, server) for name, server in servers.items()),
        names=take_texts(farm, "names", (), path="farm"),
        key_type=KeyType(key_type),
        password=take(farm, "password", str, DEFAULT_PASSWORD, path="farm"),
    )


def _parse_server(name: str, value: object) -> PracticeServer:
    path = f"farm.servers.{name}"
    server = as_object(value, path=path, known=_SERVER_KEYS)
    ports = as_object(server.get("ports") or {"https": FREE}, path=f"{path}.ports")
    return PracticeServer(
        name=name,
        address=take(server, "address", str, "127.0.0.1", path=path),
        runs=take_texts(server, "runs", ("exchange",), path=path),
        ports={port: _parse_port(number, f"{path}.ports.{port}") for port, number in ports.items()},
        names=take_text_map(server, "names", path=path),
        proxy_protocol=frozenset(take_texts(server, "proxy_protocol", (), path=path)),
    )


def _parse_port(value: object, path: str) -> PortChoice:
    if value == FREE:
        return FREE
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InvalidInput(f"{path} must be a number, null or {FREE!r}, not {value!r}")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
