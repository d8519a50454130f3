"""Processes, addresses and directories of a test's own, and waiting for what they do.

Directories are short, in memory where there is enough, and every user may enter them (PostgreSQL runs as
another user when the tests run as root); addresses are loopback ones that no other test process uses, so nobody ever waits for a port.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from switchover import clock

Value = TypeVar("Value")

_numbers = itertools.count()


def loopback() -> str:
    """Return a loopback address that no other test uses, in this process or another that runs beside it."""
    number, own = next(_numbers) % 4096, os.getpid() % 2048
    return f"127.{64 + number % 128}.{number // 128 << 3 | own >> 8}.{own & 255}"


def scratch() -> str:
    """Return where no disk is waited for, if there is room and programs can run there (not in every container)."""
    memory = "/dev/shm"
    is_usable = (
        Path(memory).is_dir()
        # A container gives it 64 MB by default, which is less than one cluster.
        and shutil.disk_usage(memory).free > 2 * 1024**3
        and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    )
    return memory if is_usable else "/tmp"


@contextlib.contextmanager
def short_directory(*, on_disk: bool = False) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="sw-", dir="/tmp" if on_disk else scratch()))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def eventually(
    claim: Callable[[], Value | Awaitable[Value]], *, seconds: float = 10.0, every: float = 0.05
) -> Value:
    """Return what ``claim`` gives once it is true; fail with its last value when the time is over."""
    deadline = clock.monotonic() + seconds
    while True:
        given = claim()
        value = cast("Value", await given if isinstance(given, Awaitable) else given)
        if value:
            return value
        assert clock.monotonic() < deadline, f"not within {seconds:g} s, last seen: {value!r}"
        await asyncio.sleep(every)


async def shown_certificate(
    address: str, port: int, *, name: str = "mail.contoso.example"
) -> bytes:
    """Return the certificate that a new client is shown, in DER form."""

    def ask() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection((address, port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=name) as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""

    return await asyncio.to_thread(ask)


def is_running(pid: int) -> bool:
    """Return whether the process is there; one that only waits to be reaped is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def spawn(
    module: str,
    *arguments: str,
    stdout: int | None = None,
    stderr: Any = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=clean_environment(environment or {}),
    )


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    # Bytecode is cached, or every process would compile all it imports: seconds for each start.
    unwanted = ("SWITCHOVER_", "PYTHONDONTWRITEBYTECODE")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    return {**clean, "PYTHONWARNINGS": "ignore", **more}


def end(process: subprocess.Popen[bytes], *, seconds: float = 20.0) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
