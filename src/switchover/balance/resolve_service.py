"""One service of the platform file to a VirtualService, collecting faults on the way."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.balance.shipped import refined_check
from switchover.balance.virtual_service import (
    ALL_WORKLOADS,
    PROFILES,
    CarriedWorkload,
    HealthTiming,
    RealServer,
    VirtualService,
)
from switchover.model.platform_file.spec import (
    HealthProfile,
    Layout,
    OnDown,
    PersistenceKind,
    TimingSpec,
    TlsMode,
)
from switchover.model.workload import Protocol, Transport, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.errors import Problem
    from switchover.model.platform_file.read import PlatformFile
    from switchover.model.platform_file.spec import WorkloadNameSpec
    from switchover.model.server import Server
    from switchover.model.workload import Template


class ServiceResolver:
    """Resolves one service; ``problems`` holds what is wrong with it."""

    def __init__(
        self,
        file: PlatformFile,
        name: str,
        servers: Mapping[str, Server],
        templates: Mapping[str, Template],
    ) -> None:
        """Nothing is read until ``resolve``."""
        self.file = file
        self.name = name
        self.spec = file.spec.services[name]
        self.known_servers = servers
        self.templates = templates
        self.problems: list[Problem] = []

    def resolve(self) -> VirtualService | None:
        """Return the service, None when a fault was found."""
        servers = self._servers()
        workloads = self._workloads(servers)
        if not self.problems and workloads:
            self._rules(workloads, servers)
        if self.problems or not workloads:
            return None
        return self._service(servers, workloads)

    def fault(self, *path: str | int, message: str, hint: str = "") -> None:
        """Note a fault at a key of this service."""
        self.problems.append(self.file.problem(("services", self.name, *path), message, hint))

    def _servers(self) -> tuple[RealServer, ...]:
        found: dict[str, RealServer] = {}
        for position, item in enumerate(self.spec.servers):
            server = self.known_servers.get(item.name)
            if server is None:
                self.fault(
                    "servers",
                    position,
                    message=f"there is no server {item.name!r}",
                    hint=_nearest(item.name, self.known_servers),
                )
            elif item.name in found:
                self.fault("servers", position, message=f"{item.name!r} is listed twice")
            else:
                found[item.name] = RealServer(
                    server=server,
                    weight=server.weight if item.weight is None else item.weight,
                    max_connections=item.max_connections,
                    backup=item.backup,
                )
        if found and all(item.backup for item in found.values()):
            self.fault("servers", message="every server is a backup; leave it off one of them")
        return tuple(found.values())

    def _workloads(self, servers: tuple[RealServer, ...]) -> tuple[CarriedWorkload, ...]:
        named: dict[str, WorkloadNameSpec] = (
            self.spec.names if isinstance(self.spec.names, dict) else {}
        )
        wanted = self.spec.workloads or list(named)
        if not wanted:
            self.fault("layout", message="no workloads: list what this service carries")
        carried: list[CarriedWorkload] = []
        for position, wish in enumerate(wanted):
            path = ("workloads", position) if self.spec.workloads else ("names", wish)
            workload = self._workload(wish, path, servers)
            if workload is None:
                continue
            if any(item.name == workload.name for item in carried):
                self.fault(*path, message=f"the workload {workload.name!r} is listed twice")
                continue
            carried.append(self._carry(workload, wish, named.get(wish)))
        self._keys_are_carried(carried, set(wanted))
        return tuple(carried)

    def _workload(
        self, wish: str, path: tuple[str | int, ...], servers: tuple[RealServer, ...]
    ) -> Workload | None:
        template_name, _, name = wish.rpartition("/")
        found: Workload | None = None
        for real in servers:
            runs = [template_name] if template_name else list(real.server.runs)
            offered = [
                workload
                for template in runs
                if template in real.server.runs
                and template in self.templates
                and (workload := self.templates[template].find(name)) is not None
            ]
            if not self._offered_once(wish, path, real, offered):
                return None
            if found is None:
                found = offered[0]
            elif _conversation(found) != _conversation(offered[0]):
                self.fault(
                    *path,
                    message=f"{wish!r} means different things on {servers[0].name!r} "
                    f"({found.template}) and {real.name!r} ({offered[0].template})",
                    hint="make a service for each",
                )
                return None
        return found

    def _offered_once(
        self, wish: str, path: tuple[str | int, ...], real: RealServer, offered: list[Workload]
    ) -> bool:
        if len(offered) == 1:
            return True
        known = [
            workload.name
            for template in real.server.runs
            if template in self.templates
            for workload in self.templates[template].workloads
        ]
        if offered:
            choices = " or ".join(f"{item.template}/{item.name}" for item in offered)
            self.fault(
                *path, message=f"{wish!r} is ambiguous on {real.name!r}", hint=f"write {choices}"
            )
        else:
            self.fault(
                *path,
                message=f"the server {real.name!r} does not have the workload {wish!r}",
                hint=_nearest(wish, known) or f"it has {', '.join(known) or 'none'}",
            )
        return False

    def _carry(
        self, workload: Workload, wish: str, named: WorkloadNameSpec | None
    ) -> CarriedWorkload:
        health = self.spec.health
        special = health.workloads.get(wish) or health.workloads.get(workload.name)
        timing = _timed(PROFILES[health.profile or HealthProfile.DEFAULT], health)
        if special is not None:
            timing = _timed(timing, special)
            workload = replace(workload, check=refined_check(workload.check, special))
        timeout = self.spec.timeouts.get(wish, workload.server_timeout_seconds)
        return CarriedWorkload(
            workload=workload,
            timing=timing,
            server_timeout_seconds=timeout,
            host=named.name if named else None,
            address=named.address if named else None,
        )

    def _keys_are_carried(self, carried: list[CarriedWorkload], wanted: set[str]) -> None:
        known = {item.name for item in carried} | wanted
        for section, keys in (
            (("timeouts",), self.spec.timeouts),
            (("health", "workloads"), self.spec.health.workloads),
        ):
            for key in keys:
                if key not in known:
                    self.fault(
                        *section, key,
                        message=f"{key!r} is not a workload of this service",
                        hint=_nearest(key, known),
                    )  # fmt: skip

    def _rules(
        self, workloads: tuple[CarriedWorkload, ...], servers: tuple[RealServer, ...]
    ) -> None:
        is_http = {item.workload.protocol is Protocol.HTTP for item in workloads}
        if len(is_http) > 1:
            self.fault("workloads", message="HTTP and mail workloads need a service each")
            return
        http = is_http.pop()
        self._tls_rules(workloads, http=http)
        match self.spec.layout:
            case Layout.L4:
                self._l4_rules(workloads)
            case Layout.L4_NAMES:
                self._l4_names_rules(workloads)
            case Layout.L7:
                self._l7_rules(workloads, http=http)
        self._sorry_rules(http=http)
        if self.spec.redirect_from and not http:
            self.fault("redirect_from", message="only HTTP services can be redirected")
        if self.spec.layout is not Layout.L4 and self.spec.health.workload:
            self.fault(
                "health", "workload",
                message=f"layout {self.spec.layout} judges every workload on its own",
                hint="remove this key, or use layout l4",
            )  # fmt: skip
        if self.spec.persistence.kind is PersistenceKind.COOKIE and not (
            http and self.spec.layout is Layout.L7
        ):
            self.fault(
                "persistence",
                message="a cookie needs a decrypted HTTP service (layout l7)",
                hint="use source, or none: Exchange 2013 and newer need no persistence",
            )

    def _tls_rules(self, workloads: tuple[CarriedWorkload, ...], *, http: bool) -> None:
        mode = self._tls_mode()
        if self.spec.layout is not Layout.L7 and mode is not TlsMode.PASS_THROUGH:
            self.fault(
                "tls", "mode", message=f"layout {self.spec.layout} does not decrypt", hint="use l7"
            )
        if self.spec.layout is not Layout.L7 and self.spec.tls.certificate:
            self.fault(
                "tls", "certificate",
                message=f"layout {self.spec.layout} shows the servers' own certificate",
                hint="remove this key, or use layout l7",
            )  # fmt: skip
        if self.spec.layout is Layout.L7 and mode is TlsMode.PASS_THROUGH:
            self.fault("tls", "mode", message="layout l7 decrypts", hint="use re-encrypt or l4")
        if self.spec.layout is Layout.L7 and not self.spec.tls.certificate:
            self.fault(
                "tls", message="layout l7 needs a certificate to show to clients",
                hint="tls: {certificate: mail.pem}",
            )  # fmt: skip
        if mode is TlsMode.OFFLOAD:
            for item in workloads:
                if item.workload.clear_port is None:
                    self.fault(
                        "tls", "mode", message=f"the workload {item.name!r} has no port without TLS"
                    )
        if http and self.spec.layout is Layout.L7 and not self.spec.names:
            self.fault(
                "layout",
                message="an l7 service needs the names clients use: checks and certificates need one",
                hint="names: [mail.contoso.example]",
            )

    def _l4_rules(self, workloads: tuple[CarriedWorkload, ...]) -> None:
        if isinstance(self.spec.names, dict):
            self.fault("names", message="layout l4 has one namespace", hint="use l4-names")
        ports = {item.workload.port for item in workloads}
        if len(ports) > 1:
            self.fault(
                "workloads",
                message=f"layout l4 passes one port, these workloads use {sorted(ports)}",
                hint="make a service for each port",
            )
        if len({item.workload.check.kind for item in workloads}) > 1:
            self.fault("workloads", message="one check can not mix HTTP and other conversations")
        chosen = self.spec.health.workload
        if chosen and chosen != ALL_WORKLOADS and all(item.name != chosen for item in workloads):
            self.fault(
                "health", "workload",
                message=f"{chosen!r} is not a workload of this service",
                hint=_nearest(chosen, {item.name for item in workloads} | {ALL_WORKLOADS}),
            )  # fmt: skip

    def _l4_names_rules(self, workloads: tuple[CarriedWorkload, ...]) -> None:
        if not isinstance(self.spec.names, dict):
            self.fault(
                "names" if self.spec.names else "layout",
                message="layout l4-names needs a host name for each workload",
                hint="names: {owa: owa.contoso.example, activesync: eas.contoso.example}",
            )
            return
        hosts: dict[str, str] = {}
        for item in workloads:
            path = ("names", item.name)
            if item.host is None:
                self.fault("workloads", message=f"the workload {item.name!r} has no name")
            elif (first := hosts.setdefault(item.host, item.name)) != item.name:
                self.fault(*path, message=f"{item.host} already belongs to {first!r}")
            if item.address is None and item.workload.transport is not Transport.TLS:
                self.fault(
                    *path,
                    message=f"{item.name!r} does not begin with TLS, so no name (SNI) can be seen",
                    hint="give it its own address, or a service of its own",
                )

    def _l7_rules(self, workloads: tuple[CarriedWorkload, ...], *, http: bool) -> None:
        if isinstance(self.spec.names, dict):
            self.fault(
                "names", message="layout l7 routes by path: list its names", hint="names: [...]"
            )
        if not http:
            if len(workloads) > 1:
                self.fault("workloads", message="a decrypted mail service carries one workload")
            elif workloads[0].workload.transport is not Transport.TLS:
                self.fault(
                    "layout",
                    message=f"{workloads[0].name!r} begins in the clear; STARTTLS can not be decrypted",
                    hint="use layout l4",
                )
        paths: dict[str, str] = {}
        for item in workloads:
            for path in item.workload.paths:
                first = paths.setdefault(path, item.name)
                if first != item.name:
                    self.fault("workloads", message=f"{first!r} and {item.name!r} both own {path}")

    def _sorry_rules(self, *, http: bool) -> None:
        sorry = self.spec.sorry
        if sorry is None:
            return
        if (sorry.page is None) == (sorry.address is None):
            self.fault("sorry", message="give either a page or an address")
        elif sorry.page and not http:
            self.fault("sorry", "page", message="only HTTP clients can be shown a page")
        elif sorry.page and self.spec.layout is not Layout.L7 and not sorry.certificate:
            self.fault(
                "sorry", "page",
                message=f"layout {self.spec.layout} does not decrypt, so the page needs a certificate",
                hint="sorry: {page: sorry.html, certificate: mail.pem}, or the address of a sorry server",
            )  # fmt: skip

    def _tls_mode(self) -> TlsMode:
        if self.spec.tls.mode is not None:
            return self.spec.tls.mode
        return TlsMode.RE_ENCRYPT if self.spec.layout is Layout.L7 else TlsMode.PASS_THROUGH

    def _service(
        self, servers: tuple[RealServer, ...], workloads: tuple[CarriedWorkload, ...]
    ) -> VirtualService:
        spec = self.spec
        windows = any(item.workload.windows_authentication for item in workloads)
        single_mail = len(workloads) == 1 and workloads[0].workload.protocol is not Protocol.HTTP
        hosts = tuple(item.host for item in workloads if item.host)
        return VirtualService(
            name=self.name,
            title=spec.title or self.name,
            address=spec.address,
            port=spec.port,
            layout=spec.layout,
            names=hosts if isinstance(spec.names, dict) else tuple(spec.names),
            workloads=workloads,
            servers=servers,
            scheduler=spec.scheduler,
            persistence=spec.persistence,
            tls=spec.tls,
            tls_mode=self._tls_mode(),
            health_workload=spec.health.workload or ALL_WORKLOADS,
            redirect_from=spec.redirect_from,
            home_path=spec.home_path or self._home_path(workloads),
            sorry=spec.sorry,
            limits=spec.limits,
            allow=tuple(spec.allow),
            deny=tuple(spec.deny),
            allow_restricted=tuple(spec.allow_restricted),
            accept_proxy=spec.accept_proxy,
            http2=(not windows) if spec.http2 is None else spec.http2,
            observe=spec.health.observe is not False,
            # A failed mail server must let go of its sessions, or IDLE clients hang on it until their
            # timeout; where a verdict covers several workloads, closing would hit the healthy ones.
            on_down=spec.health.on_down or (OnDown.CLOSE if single_mail else OnDown.KEEP),
            log=spec.log,
        )

    def _home_path(self, workloads: tuple[CarriedWorkload, ...]) -> str | None:
        if self.spec.layout is Layout.L7 and any(item.name == "owa" for item in workloads):
            return "/owa/"
        return None


def _timed(timing: HealthTiming, spec: TimingSpec) -> HealthTiming:
    return HealthTiming(
        interval=spec.interval or timing.interval,
        timeout=spec.timeout or timing.timeout,
        fall=spec.fall or timing.fall,
        rise=spec.rise or timing.rise,
        fast_interval=spec.fast_interval or min(timing.fast_interval, spec.interval or 1e9),
    )


def _conversation(workload: Workload) -> tuple[object, ...]:
    return (
        workload.protocol,
        workload.port,
        workload.clear_port,
        workload.transport,
        workload.check,
        workload.paths,
    )


def _nearest(word: str, known: Mapping[str, object] | set[str] | list[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""
