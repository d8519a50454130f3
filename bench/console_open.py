"""What open consoles cost: many event streams at once, and the processor time behind them.

The same seconds are measured with no console open and with all, while the same things happen: clients
ask for mail through a few services, and now and then a server is drained and comes back.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from console_seed import service_name
from console_visit import Visitor
from figures import table, verdict
from machine import family_seconds, look_busy, processor_seconds
from serving import Serving

BAR_CORES = 0.5
BUSY_SERVICES = 4
SERVICES_LOOKED_AT = 8
MOST_REFUSALS = 10
REQUESTS_PER_SECOND = 50.0
CHANGE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Cores that were busy: our process, the database, the engine, the whole machine; bytes each console got."""

    ours: float
    database: float
    engine: float
    machine: float
    bytes_per_second: float = 0.0

    @property
    def together(self) -> float:
        """What switchover used in all its parts."""
        return self.ours + self.database + self.engine


def measure_open(
    running: Serving, visitor: Visitor, consoles: int, seconds: float, settle: float
) -> dict[str, Any]:
    """Measure with none and with so many consoles, print the table, return the figures."""
    crowd = Visitor.crowd(running, consoles)  # before others speak to the API on that connection
    with _life(running):
        none = _measure(running, seconds)
        with _opened(visitor, crowd) as received:
            time.sleep(settle)
            began = received.count
            opened = _measure(running, seconds)
            each = (received.count - began) / seconds / consoles
            if received.lost:
                raise SystemExit(f"{received.lost} of {consoles} event streams could not be had")
    more = opened.together - none.together
    table(
        f"Cores in use while {consoles} consoles are open (bar: {BAR_CORES} more in all three together)",
        ("consoles", "our process", "database", "engine", "whole machine", "bytes/s each", ""),
        [
            _row(0, none, "", ""),
            _row(consoles, opened, f"{each:.0f}", verdict(more, BAR_CORES)),
        ],
    )  # fmt: skip
    return {
        "consoles": consoles,
        "open_cores": round(more, 3),
        "open_process_cores": round(opened.ours - none.ours, 3),
        "open_database_cores": round(opened.database - none.database, 3),
        "open_engine_cores": round(opened.engine - none.engine, 3),
        "without_cores": round(none.together, 3),
        "open_bytes_per_second_each": round(each),
        "open_refusals": received.refused,
    }


def _row(consoles: int, used: Used, each: str, holds: str) -> tuple[Any, ...]:
    cores = (f"{one:.3f}" for one in (used.ours, used.database, used.engine))
    return (consoles, *cores, f"{used.machine:.2f}", each, holds)


def _measure(running: Serving, seconds: float) -> Used:
    ours, database = processor_seconds(running.pid), family_seconds(running.database, "postgres")
    worker = running.engine().pid
    engine = processor_seconds(worker)
    busy, began = look_busy(), time.perf_counter()
    time.sleep(seconds)
    spent = time.perf_counter() - began
    return Used(
        ours=(processor_seconds(running.pid) - ours) / spent,
        database=(family_seconds(running.database, "postgres") - database) / spent,
        engine=(processor_seconds(worker) - engine) / spent,
        machine=look_busy().cores_since(busy),
    )


@contextmanager
def _life(running: Serving) -> Iterator[None]:
    """Let clients come and servers change until the block ends."""
    over = threading.Event()
    parts = [
        threading.Thread(target=lambda: asyncio.run(_clients(over))),
        threading.Thread(target=_change, args=(running, over)),
    ]
    for part in parts:
        part.start()
    try:
        yield
    finally:
        over.set()
        for part in parts:
            part.join()


async def _clients(over: threading.Event) -> None:
    # Those with even numbers pass through what comes; a connection that says nothing is one too.
    for number in itertools.cycle(range(2, 2 * BUSY_SERVICES + 1, 2)):
        if over.is_set():
            return
        try:
            _, writer = await asyncio.open_connection(f"127.17.4.{number}", 10443)
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(1 / REQUESTS_PER_SECOND)


def _change(running: Serving, over: threading.Event) -> None:
    for number in itertools.count():
        server = f"cas{number // 2 % SERVICES_LOOKED_AT * 10:04}"
        action = ("drain", "resume")[number % 2]
        running.api("POST", f"/servers/{server}/{action}", {"reason": "monthly updates"})
        if over.wait(CHANGE_SECONDS):
            return


class _Received:
    """Bytes that all consoles got, how often a stream was refused, and how many gave up."""

    def __init__(self) -> None:
        self.count = 0
        self.refused = 0
        self.lost = 0


@contextmanager
def _opened(visitor: Visitor, crowd: list[Visitor]) -> Iterator[_Received]:
    """Keep a console of each open: half at the overview, the others at services and lists."""
    addresses = [_address(number) for number in range(len(crowd))]
    topics = {address: _live(visitor.get(address).decode()) for address in set(addresses)}
    streams = [(who, topics[address]) for who, address in zip(crowd, addresses, strict=True)]
    received, over = _Received(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_watch(streams, received, over)))
    thread.start()
    try:
        yield received
    finally:
        over.set()
        thread.join()


def _address(number: int) -> str:
    if number % 2:
        return "/"
    kinds = ("/servers", "/services", "/events", "/services/{}", "/services/{}")
    return kinds[number // 2 % len(kinds)].format(service_name(number % SERVICES_LOOKED_AT + 1))


def _live(page: str) -> str:
    """Return the query with which the page's script asks for what changes."""
    topics = {
        topic for found in re.findall(r'data-live="([^"]*)"', page) for topic in found.split(",")
    }
    since = re.findall(r'data-live-since="([^"]*)"', page)
    words = {"topics": ",".join(sorted(topics - {""})), "since": min(since, default="")}
    return urllib.parse.urlencode(words)


async def _watch(
    streams: list[tuple[Visitor, str]], received: _Received, over: threading.Event
) -> None:
    readers = [asyncio.create_task(_keep_open(who, query, received)) for who, query in streams]
    while not over.is_set():
        await asyncio.sleep(0.1)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


async def _keep_open(visitor: Visitor, query: str, received: _Received) -> None:
    """Open a stream, and again when it was refused or has ended, as the page's script does."""
    refused = 0
    while refused < MOST_REFUSALS:
        if await _listen(visitor, query, received):
            refused = 0
        else:
            refused += 1
            received.refused += 1
        await asyncio.sleep(random.uniform(1.0, 1.5))
    received.lost += 1


async def _listen(visitor: Visitor, query: str, received: _Received) -> bool:
    """Read a stream to its end; False when there is none for us now."""
    reader, writer = await asyncio.open_connection(visitor.host, visitor.port)
    try:
        writer.write(visitor.request(f"/live?{query}", accept="text/event-stream"))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.splitlines()[0]:
            return False
        while part := await reader.read(1 << 16):
            received.count += len(part)
        return True
    finally:
        writer.close()
