"""Runs load against an engine: wrk for as many requests as it takes, clients.py for timed ones."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import Cores

HERE = Path(__file__).parent
MAX_FAILED_SHARE = 0.001

_SCRIPT = """
local requests = {{ {requests} }}
local turn = 0
function wrk.resolve(host, service) wrk.addrs = wrk.lookup("{address}", service) end
function request() turn = turn % #requests + 1; return requests[turn] end
function done(summary, latency, all)
  local e = summary.errors
  io.write(string.format("COUNTED %d %d\\n", summary.requests,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""
_COUNTED = re.compile(r"COUNTED (\d+) (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where clients knock. ``line`` means IMAP-like lines, else HTTP/1.1."""

    address: str
    port: int
    tls: bool = True
    line: bool = False
    names: tuple[str, ...] = ("mail.contoso.example",)
    paths: tuple[str, ...] = ("/owa/",)


async def press(
    door: Door, *, seconds: float, connections: int, new: bool, cores: Cores, scratch: Path
) -> int:
    """Ask as fast as answers come; return how many exchanges ended well."""
    if door.line:
        found = await time_exchanges(
            door, seconds=seconds, connections=connections, new=new, cores=cores
        )
        return len(found)
    return await _wrk(
        door, seconds=seconds, connections=connections, new=new, cores=cores, scratch=scratch
    )


async def _wrk(
    door: Door, *, seconds: float, connections: int, new: bool, cores: Cores, scratch: Path
) -> int:
    total = 0
    failed = 0
    # One name for each run of wrk: it asks for the name in its URL in every handshake.
    share = max(1.0, seconds / len(door.names))
    for name in door.names:
        script = scratch / "load.lua"
        script.write_text(_SCRIPT.format(requests=_requests(door, name, new), address=door.address))
        scheme = "https" if door.tls else "http"
        output = await run(
            ["taskset", "-c", str(cores.load), "wrk", "-t1", f"-c{connections}", f"-d{share:.0f}s",
             "--timeout", "5s", "-s", str(script), f"{scheme}://{name}:{door.port}/"]
        )  # fmt: skip
        counted = _COUNTED.search(output)
        if counted is None:
            raise SystemExit(f"wrk did not count: {output[-500:]}")
        total += int(counted[1])
        failed += int(counted[2])
    if total == 0 or failed > total * MAX_FAILED_SHARE:
        raise SystemExit(f"{failed} of {total} requests failed at {door}")
    return total - failed


def _requests(door: Door, name: str, new: bool) -> str:
    close = "Connection: close\\r\\n" if new else ""
    return ", ".join(
        f'"GET {path} HTTP/1.1\\r\\nHost: {name}\\r\\nUser-Agent: bench\\r\\nAccept: */*\\r\\n{close}\\r\\n"'
        for path in door.paths
    )


async def time_exchanges(
    door: Door,
    *,
    seconds: float,
    new: bool,
    cores: Cores,
    rate: float | None = None,
    connections: int = 32,
    resume: bool = False,
    warm_seconds: float = 0.5,
) -> list[int]:
    """Return the latency of each exchange in microseconds; see clients.py for the two loops."""
    order: dict[str, Any] = {
        "address": door.address,
        "port": door.port,
        "tls": door.tls,
        "line": door.line,
        "names": door.names,
        "paths": door.paths,
        "seconds": seconds,
        "rate": rate,
        "new": new,
        "connections": connections,
        "resume": resume,
        "warm_seconds": warm_seconds,
    }
    command = ["taskset", "-c", str(cores.load), sys.executable, str(HERE / "clients.py")]
    account = json.loads(await run([*command, json.dumps(order)], cores if rate else None))
    if account["done"] == 0 or account["failed"] > account["done"] * MAX_FAILED_SHARE:
        raise SystemExit(f"{account['failed']} of {account['done']} exchanges failed at {door}")
    if resume and account["resumed"] < account["done"] * 0.9:
        raise SystemExit(f"only {account['resumed']} of {account['done']} handshakes were resumed")
    return list(account["microseconds"])


@asynccontextmanager
async def held(door: Door, *, connections: int, cores: Cores) -> AsyncIterator[None]:
    """Hold connections that have asked once, until the block ends."""
    order = {
        "address": door.address, "port": door.port, "tls": door.tls, "line": door.line,
        "names": door.names, "paths": door.paths, "seconds": 0, "connections": connections,
        "hold": True,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(cores.load), sys.executable, str(HERE / "clients.py"),
        json.dumps(order), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        if await process.stdout.readline() != b"held\n":
            raise SystemExit(f"{connections} connections could not be held at {door}")
        yield
    finally:
        process.stdin.close()
        await process.wait()


async def run(command: Sequence[str], preferred: Cores | None = None) -> str:
    """Return what a command prints; end the benchmark when it fails.

    Only clients whose latency is measured are preferred: they use a part of their core.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    if preferred is not None:
        preferred.prefer(process.pid)
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)[:200]} failed: {errors.decode()[-1500:]}")
    return output.decode()
