"""What clients meet at the virtual services of a running switchover, and what that adds up to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.integration.balance.families import APOLOGY, PAGE, SERVERS
from tests.integration.practice_farm import PATHS

from switchover.balance.prediction import Outcome, WorkloadPrediction
from switchover.balance.virtual_service import CarriedWorkload, VirtualService
from switchover.model.workload import Protocol, Transport
from switchover.practice.clients import FAILS, LineConnection, server_in
from switchover.practice.http_client import HttpConnection, client_tls
from switchover.practice.stories import Door

PATIENCE_SECONDS = 10.0
# Without a name for themselves, the practice servers would take them for health checks.
FIELDS = (("User-Agent", "client"), ("Connection", "close"))


class Met(StrEnum):
    """How one request ended."""

    GOOD = "good answer"
    BROKEN = "answer of a broken workload"
    PAGE = "page of the balancer"
    CLOSED = "closed"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One request: how it ended, and at which server; empty where none said its name."""

    met: Met
    server: str = ""
    page: str = ""

    @property
    def is_served(self) -> bool:
        """Whether a real server of the farm took the request."""
        return self.server in SERVERS


async def meet(service: VirtualService, item: CarriedWorkload, ca: Path) -> Meeting:
    """Ask for a workload once, over a connection of its own, as its users' programs do."""
    door = Door(
        service=service.name,
        workload=item.name,
        address=item.address or service.address,
        port=service.port,
        host=item.host or service.names[0],
        tls=service.is_decrypted or item.workload.transport is Transport.TLS,
        ca=ca,
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await _CONVERSATIONS[item.workload.protocol](door)
    except TimeoutError:
        return Meeting(met=Met.SILENT)
    except FAILS:
        return Meeting(met=Met.CLOSED)


async def _http(door: Door) -> Meeting:
    connection = await HttpConnection.open(
        door.address, door.port, host=door.host, tls=client_tls(door.ca)
    )
    try:
        answer = await connection.request("GET", f"{PATHS[door.workload]}/", fields=FIELDS)
    finally:
        await connection.close()
    server = answer.fields.get("x-practice-server")
    if server is None:
        return Meeting(met=Met.PAGE, page=f"{answer.status} {answer.body.decode()}")
    assert answer.fields["x-practice-workload"] == door.workload
    return Meeting(met=Met.GOOD if answer.status == 200 else Met.BROKEN, server=server)


async def _mail(door: Door, login: str, well: str) -> Meeting:
    lines = await LineConnection.open(door)
    try:
        server = server_in(await lines.read_reply()) or ""
        await lines.send(login)
        answer = await lines.read_reply()
    finally:
        await lines.close()
    return Meeting(met=Met.GOOD if answer.startswith(well) else Met.BROKEN, server=server)


async def _imap(door: Door) -> Meeting:
    return await _mail(door, 'a1 LOGIN "user@contoso.example" "practice"', "a1 OK")


async def _pop3(door: Door) -> Meeting:
    return await _mail(door, "USER user@contoso.example", "+OK")


async def _smtp(door: Door) -> Meeting:
    return await _mail(door, "EHLO client.contoso.example", "250")


_CONVERSATIONS: Mapping[Protocol, Callable[[Door], Awaitable[Meeting]]] = {
    Protocol.HTTP: _http,
    Protocol.IMAP: _imap,
    Protocol.POP3: _pop3,
    Protocol.SMTP: _smtp,
    Protocol.SUBMISSION: _smtp,
}


# --- what it adds up to ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a prediction and clients can both say of a workload; ``capacity``, ``failing`` in percent.

    ``remaining`` get its requests, ``answering`` answer them well, ``out`` are taken out by the engine.
    """

    outcome: str
    remaining: frozenset[str]
    answering: frozenset[str]
    out: frozenset[str]
    capacity: int
    failing: int

    def __str__(self) -> str:
        def listed(names: frozenset[str]) -> str:
            return "+".join(sorted(names)) or "none"

        return (
            f"{self.outcome}; requests to {listed(self.remaining)}, answered by "
            f"{listed(self.answering)}, out {listed(self.out)}, capacity {self.capacity} %, "
            f"failing {self.failing} %"
        )


def predicted(row: WorkloadPrediction) -> Row:
    """Return what a prediction says; who waits is neither in use nor out."""
    out = frozenset(item.server for item in row.taken_out)
    assert sorted((*row.remaining, *row.standby, *out)) == sorted(SERVERS)
    return Row(
        outcome=row.outcome,
        remaining=frozenset(row.remaining),
        answering=row.answering,
        out=out,
        capacity=round(row.share * 100),
        failing=round(row.failing * 100),
    )


def account_of(
    service: VirtualService, meetings: list[Meeting], out: frozenset[str], normal: int
) -> Row:
    """Return what clients met; ``normal`` is the weight of the servers that answer at rest."""
    good = frozenset(one.server for one in meetings if one.met is Met.GOOD and one.is_served)
    share = min(1.0, weight_of(service, good) / normal) if normal else 1.0
    failed = sum(one.met is not Met.GOOD for one in meetings)
    remaining = frozenset(one.server for one in meetings if one.is_served)
    return Row(
        outcome=outcome_of(service, meetings, share),
        remaining=remaining,
        answering=good,
        out=out,
        capacity=round(share * 100),
        failing=round(failed / len(meetings) * 100) if remaining else 0,
    )


def weight_of(service: VirtualService, names: frozenset[str]) -> int:
    return sum(real.weight for real in service.servers if real.name in names)


def outcome_of(service: VirtualService, meetings: list[Meeting], share: float) -> str:
    """Return the outcome in the prediction's word, or what was met where it has no word for that."""
    met = {one.met for one in meetings}
    if all(one.is_served for one in meetings):
        if met == {Met.GOOD}:
            return Outcome.WORKS if share == 1.0 else Outcome.REDUCED
        return Outcome.FAILS if met == {Met.BROKEN} else Outcome.FAILS_SOMETIMES
    if met == {Met.GOOD} and {one.server for one in meetings} == {APOLOGY}:
        return Outcome.SORRY_SERVER
    if met == {Met.PAGE} and all(is_apology(service, one.page) for one in meetings):
        return Outcome.SORRY_PAGE
    if met == {Met.CLOSED}:
        return Outcome.CLOSED
    return " or ".join(sorted({f"{one.met} {one.server or one.page[:60]}" for one in meetings}))


def is_apology(service: VirtualService, page: str) -> bool:
    own = f"<h1>{service.title} is not available</h1>"
    return page.startswith("503 ") and (PAGE if service.sorry else own) in page
