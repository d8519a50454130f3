"""This machine: its addresses and limits, its engines, and whether ports are free."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from switchover.balance.lint.facts import MachineFacts
from switchover.balance.probes.interfaces import bind_error, bindable, read_addresses
from switchover.balance.probes.listeners import Listeners, conflicts, parent_of
from switchover.balance.resolve import listening_places
from switchover.errors import Problem
from switchover.model.platform_file.read import raise_problems
from switchover.wire.haproxy.binary import find_newer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from switchover.balance.compile import Compiled
    from switchover.balance.probes.listeners import Holder
    from switchover.balance.virtual_service import Balance
    from switchover.model.platform_file.read import PlatformFile
    from switchover.model.platform_file.tree import Path as KeyPath
    from switchover.wire.haproxy.binary import EngineVersion, NewerEngine

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",
)
NONLOCAL_BIND = Path("/proc/sys/net/ipv4/ip_nonlocal_bind")
_FILE_CAPABILITY = "security.capability"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningPlace:
    """Where a service listens; ``path`` is the key in the platform file."""

    address: str
    port: int
    path: KeyPath = ()


async def read_machine_facts(
    version: EngineVersion, binary: Path, *, timeout: float = 3.0
) -> MachineFacts:
    """Return the facts of this machine; looks for newer engines, at most ``timeout`` seconds each."""
    newer = await find_newer(version, besides=binary, timeout=timeout)
    return MachineFacts(
        addresses=await asyncio.to_thread(read_addresses),
        binds_any_address=_binds_any_address(),
        descriptor_limit=descriptor_limit(),
        threads=os.cpu_count() or 1,
        engine=version.text,
        tls_library=version.tls_library,
        newer_engines=tuple(described(item) for item in newer),
    )


def with_current_addresses(facts: MachineFacts, balance: Balance) -> MachineFacts:
    """Return ``facts`` with the machine's addresses of this moment; takes microseconds.

    Addresses of services count as the machine's where a socket can be bound to them, whatever the
    interfaces say.
    """
    wanted = {place.address for place in places_of(balance)}
    found = read_addresses()
    return replace(
        facts,
        addresses=found | bindable(wanted - found),
        binds_any_address=_binds_any_address(),
    )


def descriptor_limit() -> int:
    """Return how many files the engine may open: the hard limit, to which it raises its own."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit != resource.RLIM_INFINITY:
        return limit
    try:
        return int(Path("/proc/sys/fs/nr_open").read_text("ascii"))
    except (OSError, ValueError):
        return 1024 * 1024


def find_ca_bundle() -> Path | None:
    """Return the file with this machine's authorities, None when there is none."""
    paths = ssl.get_default_verify_paths()
    candidates = [os.environ.get(paths.openssl_cafile_env), *CA_BUNDLES, paths.cafile]
    return next((Path(item) for item in candidates if item and Path(item).is_file()), None)


def places_of(balance: Balance) -> tuple[ListeningPlace, ...]:
    """Return every address and port the services listen on."""
    return tuple(
        ListeningPlace(address=address, port=port, path=("services", service.name, key))
        for service in balance.services
        for address, port, key in dict.fromkeys(listening_places(service))
    )


def places_loaded(loaded: Compiled | None) -> frozenset[tuple[str, int]]:
    """Return the addresses and ports of a configuration that our engine already runs."""
    if loaded is None:
        return frozenset()
    return frozenset(
        (bind.address, bind.port)
        for frontend in loaded.config.frontends
        for bind in frontend.binds
        if bind.port is not None
    )


async def check_ports(
    balance: Balance,
    loaded: Compiled | None,
    *,
    file: PlatformFile | None = None,
    own_pids: Collection[int] = (),
    binary: Path | None = None,
) -> None:
    """Raise InvalidInput for every address that is not here and every port that is not ours to take.

    ``loaded`` is what our engine runs now: its ports are ours. ``own_pids`` are its processes, for an
    engine that was found running. With ``file`` the faults carry their lines.
    """
    faults = await asyncio.to_thread(
        find_port_faults,
        places_of(balance),
        places_loaded(loaded),
        own_pids=own_pids,
        binary=binary,
    )
    raise_problems(
        [
            file.problem(place.path, fault.message, fault.hint) if file else fault
            for place, fault in faults
        ]
    )


