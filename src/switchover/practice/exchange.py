"""The web front end of a practice server: Exchange's virtual directories, SOGo, Roundcube, DAV.

Each request is answered by the workload whose path it asks for, so one workload can break while its
neighbours on the same port go on. Every answer says which server gave it and who it took the client
for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from switchover import clock
from switchover.practice import pages
from switchover.practice.faults import Fault
from switchover.practice.http1 import read_request
from switchover.practice.pages import Visit
from switchover.practice.sign_in import SignIn, judge
from switchover.practice.workloads import WELL_KNOWN_PATHS, Page, WebPaths

if TYPE_CHECKING:
    from switchover.practice.connection import Connection
    from switchover.practice.http1 import Reply
    from switchover.practice.running import RunningServer

_NONCE_BYTES = 8
_TORN_PAUSE_SECONDS = 0.01
_STATUS = {Fault.UNAVAILABLE: 503, Fault.UNAUTHORIZED: 401, Fault.MISDIRECTED: 421}


class WebFrontEnd:
    """Serves the web workloads of one server; one call of :meth:`serve` per connection."""

    def __init__(self, running: RunningServer) -> None:
        """Take the server to play."""
        self._running = running
        self._paths = WebPaths(running.spec.runs)

    async def serve(self, connection: Connection) -> None:
        """Answer requests until the client is done or a fault ends the connection.

        Raises:
            OSError, EOFError, InvalidInput: the connection ended or the client talks nonsense.
        """
        state, served = SignIn(), 0
        while request := await read_request(connection.reader, connection.writer):
            served += 1
            verdict = judge(
                state,
                request.fields.get("authorization"),
                password=self._running.password,
                nonce=clock.new_secret(size_bytes=_NONCE_BYTES).encode()[:_NONCE_BYTES],
            )
            state = verdict.state
            visit = Visit(
                server=self._running.name,
                connection=connection,
                request=request,
                workload=self._paths.find(request.path),
                verdict=verdict,
                served=served,
            )
            connection.workload = visit.workload.name if visit.workload else None
            connection.busy = True
            reply = await self._play(visit)
            keeps_alive, head_only = request.keeps_alive, request.method == "HEAD"
            await connection.send(reply.render(head_only=head_only, keeps_alive=keeps_alive))
            connection.busy = False
            if not keeps_alive:
                return

    async def _play(self, visit: Visit) -> Reply:
        """Return the answer, or what the fault in force makes of it."""
        name = visit.workload.name if visit.workload else None
        reply: Reply | None = None
        if self._running.fault(name) in {None, Fault.WRONG_CERTIFICATE}:
            reply = await self._answer(visit)
        # Looked at again when the answer is ready: a long poll may have lived into a fault.
        spoiled = await self._running.admit(visit.connection, name)
        if spoiled is None:
            reply = reply or await self._answer(visit)
            self._count(visit)
            return reply
        if name:
            self._running.tallies[name].spoiled += 1
        if spoiled.fault is Fault.RESET:
            await self._tear(visit)
        return pages.refusal(visit, _STATUS[spoiled.fault])

    async def _answer(self, visit: Visit) -> Reply:
        """Return what a healthy server says."""
        workload, verdict = visit.workload, visit.verdict
        if verdict.answer:
            return pages.demand(visit, (("WWW-Authenticate", verdict.answer),))
        if verdict.denied or (verdict.user is None and visit.wants_sign_in):
            return pages.demand(visit)
        if workload is None or visit.path in WELL_KNOWN_PATHS:
            return pages.outside(visit, self._paths)
        if workload.healthcheck and visit.path.endswith(pages.HEALTHCHECK):
            return pages.healthcheck(visit)
        return await self._show(visit, workload.page)

    async def _show(self, visit: Visit, page: Page) -> Reply:
        is_options = visit.request.method == "OPTIONS"
        match page:
            case Page.LOGIN_FORM if not visit.wants_sign_in:
                return pages.login_form(visit)
            case Page.DAV if is_options:
                return pages.dav_options(visit)
            case Page.ACTIVESYNC if is_options:
                return pages.activesync_options(visit)
            case Page.ACTIVESYNC:
                return await self._activesync(visit)
            case _:
                return pages.facts(visit)

    async def _activesync(self, visit: Visit) -> Reply:
        """Hold a Ping until its heartbeat is over or somebody sends mail through this server."""
        command = visit.request.query.get("Cmd", "")
        if command == "SendMail":
            self._running.mail_arrived.beat()
        if command != "Ping":
            return pages.facts(visit)
        mail = await self._running.hold(visit.connection, pages.heartbeat_seconds(visit.request))
        # Status 1: the heartbeat is over without news; 2: there are changes (MS-ASCMD 2.2.3.177.11).
        return pages.as_json(visit, {"server": visit.server, "status": 2 if mail else 1})

    async def _tear(self, visit: Visit) -> None:
        """Send half a response, then reset."""
        await visit.connection.send(pages.torn(visit))
        # A reset throws away what the kernel has not sent, and the half must be seen.
        await asyncio.sleep(_TORN_PAUSE_SECONDS)
        visit.connection.abort()
        raise ConnectionAbortedError("torn on command")

    def _count(self, visit: Visit) -> None:
        if visit.workload is None:
            return
        tally = self._running.tallies[visit.workload.name]
        if visit.is_check:
            tally.checks += 1
        else:
            tally.requests += 1
