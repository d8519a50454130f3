"""The servers behind: an HAProxy that answers at once, and a server of IMAP-like lines.

Cheap on purpose: they share a core with the load, and what is measured is what stands between.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engines import Engine, run_engine
from machine import Cores
from switchover.practice.certificates import KeyType, PracticeAuthority

HERE = Path(__file__).parent
NAME = "mail.contoso.example"
NAMES = {
    "owa": "owa.contoso.example",
    "activesync": "eas.contoso.example",
    "ews": "ews.contoso.example",
    "mapi": "mapi.contoso.example",
}
ANSWER = b"an answer of a few words\n.\n"
LARGE_ANSWER = b"x" * (12 * 1024 - 3) + b"\n.\n"
"""As large as HAProxy answers by itself: one buffer less its headers."""

_SERVER = """
global
    stats socket {directory}/admin.sock mode 600 level admin
    nbthread {threads}
    maxconn {connections}
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    timeout client 1h
    timeout http-request 1h
    timeout http-keep-alive 1h
    timeout connect 1s
    timeout server 1h
frontend web
{binds}
    timeout tarpit 1h
    http-request tarpit deny_status 200 if {{ path /wait }}
    http-request return status 200 content-type text/plain file {directory}/large if {{ path /large }}
    http-request return status 200 content-type text/plain file {directory}/answer
"""


def make_certificates(directory: Path, *, addresses: Sequence[str] = ()) -> None:
    """Write ``ca.pem``, ``mail.pem`` (ECDSA) and ``mail-rsa.pem``, good for every name used here."""
    directory.mkdir(exist_ok=True)
    authority = PracticeAuthority(directory)
    hosts = (NAME, "autodiscover.contoso.example", *NAMES.values(), *addresses)
    authority.issue("mail", hosts, KeyType.ECDSA)
    authority.issue("mail-rsa", hosts, KeyType.RSA)


@contextmanager
def web_servers(
    directory: Path,
    *,
    addresses: Sequence[str],
    certificate: Path,
    cores: Cores,
    connections: int = 8000,
    everywhere: bool = False,
    newest_tls: str = "",
) -> Iterator[Engine]:
    """Run servers that answer every path with 200: with TLS on port 10443, in clear on 10080.

    ``newest_tls`` is the highest version they speak (``TLSv1.2``), whatever the engine has if empty.

    The path ``/wait`` gets no answer for an hour, like a phone's long poll. They stay on the load's core unless they may run ``everywhere``.
    """
    directory.mkdir()
    (directory / "answer").write_bytes(ANSWER)
    (directory / "large").write_bytes(LARGE_ANSWER)
    newest = f" ssl-max-ver {newest_tls}" if newest_tls else ""
    binds = "\n".join(
        line
        for address in addresses
        for line in (
            f"    bind {address}:10443 ssl crt {certificate} alpn http/1.1{newest}",
            f"    bind {address}:10080",
        )
    )
    main = directory / "servers.cfg"
    used = {cores.load, cores.engine} if everywhere else {cores.load}
    text = _SERVER.format(
        directory=directory, binds=binds, connections=connections, threads=len(used)
    )
    main.write_text(text)
    with run_engine(
        main, cores=cores, on=",".join(map(str, used)), admin=directory / "admin.sock"
    ) as engine:
        yield engine


@contextmanager
def line_servers(addresses: Sequence[str], *, cores: Cores) -> Iterator[None]:
    """Run IMAP-like servers on port 10143."""
    process = subprocess.Popen(
        ["taskset", "-c", str(cores.load), sys.executable, str(HERE / "line_server.py")]
        + [f"{address}:10143" for address in addresses],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        if process.stdout.readline() != b"ready\n":
            raise SystemExit("the line server did not start")
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
