"""Breaks and mends the farm from another process: a small HTTP port on loopback, and its client.

Loopback is open to every user of the machine and to every page in a browser, so each request needs
the token from ``control.json``, which only the farm's owner can read.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web

from switchover import clock
from switchover.errors import (
    Conflict,
    Corrupt,
    InvalidInput,
    NotFound,
    Refused,
    SwitchoverError,
    Unavailable,
)
from switchover.practice.certificates import write_private
from switchover.practice.farm import WorkloadState
from switchover.practice.faults import Fault
from switchover.practice.json_input import as_object, read_json, take

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from switchover.practice.farm import Farm

CONTROL_FILE = "control.json"
TOKEN_HEADER = "X-Practice-Token"  # noqa: S105 - the name of a header
_LARGEST_REQUEST_BYTES = 64 * 1024
_PATIENCE = aiohttp.ClientTimeout(total=10)

_STATUS_OF: dict[type[SwitchoverError], int] = {
    InvalidInput: 422,
    NotFound: 404,
    Conflict: 409,
    Refused: 403,
    Unavailable: 503,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlAddress:
    """Where the control port is, and the token it asks for."""

    url: str
    token: str = dataclasses.field(repr=False)


class ControlServer:
    """Serves the control port of one farm between ``async with``."""

    def __init__(self, farm: Farm, directory: Path) -> None:
        """Take the farm, and the directory that gets ``control.json`` (0600)."""
        self._farm = farm
        self._file = directory / CONTROL_FILE
        self._token = clock.new_secret()
        self._runner = web.AppRunner(self._app(), access_log=None)
        self.url = ""

    async def __aenter__(self) -> Self:
        """Listen on a free loopback port and say so in ``control.json``."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        write_private(self._file, json.dumps({"url": self.url, "token": self._token}).encode())
        return self

    async def __aexit__(self, *_ending: object) -> None:
        """Stop listening and remove ``control.json``."""
        self._file.unlink(missing_ok=True)
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=_LARGEST_REQUEST_BYTES)
        app.router.add_post("/break", self._break)
        app.router.add_post("/mend", self._mend)
        app.router.add_get("/state", self._state)
        return app

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Ask for the token, and turn our errors into their statuses."""
        shown = request.headers.get(TOKEN_HEADER, "")
        try:
            if not hmac.compare_digest(shown.encode("utf-8", "replace"), self._token.encode()):
                raise Refused(f"the farm's control port wants the token of {CONTROL_FILE}")
            return await handler(request)
        except SwitchoverError as error:
            status = _STATUS_OF.get(type(error), 500)
            return web.json_response({"error": str(error)}, status=status)

    async def _break(self, request: web.Request) -> web.Response:
        order = await _read_order(request, ("target", "fault", "seconds"))
        target = take(order, "target", str, "", path="order")
        fault = take(order, "fault", str, "", path="order")
        seconds = take(order, "seconds", float, 0.0, path="order")
        self._farm.break_(target, fault, seconds if order.get("seconds") is not None else None)
        return self._answer()

    async def _mend(self, request: web.Request) -> web.Response:
        order = await _read_order(request, ("target",))
        self._farm.mend(take(order, "target", str, "", path="order"))
        return self._answer()

    async def _state(self, _request: web.Request) -> web.Response:
        return self._answer()

    def _answer(self) -> web.Response:
        workloads = [dataclasses.asdict(state) for state in self._farm.state()]
        return web.json_response({"workloads": workloads})


class PracticeControl:
    """Client of a farm's control port; every verb returns the state that follows."""

    def __init__(self, url: str, token: str) -> None:
        """Take the address; nothing is connected yet."""
        self._url = url.rstrip("/")
        self._headers = {TOKEN_HEADER: token}

    @classmethod
    def in_directory(cls, directory: Path) -> PracticeControl:
        """Return the client for the farm that runs in this directory.

        Raises:
            NotFound: no farm runs there.
            Corrupt: its file is damaged.
        """
        address = read_control_file(directory)
        return cls(address.url, address.token)

    async def break_(
        self, target: str, fault: str, seconds: float | None = None
    ) -> tuple[WorkloadState, ...]:
        """Break ``cas1``, ``cas1/owa`` or ``all``; see :meth:`Farm.break_`.

        Raises:
            InvalidInput, NotFound, Refused: as the farm says.
            Unavailable: the farm does not answer.
        """
        order = {"target": target, "fault": fault, "seconds": seconds}
        return await self._ask("POST", "/break", order)

    async def mend(self, target: str) -> tuple[WorkloadState, ...]:
        """Mend what was broken; see :meth:`Farm.mend`.

        Raises:
            InvalidInput, NotFound, Conflict, Refused: as the farm says.
            Unavailable: the farm does not answer.
        """
        return await self._ask("POST", "/mend", {"target": target})

    async def state(self) -> tuple[WorkloadState, ...]:
        """Return the state of every workload.

        Raises:
            Refused: wrong token.
            Unavailable: the farm does not answer.
        """
        return await self._ask("GET", "/state", None)

    async def _ask(self, method: str, path: str, order: object) -> tuple[WorkloadState, ...]:
        try:
            async with (
                aiohttp.ClientSession(timeout=_PATIENCE, headers=self._headers) as session,
                session.request(method, self._url + path, json=order) as response,
            ):
                content, status = await response.read(), response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(
                f"the practice farm at {self._url} does not answer: {error}"
            ) from error
        answer = as_object(read_json(content, source=self._url), path="answer")
        if status == 200:
            return _parse_states(answer)
        kind = {code: known for known, code in _STATUS_OF.items()}.get(status, Unavailable)
        raise kind(str(answer.get("error", f"status {status}")))


def read_control_file(directory: Path) -> ControlAddress:
    """Return the address a farm left in its directory.

    Raises:
        NotFound: no farm runs there.
        Corrupt: its file is damaged.
    """
    path = directory / CONTROL_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"no practice farm runs in {directory}") from error
    try:
        found = as_object(read_json(content, source=str(path)), path=CONTROL_FILE)
        url = take(found, "url", str, "", path=CONTROL_FILE)
        return ControlAddress(url=url, token=take(found, "token", str, "", path=CONTROL_FILE))
    except InvalidInput as error:
        raise Corrupt(f"{path} is damaged: {error}; stop the farm and start it again") from error


async def _read_order(request: web.Request, known: tuple[str, ...]) -> dict[str, object]:
    value = read_json(await request.read(), source="the request")
    return as_object(value, path="order", known=known)


def _parse_states(answer: dict[str, object]) -> tuple[WorkloadState, ...]:
    workloads = answer.get("workloads")
    return (
        tuple(_parse_state(item) for item in workloads if isinstance(item, dict))
        if isinstance(workloads, list)
        else ()
    )


def _parse_state(item: dict[str, object]) -> WorkloadState:
    fault = take(item, "fault", str, "", path="state")
    seconds = take(item, "seconds", float, -1.0, path="state")

    def count(name: str) -> int:
        return take(item, name, int, 0, path="state")

    return WorkloadState(
        server=take(item, "server", str, "", path="state"),
        workload=take(item, "workload", str, "", path="state"),
        fault=Fault(fault) if fault else None,
        seconds=seconds if seconds >= 0 else None,
        requests=count("requests"),
        checks=count("checks"),
        spoiled=count("spoiled"),
        connections=count("connections"),
    )
