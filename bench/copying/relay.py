"""Distance: the relay of ``relay.c`` as a process, and what it can pass."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from copying.programs import build

PORTION = bytes(range(256)) * 1024
PORT = 20143


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where the relay listens and where that leads; addresses are ``IP:PORT``."""

    listen: str
    server: str


@contextlib.contextmanager
def distance(programs: Path, ways: Sequence[Way], *, round_trip_ms: float) -> Iterator[int]:
    """Run a relay until the block ends; gives its process id."""
    words = [f"{way.listen}={way.server}" for way in ways]
    with subprocess.Popen(
        [str(build("relay", programs)), str(round_trip_ms / 2), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as relay:
        try:
            assert relay.stdout is not None
            if relay.stdout.readline() != b"ready\n":
                raise SystemExit(f"the relay does not listen at {', '.join(words)}")
            yield relay.pid
        finally:
            relay.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What a relay did with a stream: megabytes a second, its round trip, and whether bytes are the same."""

    megabytes_per_second: float
    round_trip_ms: float
    is_exact: bool
    peak_mib: float


def try_relay(
    programs: Path,
    addresses: tuple[str, str],
    *,
    round_trip_ms: float,
    megabytes: int,
    stall_seconds: float = 0.0,
) -> Passed:
    """Send single bytes there and back, then a stream; its reader may stall after every 64 MB."""
    here, there = (f"{address}:{PORT}" for address in addresses)
    with (
        socket.create_server((addresses[1], PORT)) as server,
        distance(programs, [Way(listen=here, server=there)], round_trip_ms=round_trip_ms) as pid,
        socket.create_connection((addresses[0], PORT)) as near,
    ):
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far, _ = server.accept()
        with far:
            trips = [_round_trip(near, far) for _ in range(3)]
            speed, is_exact = _stream(
                near, far, megabytes * 1_000_000 // len(PORTION), stall_seconds
            )
        status = Path(f"/proc/{pid}/status").read_text("ascii")
        peak = next(
            int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")
        )
    return Passed(
        megabytes_per_second=speed,
        round_trip_ms=min(trips),
        is_exact=is_exact,
        peak_mib=peak / 1024,
    )


def _round_trip(near: socket.socket, far: socket.socket) -> float:
    begun = time.perf_counter()
    near.sendall(b"?")
    far.recv(1)
    far.sendall(b"!")
    near.recv(1)
    return (time.perf_counter() - begun) * 1000


def _stream(
    near: socket.socket, far: socket.socket, portions: int, stall_seconds: float
) -> tuple[float, bool]:
    """Return megabytes a second, and whether what arrived is what was sent."""
    sent, got = hashlib.sha256(), hashlib.sha256()
    chunks: list[bytes] = []
    since_stall = 0

    def send() -> None:
        for _ in range(portions):
            near.sendall(PORTION)
        near.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    begun = time.perf_counter()
    sender.start()
    while chunk := far.recv(1 << 20):
        chunks.append(chunk)
        since_stall += len(chunk)
        if stall_seconds and since_stall > 64_000_000:
            since_stall = 0
            time.sleep(stall_seconds)
    seconds = time.perf_counter() - begun
    sender.join()
    for _ in range(portions):
        sent.update(PORTION)
    for chunk in chunks:
        got.update(chunk)
    return portions * len(PORTION) / 1e6 / seconds, sent.digest() == got.digest()
