"""Runs everything on one machine until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import uvicorn

from switchover.app import open_switchover, require_unserved
from switchover.edges.api.server import create_app
from switchover.edges.connections import Connections, bounded, most_files
from switchover.edges.own_names import address_to_open, names_of
from switchover.edges.tls import ConsoleTls
from switchover.edges.worker import run_worker
from switchover.errors import Unavailable
from switchover.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.app import Switchover
    from switchover.settings import Settings

logger = logging.getLogger(__name__)


def serve_forever(
    *,
    data: Path | None,
    api: str | None,
    haproxy: Path | None,
    keep_engine: bool | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> None:
    """Serve until SIGTERM or SIGINT; a second signal does not hurry the clean stop."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
    )
    settings = read_settings(
        os.environ,
        data=data,
        api=api,
        haproxy=haproxy,
        keep_engine=keep_engine,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if not settings.api.is_loopback and not settings.has_tls:
        logger.warning(
            "api=%s passwords and tokens travel in the clear there: leave SWITCHOVER_TLS on, or keep it "
            "on loopback with TLS in front",
            settings.api,
        )
    # First of all, before anything is attached to or started that would have to be put back.
    listening = bind_api(settings)
    async with open_switchover(settings) as switchover:
        await run_until(switchover, stop, listening)
    logger.info("state=stopped")


async def run_until(switchover: Switchover, stop: asyncio.Event, listening: socket.socket) -> None:
    """Run API and worker until ``stop``; raises if either ends by itself."""
    async with _serving(switchover, listening) as url:
        tasks = [asyncio.create_task(run_worker(switchover)), asyncio.create_task(stop.wait())]
        port = listening.getsockname()[1]
        logger.info(
            "state=serving api=%s open=%s data=%s",
            url,
            address_to_open(switchover.settings, port),
            switchover.settings.data_dir,
        )
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for task in done:
            task.result()


@contextlib.asynccontextmanager
async def _serving(switchover: Switchover, listening: socket.socket) -> AsyncIterator[str]:
    """Serve the API and write down where, so that the local command line finds it."""
    settings = switchover.settings
    await asyncio.to_thread(names_of, settings)  # DNS may be slow; from here on they are known
    app = create_app(switchover)
    tls = ConsoleTls(settings) if settings.has_tls else None
    config = uvicorn.Config(
        app,
        http=bounded(_bounds(settings), tls.context if tls else None),
        host=settings.api.host,
        port=settings.api.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=3,
        # Nobody is believed by default: who writes the header chooses what the throttle and the audit see.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    watching = _watch(tls)
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn announces it no other way
        await asyncio.sleep(0.01)
    port = listening.getsockname()[1]
    host = f"[{settings.api.host}]" if ":" in settings.api.host else settings.api.host
    url = f"{'https' if tls else 'http'}://{host}:{port}"
    written = settings.data_dir / "api.url"
    written.write_text(url, "ascii")
    try:
        yield url
    finally:
        # Whoever gets the port next must not be sent our tokens.
        written.unlink(missing_ok=True)
        await app.state.live.close()  # streams end by themselves only after a minute
        await app.state.proof.close()
        server.should_exit = True
        await task
        if tls and watching:
            watching.cancel()
            tls.forget()


def _bounds(settings: Settings) -> Connections:
    """Return how many connections there may be; says in the log when it is less than was asked for."""
    known = Connections.of(settings, most_files=most_files())
    if known.most < settings.api_connections:
        logger.warning(
            "connections=%d fewer than the setting's %d: this process may open too few files; raise the "
            "limit (systemd: LimitNOFILE)",
            *(known.most, settings.api_connections),
        )
    return known


def _watch(tls: ConsoleTls | None) -> asyncio.Task[None] | None:
    """Look after the certificate: at SIGHUP at once, else now and then."""
    if tls is None:
        return None
    loop = asyncio.get_running_loop()
    if not sys.stderr.isatty():  # else it says that the terminal was closed, which ends us
        loop.add_signal_handler(signal.SIGHUP, tls.reload)
    return loop.create_task(tls.watch())


def bind_api(settings: Settings) -> socket.socket:
    """Return a socket bound to the API's address.

    Raises Conflict when a running process serves this data directory already, else Unavailable when the
    address can not be had.

    We bind ourselves: uvicorn would end the whole process when the port is taken.
    """
    family = socket.AF_INET6 if ":" in settings.api.host else socket.AF_INET
    # With the protocol by its number: asyncio lets only such connections send small answers at once
    # (TCP_NODELAY); others wait 40 ms for the acknowledgement of what went before.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.api.host, settings.api.port))
    except OSError as error:
        listening.close()
        # The likeliest reason for a taken port is a process of ours: name that one then.
        require_unserved(settings)
        raise Unavailable(
            f"the API can not listen on {settings.api}: {error.strerror}; "
            "choose another with --api or SWITCHOVER_API"
        ) from error
    return listening


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: stopping is decided for the whole process at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield
