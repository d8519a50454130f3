"""What a running engine lists on demand: sessions, frontends, certificates, entries of maps and lists.

HAProxy 2.8 management guide, section 9.3; the answers are those of 2.8.25.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from switchover.errors import Corrupt

_SESSION_FIELD = re.compile(r"(\w+)=(\S+)")
_ACCEPTED = re.compile(
    r"\s*0x[0-9a-f]+: \[([0-9]{1,2})/([A-Z][a-z]{2})/([0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)\]"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FINGERPRINT = re.compile(r"^SHA1 FingerPrint: ([0-9A-F]{40})$", re.MULTILINE)
_CHAIN = re.compile(r"^Chain Subject: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """One session of ``show sess``; ``server`` is empty while none is chosen.

    ``number`` names it to the engine. What stands there as its age is not used: 2.8.25 writes the time since
    1970 for every session (``parse_accepted`` has the moment it began).
    """

    number: str
    source: str
    frontend: str
    backend: str
    server: str


def parse_sessions(text: str) -> tuple[Connected, ...]:
    """Return the sessions in ``show sess``, without those of the engine's own sockets."""
    result = []
    for line in text.splitlines():
        found = dict(_SESSION_FIELD.findall(line))
        if "src" not in found or found.get("fe", "GLOBAL") == "GLOBAL":
            continue
        result.append(
            Connected(
                number=line.partition(":")[0],
                source=found["src"],
                frontend=found["fe"],
                backend=_unless_none(found.get("be", "")),
                server=_unless_none(found.get("srv", "")),
            )
        )
    return tuple(result)


def parse_accepted(text: str) -> float | None:
    """Return when the session of ``show sess NUMBER`` began, in seconds of the epoch; None if it has ended.

    The engine writes its local time, which is ours: it was started by us.
    """
    found = _ACCEPTED.match(text)
    if found is None:
        return None
    try:
        local = time.strptime(
            f"{found[1]} {_MONTHS.index(found[2]) + 1} {found[3]}", "%d %m %Y:%H:%M:%S"
        )
        return time.mktime(local) + float(found[4])
    except (ValueError, OverflowError):
        return None


class FrontendState(NamedTuple):
    """A frontend as the engine has it; ``limit`` is the most connections it takes at a time.

    ``status`` is OPEN, FULL, PAUSED (``disable frontend``: it can listen again) or STOP (``shutdown
    frontend``: only a reload brings it back).
    """

    name: str
    status: str
    limit: int


def parse_frontends(text: str) -> tuple[FrontendState, ...]:
    """Return the frontends in ``show stat -1 1 -1``; raises Corrupt for anything else."""
    header, _, body = text.partition("\n")
    names = header.removeprefix("# ").split(",")
    try:
        wanted = itemgetter(*map(names.index, ("pxname", "status", "slim")))
        cells = (wanted(line.split(",")) for line in body.splitlines() if line)
        return tuple(FrontendState(name, status, int(limit)) for name, status, limit in cells)
    except (ValueError, IndexError) as error:
        raise Corrupt(f"not an engine's list of frontends ({error}): {text[:80]!r}") from error


def parse_server_limits(text: str) -> dict[tuple[str, str], int]:
    """Return the limits in ``show stat -1 4 -1`` by backend and server, without those that have none.

    Only the first columns of each row are read, for there may be thousands of rows with a hundred each.
    """
    header, _, body = text.partition("\n")
    names = header.removeprefix("# ").split(",")
    try:
        backend, server, limit = map(names.index, ("pxname", "svname", "slim"))
        last = max(backend, server, limit) + 1
        rows = (line.split(",", last) for line in body.splitlines() if line)
        return {(row[backend], row[server]): int(row[limit]) for row in rows if row[limit]}
    except (ValueError, IndexError) as error:
        raise Corrupt(f"not an engine's list of servers ({error}): {text[:80]!r}") from error


def parse_fingerprint(text: str) -> str:
    """Return the SHA-1 fingerprint (lower-case hex) in ``show ssl cert NAME``; raises Corrupt without one."""
    found = _FINGERPRINT.search(text)
    if found is None:
        raise Corrupt(f"not an engine's description of a certificate: {text[:80]!r}")
    return found[1].lower()


def parse_chain(text: str) -> tuple[str, ...]:
    """Return the names of the certificates behind the first one in ``show ssl cert NAME``, in order."""
    return tuple(_CHAIN.findall(text))


def parse_authorities(text: str) -> frozenset[str]:
    """Return the SHA-1 fingerprints (lower-case hex) in ``show ssl ca-file NAME``."""
    return frozenset(found.lower() for found in _FINGERPRINT.findall(text))


def parse_map(text: str) -> tuple[tuple[str, str], ...]:
    """Return the (key, value) entries of ``show map NAME`` in the engine's order."""
    entries = []
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) >= 2 and words[0].startswith("0x"):
            entries.append((words[1], words[2] if len(words) > 2 else ""))
    return tuple(entries)


def parse_list(text: str) -> tuple[str, ...]:
    """Return the patterns of ``show acl NAME`` in the engine's order."""
    words = (line.split(None, 1) for line in text.splitlines())
    return tuple(found[1] for found in words if len(found) == 2 and found[0].startswith("0x"))


def _unless_none(name: str) -> str:
    return "" if name.startswith("<") else name
