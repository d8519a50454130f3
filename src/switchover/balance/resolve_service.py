"""One service of the platform file to a VirtualService, collecting faults on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from switchover.balance.resolve_rules import ServiceRules
from switchover.balance.shipped import refined_check
from switchover.balance.virtual_service import (
    ALL_WORKLOADS,
    PROFILES,
    CarriedWorkload,
    HealthTiming,
    RealServer,
    VirtualService,
)
from switchover.model.platform_file.spec import Layout, TlsMode
from switchover.model.platform_file.spec_health import HealthProfile, OnDown, TimingSpec
from switchover.model.platform_file.wording import nearest
from switchover.model.workload import Protocol, Workload

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
            rules = ServiceRules(self.file, self.name, self.tls_mode())
            self.problems.extend(rules.check(workloads))
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
                    hint=nearest(item.name, self.known_servers),
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
            carried.append(self._carry(workload, wish, named.get(wish) or named.get(workload.name)))
        self._keys_are_carried(carried, set(wanted))
        return tuple(carried)

    def _workload(
        self, wish: str, path: tuple[str | int, ...], servers: tuple[RealServer, ...]
    ) -> Workload | None:
        template_name, _, name = wish.rpartition("/")
        found: Workload | None = None
        seen: set[tuple[str, ...]] = set()
        for real in servers:
            if real.server.runs in seen:
                continue  # what the same products offer was looked at
            seen.add(real.server.runs)
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
                hint=nearest(wish, known) or f"it has {', '.join(known) or 'none'}",
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
        timeouts = self.spec.timeouts
        timeout = timeouts.get(wish) or timeouts.get(workload.name)
        return CarriedWorkload(
            workload=workload,
            timing=timing,
            server_timeout_seconds=timeout or workload.server_timeout_seconds,
            host=named.name if named else None,
            address=named.address if named else None,
        )

    def _keys_are_carried(self, carried: list[CarriedWorkload], wanted: set[str]) -> None:
        known = {item.name for item in carried} | wanted
        named = self.spec.names if isinstance(self.spec.names, dict) else {}
        for section, keys in (
            (("names",), named),
            (("timeouts",), self.spec.timeouts),
            (("health", "workloads"), self.spec.health.workloads),
        ):
            for key in keys:
                if key not in known:
                    self.fault(
                        *section, key,
                        message=f"{key!r} is not a workload of this service",
                        hint=nearest(key, known),
                    )  # fmt: skip

    def tls_mode(self) -> TlsMode:
        """Return where TLS ends: as written, else re-encrypted in l7 and untouched elsewhere."""
        if self.spec.tls.mode is not None:
            return self.spec.tls.mode
        return TlsMode.RE_ENCRYPT if self.spec.layout is Layout.L7 else TlsMode.PASS_THROUGH

    def _service(
        self, servers: tuple[RealServer, ...], workloads: tuple[CarriedWorkload, ...]
    ) -> VirtualService:
        spec = self.spec
        windows = any(item.workload.windows_authentication for item in workloads)
        one_verdict_each = spec.layout is not Layout.L4 or len(workloads) == 1
        mail = workloads[0].workload.protocol is not Protocol.HTTP
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
            tls_mode=self.tls_mode(),
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
            on_down=spec.health.on_down
            or (OnDown.CLOSE if mail and one_verdict_each else OnDown.KEEP),
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
