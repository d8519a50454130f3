"""The files a platform file names: certificates, authorities, sorry pages. Pure.

What the engine could not load or use is a fault with its place in the file, and nothing is applied;
what it would serve although clients complain (an expired certificate, a missing name) is lint's.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.balance.certificate import read_authorities, read_presented, read_shown
from switchover.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchover.balance.certificate import CertificateFacts, CertificateFile
    from switchover.balance.virtual_service import Balance, VirtualService
    from switchover.model.platform_file.read import PlatformFile
    from switchover.model.platform_file.tree import Path

LARGEST_CERTIFICATE_FILE_BYTES = 2 * 1024 * 1024
"""Room for the authorities of a whole distribution (0.2 MB) ten times over."""

LARGEST_PAGE_BYTES = 15_000
"""The engine answers a page from one buffer: 16,384 bytes (tune.bufsize), of which 1,024 stay free
(tune.maxrewrite) and the headers take their part. Measured with 2.8: 16,140 bytes of page load,
beyond 15,100 with a warning."""


class Use(StrEnum):
    """What a file is for."""

    SHOWN = "certificate and key shown to clients"
    RECORDED = "certificate a server presents"
    AUTHORITY = "authority that signed the servers' certificates"
    PAGE = "sorry page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One mention of a file in the platform file; ``path`` is the key, without list position."""

    file: str
    use: Use
    path: Path
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Facts of the files that could be read, by file name."""

    shown: Mapping[str, CertificateFile] = field(default_factory=dict)
    recorded: Mapping[str, CertificateFile] = field(default_factory=dict)
    authorities: Mapping[str, tuple[CertificateFacts, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAssets:
    """What the files hold, and every fault found in them."""

    assets: Assets
    problems: tuple[Problem, ...] = ()


def references(balance: Balance) -> tuple[Reference, ...]:
    """Return every mention of a file, in the order of services and servers."""
    found = [item for service in balance.services for item in _of_service(service)]
    found.extend(
        Reference(
            file=server.certificate, use=Use.RECORDED, path=("servers", server.name, "certificate")
        )
        for server in balance.servers.values()
        if server.certificate
    )
    return tuple(found)


def file_names(balance: Balance) -> tuple[str, ...]:
    """Return the name of every file to load, sorted, each once."""
    return tuple(sorted({item.file for item in references(balance)}))


def check_assets(
    file: PlatformFile, balance: Balance, contents: Mapping[str, bytes]
) -> CheckedAssets:
    """Return the facts of every referenced file and what is wrong with them.

    ``contents`` maps file names to bytes. A file with a fault is reported at every key that names it.
    """
    check = _AssetCheck(contents)
    problems = []
    for reference in references(balance):
        fault = check.fault_of(reference)
        if fault is not None:
            path = _path_in_file(file, reference)
            problems.append(file.problem(path, fault.message, fault.hint))
    assets = Assets(shown=check.shown, recorded=check.recorded, authorities=check.authorities)
    return CheckedAssets(assets=assets, problems=tuple(problems))


class _AssetCheck:
    """Reads each file once for each use, however many services name it."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = contents
        self.shown: dict[str, CertificateFile] = {}
        self.recorded: dict[str, CertificateFile] = {}
        self.authorities: dict[str, tuple[CertificateFacts, ...]] = {}
        self._faults: dict[tuple[str, Use], Problem | None] = {}

    def fault_of(self, reference: Reference) -> Problem | None:
        key = (reference.file, reference.use)
        if key not in self._faults:
            self._faults[key] = self._read(reference.file, reference.use)
        return self._faults[key]

    def _read(self, name: str, use: Use) -> Problem | None:
        content = self.contents.get(name)
        if content is None:
            return self._missing(name, use)
        if use is Use.PAGE:
            return page_fault(content, name=name)
        if len(content) > LARGEST_CERTIFICATE_FILE_BYTES:
            return Problem(message=f"{name!r} has {len(content):,} bytes; is it really PEM?")
        try:
            self._read_certificate(name, use, content)
        except InvalidInput as error:
            return error.problems[0]
        return None

    def _read_certificate(self, name: str, use: Use, content: bytes) -> None:
        if use is Use.SHOWN:
            self.shown[name] = read_shown(content, name=name)
        elif use is Use.RECORDED:
            self.recorded[name] = read_presented(content, name=name)
        else:
            self.authorities[name] = read_authorities(content, name=name)

    def _missing(self, name: str, use: Use) -> Problem:
        close = difflib.get_close_matches(name, self.contents, n=1, cutoff=0.6)
        hint = f"did you mean {close[0]!r}?" if close else "put it beside the platform file"
        return Problem(message=f"the file {name!r} ({use}) is missing", hint=hint)


def page_fault(content: bytes, *, name: str) -> Problem | None:
    """Return what keeps a sorry page from being shown, None when it fits."""
    if len(content) > LARGEST_PAGE_BYTES:
        return Problem(
            message=f"the sorry page {name!r} has {len(content):,} bytes; "
            f"the engine can answer {LARGEST_PAGE_BYTES:,}",
            hint="shrink pictures, or run a sorry server: sorry: {address: 192.0.2.99, port: 80}",
        )
    if not content.strip():
        return Problem(message=f"the sorry page {name!r} is empty")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(
            message=f"byte 0x{content[error.start]:02x} in line {line} of the sorry page {name!r} "
            "is not UTF-8",
            hint="save the page as UTF-8; it is sent with that character set",
        )
    return None


def _of_service(service: VirtualService) -> Iterator[Reference]:
    path = ("services", service.name)
    for position, name in enumerate(service.tls.certificate):
        yield Reference(
            file=name, use=Use.SHOWN, path=(*path, "tls", "certificate"), position=position
        )
    if service.tls.server_ca:
        yield Reference(
            file=service.tls.server_ca, use=Use.AUTHORITY, path=(*path, "tls", "server_ca")
        )
    sorry = service.sorry
    if sorry and sorry.certificate:
        yield Reference(file=sorry.certificate, use=Use.SHOWN, path=(*path, "sorry", "certificate"))
    if sorry and sorry.page:
        yield Reference(file=sorry.page, use=Use.PAGE, path=(*path, "sorry", "page"))


def _path_in_file(file: PlatformFile, reference: Reference) -> Path:
    """One file name may stand for a list of one: only a written list has positions."""
    listed = (*reference.path, reference.position)
    return listed if listed in file.tree.places else reference.path
