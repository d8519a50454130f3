"""The rules of one service that need more than one key, each with its fault and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.balance.virtual_service import ALL_WORKLOADS
from switchover.model.platform_file.spec import Layout, PersistenceKind, TlsMode
from switchover.model.platform_file.wording import nearest
from switchover.model.workload import Protocol, Transport

if TYPE_CHECKING:
    from switchover.balance.virtual_service import CarriedWorkload
    from switchover.errors import Problem
    from switchover.model.platform_file.read import PlatformFile


class ServiceRules:
    """Checks one service whose servers and workloads are known to exist."""

    def __init__(self, file: PlatformFile, name: str, tls_mode: TlsMode) -> None:
        """Nothing is looked at until ``check``."""
        self.file = file
        self.name = name
        self.spec = file.spec.services[name]
        self.tls_mode = tls_mode
        self.problems: list[Problem] = []

    def fault(self, *path: str | int, message: str, hint: str = "") -> None:
        """Note a fault at a key of this service."""
        self.problems.append(self.file.problem(("services", self.name, *path), message, hint))

    def check(self, workloads: tuple[CarriedWorkload, ...]) -> list[Problem]:
        """Return the faults of the service, empty when the rules hold."""
        is_http = {item.workload.protocol is Protocol.HTTP for item in workloads}
        if len(is_http) > 1:
            self.fault("workloads", message="HTTP and mail workloads need a service each")
            return self.problems
        http = is_http.pop()
        self._tls_rules(workloads, http=http)
        if self.spec.layout is Layout.L4:
            self._l4_rules(workloads)
        elif self.spec.layout is Layout.L4_NAMES:
            self._l4_names_rules(workloads)
        else:
            self._l7_rules(workloads, http=http)
        self._sorry_rules(workloads, http=http)
        self._home_rules(workloads, http=http)
        self._key_rules(http=http)
        return self.problems

    def _home_rules(self, workloads: tuple[CarriedWorkload, ...], *, http: bool) -> None:
        home = self.spec.home_path
        if home is None:
            return
        if not http or self.spec.layout is not Layout.L7:
            self.fault(
                "home_path", message="only a decrypted HTTP service (layout l7) can lead home"
            )
            return
        prefixes = [f"{path.rstrip('/')}/" for item in workloads for path in item.workload.paths]
        if home == "/":
            self.fault("home_path", message="/ would lead to itself", hint="home_path: /owa/")
        elif not any(f"{home.lower()}/".startswith(prefix) for prefix in prefixes):
            self.fault(
                "home_path",
                message=f"no workload of this service answers {home}",
                hint=f"it answers {', '.join(sorted(prefixes))}",
            )

    def _key_rules(self, *, http: bool) -> None:
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
        mode = self.tls_mode
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
        needs_name = mode is TlsMode.RE_ENCRYPT and self.spec.tls.verify
        if not http and needs_name and not (self.spec.names or self.spec.tls.server_name):
            self.fault(
                "tls",
                message="the servers' certificates can not be verified without a name",
                hint="names: [mail.contoso.example], or tls: {server_name: mail.contoso.example}",
            )
        if http and self.spec.layout is Layout.L7 and not self.spec.names:
            self.fault(
                "names",
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
        chosen = self.spec.health.workload
        if len(ports) == 1 and chosen in {None, ALL_WORKLOADS}:
            self._one_check_rules(workloads)
        if chosen and chosen != ALL_WORKLOADS and all(item.name != chosen for item in workloads):
            self.fault(
                "health", "workload",
                message=f"{chosen!r} is not a workload of this service",
                hint=nearest(chosen, {item.name for item in workloads} | {ALL_WORKLOADS}),
            )  # fmt: skip

    def _one_check_rules(self, workloads: tuple[CarriedWorkload, ...]) -> None:
        checks = [item.workload.check for item in workloads]
        for faulty, what in (
            (len({check.kind for check in checks}) > 1, "mix HTTP and other conversations"),
            (len({check.port for check in checks}) > 1, "go to several ports"),
            (len({check.tls for check in checks}) > 1, "be partly inside TLS"),
        ):
            if faulty:
                self.fault(
                    "workloads",
                    message=f"one check of all workloads can not {what}",
                    hint=f"choose the one that counts: health: {{workload: {workloads[0].name}}}",
                )

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
            if http and not item.workload.paths:
                self.fault(
                    "workloads",
                    message=f"{item.name!r} has no paths in its template, so no request would reach it",
                    hint="give it paths, or use layout l4",
                )
            for path in item.workload.paths:
                first = paths.setdefault(path, item.name)
                if first != item.name:
                    self.fault("workloads", message=f"{first!r} and {item.name!r} both own {path}")

    def _sorry_rules(self, workloads: tuple[CarriedWorkload, ...], *, http: bool) -> None:
        sorry = self.spec.sorry
        if sorry is None:
            return
        if (sorry.page is None) == (sorry.address is None):
            self.fault("sorry", message="give either a page or an address")
        elif sorry.address and sorry.port is None and self.spec.layout is Layout.L7:
            self.fault(
                "sorry", "address",
                message="a decrypted service speaks to its sorry server in the clear; give its port",
                hint=f"sorry: {{address: {sorry.address}, port: 80}}",
            )  # fmt: skip
        elif sorry.page and not http:
            self.fault("sorry", "page", message="only HTTP clients can be shown a page")
        elif sorry.page and not sorry.certificate and self._passes_tls(workloads):
            self.fault(
                "sorry", "page",
                message=f"layout {self.spec.layout} does not decrypt, so the page needs a certificate",
                hint="sorry: {page: sorry.html, certificate: mail.pem}, or the address of a sorry server",
            )  # fmt: skip

    def _passes_tls(self, workloads: tuple[CarriedWorkload, ...]) -> bool:
        return self.spec.layout is not Layout.L7 and any(
            item.workload.transport is Transport.TLS for item in workloads
        )