def find_port_faults(
    places: Iterable[ListeningPlace],
    ours: Collection[tuple[str, int]],
    *,
    own_pids: Collection[int] = (),
    binary: Path | None = None,
) -> tuple[tuple[ListeningPlace, Problem], ...]:
    """Return the places that the engine could not listen on, each with what is in the way.

    Found by binding a socket to each for a moment. ``binary`` is the engine: with a file capability
    (setcap) it may use low ports although this process may not.
    """
    faults = []
    listeners = Listeners()
    for place in places:
        if _is_ours(place, ours):
            continue
        code = bind_error(place.address, place.port)
        if code == errno.EADDRINUSE:
            told = _taken(place, listeners.find(place.address, place.port), own_pids)
        else:
            told = None if code is None else _explain(code, place, binary)
        if told is not None:
            message, hint = told
            path = ".".join(str(part) for part in place.path)
            faults.append((place, Problem(message=message, path=path, hint=hint)))
    return tuple(faults)


def _is_ours(place: ListeningPlace, ours: Collection[tuple[str, int]]) -> bool:
    # The very place first: comparing addresses with each other takes milliseconds for 50 services.
    return (place.address, place.port) in ours or any(
        port == place.port and conflicts(address, place.address) for address, port in ours
    )


def _explain(code: int, place: ListeningPlace, binary: Path | None) -> tuple[str, str] | None:
    """Return message and hint for a failed bind, None when it is no obstacle to the engine."""
    where = f"{place.address} port {place.port}"
    if code == errno.EACCES:
        if binary is not None and _has_file_capability(binary):
            return None
        return (
            f"{where} needs a right that this user does not have",
            "run switchover as root, give it CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities), or "
            f"lower net.ipv4.ip_unprivileged_port_start to {place.port}",
        )
    if code == errno.EADDRNOTAVAIL:
        return (
            f"{place.address} is not an address of this machine",
            f"add it (ip address add {place.address}/PREFIX dev INTERFACE), or with VRRP set "
            "net.ipv4.ip_nonlocal_bind = 1",
        )
    if code == errno.EAFNOSUPPORT:
        return f"{place.address}: this machine has no IPv6", "use an IPv4 address"
    return f"{where} can not be used: {os.strerror(code)}", ""


def _taken(
    place: ListeningPlace, holder: Holder | None, own_pids: Collection[int]
) -> tuple[str, str] | None:
    where = f"{place.address} port {place.port}"
    hint = "stop that program, or give the service another address or port"
    if holder is None:
        # Behind a network namespace border or just gone: the bind is what counts.
        return f"{where} is used by another program", hint
    if any(pid in own_pids or parent_of(pid) in own_pids for pid in holder.pids):
        return None
    if os.getpid() in holder.pids:
        return f"{where} is used by switchover itself", "give the service another port"
    return f"{where} is used by {holder}", hint


def _has_file_capability(binary: Path) -> bool:
    try:
        return bool(os.getxattr(binary.resolve(), _FILE_CAPABILITY))
    except OSError:
        return False


def _binds_any_address() -> bool:
    try:
        return NONLOCAL_BIND.read_text("ascii").strip() == "1"
    except OSError:
        return False


def described(newer: NewerEngine) -> str:
    """Return an engine that is ahead of ours in words: ``HAProxy 3.0.11 with OpenSSL 3.5.1 at ...``."""
    version = newer.engine.version
    library = f" with {version.tls_library}" if version.tls_library else ""
    place = f"at {newer.engine.path}" if newer.engine.path else "in the distribution"
    return f"HAProxy {version.text}{library} {place}"
