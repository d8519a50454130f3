"""What the demo builds: three servers, four virtual services, and who uses them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SERVERS = {"cas1": "127.0.0.11", "cas2": "127.0.0.12", "cas3": "127.0.0.13"}
SERVICE_ADDRESS = "127.0.0.1"
PREFERRED_PORTS = {
    "https": 10443,
    "imaps": 10993,
    "mail-l7": 12443,
    "mail-names": 12444,
    "mail-l4": 12445,
    "imap": 12993,
}
"""Ports by purpose: two of every server, one of each service; moved up where one is taken."""

PATHS = {
    "owa": "/owa/",
    "activesync": "/Microsoft-Server-ActiveSync?Cmd=FolderSync",
    "ews": "/EWS/Exchange.asmx",
    "mapi": "/mapi/emsmdb/",
    "rpc": "/rpc/rpcproxy.dll",
}
HOSTS = {
    "owa": "owa.contoso.example",
    "activesync": "eas.contoso.example",
    "ews": "ews.contoso.example",
    "mapi": "mapi.contoso.example",
    "rpc": "rpc.contoso.example",
}
WORKLOADS = tuple(PATHS)
IMAP = "imaps"
NAMESPACE = "mail.contoso.example"
IMAP_HOST = "imap.contoso.example"
SERVICES = ("mail-l7", "mail-names", "mail-l4", "imap")
CERTIFICATES = ("front.pem", "ca.pem")
"""Files that the platform file names; the farm makes them."""

CLIENT_TIMEOUT_SECONDS = 3.0
_STAYING_CLIENTS, _STAYING_RATE = 3, 3.5
_COMING_CLIENTS, _COMING_RATE = 2, 1.5
_IMAP_CLIENTS = 6

_PLATFORM = """\
# The platform of the running demo. Change it in a second terminal and apply it:
#   export SWITCHOVER_DATA={data}
#   switchover apply {file}
platform: contoso

servers:
{servers}

services:
  mail-l7:                      # decrypted, routed by path: a verdict for each workload
    address: {address}
    port: {mail-l7}
    layout: l7
    names: [{namespace}]
    workloads: [{workloads}]
    servers: [{names}]
    tls: {{mode: re-encrypt, certificate: front.pem, server_ca: ca.pem}}

  mail-names:                   # not decrypted, but a host name for each workload
    address: {address}
    port: {mail-names}
    layout: l4-names
    names:
{hosts}
    servers: [{names}]
    tls: {{server_ca: ca.pem}}

  mail-l4:                      # not decrypted, one host name: one verdict for the whole server
    address: {address}
    port: {mail-l4}
    layout: l4
    names: [{namespace}]
    workloads: [{workloads}]
    servers: [{names}]
    health: {{workload: all, on_down: close}}
    tls: {{server_ca: ca.pem}}

  imap:
    address: {address}
    port: {imap}
    layout: l4
    names: [{imap_host}]
    workloads: [imaps]
    servers: [{names}]
    tls: {{server_ca: ca.pem}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """The demo on the ports that are free on this machine; ``ports`` has PREFERRED_PORTS' keys."""

    directory: Path
    ports: Mapping[str, int]

    @property
    def platform_file(self) -> Path:
        """Where the platform file is written, with the files it names beside it."""
        return self.directory / "contoso.yaml"

    @property
    def farm_directory(self) -> Path:
        """Where the farm keeps certificates and ``control.json``."""
        return self.directory / "farm"

    @property
    def authority(self) -> Path:
        """The certificate authority that clients trust."""
        return self.farm_directory / "ca.pem"

    def farm_spec(self) -> dict[str, object]:
        """Return the farm as :func:`switchover.practice.spec.parse_farm` wants it."""
        ports = {"https": self.ports["https"], "imaps": self.ports["imaps"]}
        return {
            "servers": {
                name: {"address": address, "runs": ["exchange"], "ports": ports}
                for name, address in SERVERS.items()
            },
            "names": [NAMESPACE, *HOSTS.values(), IMAP_HOST],
        }

    def platform_text(self, *, data: Path) -> str:
        """Return the platform file; ``data`` is the directory a second terminal must name."""
        ports = f"{{443: {self.ports['https']}, 993: {self.ports['imaps']}}}"
        return _PLATFORM.format(
            **{service: str(self.ports[service]) for service in SERVICES},
            data=data,
            file=self.platform_file,
            address=SERVICE_ADDRESS,
            namespace=NAMESPACE,
            imap_host=IMAP_HOST,
            workloads=", ".join(WORKLOADS),
            names=", ".join(SERVERS),
            servers="\n".join(
                f"  {name}: {{address: {address}, runs: exchange, ports: {ports}}}"
                for name, address in SERVERS.items()
            ),
            hosts="\n".join(f"      {workload}: {host}" for workload, host in HOSTS.items()),
        )

    def stories(self) -> list[dict[str, object]]:
        """Return the traffic as :func:`switchover.practice.stories.parse_stories` wants it."""
        return [
            *self._web("mail-l7"),
            *self._web("mail-names"),
            *self._web("mail-l4"),
            self._imap(),
        ]

    def _web(self, service: str) -> Iterator[dict[str, object]]:
        """Yield users who keep their connection, and users who come anew with each request."""
        for workload, path in PATHS.items():
            host = HOSTS[workload] if service == "mail-names" else NAMESPACE
            door = {"kind": "http", **self._door(service, workload, host), "path": path}
            yield {**door, "clients": _STAYING_CLIENTS, "rate_per_second": _STAYING_RATE}
            yield {
                **door,
                "clients": _COMING_CLIENTS,
                "rate_per_second": _COMING_RATE,
                "keep_alive": False,
            }

    def _imap(self) -> dict[str, object]:
        door = self._door("imap", IMAP, IMAP_HOST)
        return {"kind": "imap", **door, "clients": _IMAP_CLIENTS, "noop_every_seconds": 1.0}

    def _door(self, service: str, workload: str, host: str) -> dict[str, object]:
        return {
            "service": service,
            "workload": workload,
            "address": SERVICE_ADDRESS,
            "port": self.ports[service],
            "host": host,
            "tls": True,
            "ca": str(self.authority),
            "timeout_seconds": CLIENT_TIMEOUT_SECONDS,
        }
