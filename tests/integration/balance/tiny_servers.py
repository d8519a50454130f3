"""Tiny servers behind an engine that tell what reached them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """What a web server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    sni: str | None
    proxy: str


@dataclass
class Answer:
    """What it answers."""

    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)


class TinyServer:
    """Listens on loopback while its block lasts; counts connections, notes names and PROXY headers."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, takes_proxy: bool = False) -> None:
        self.tls = tls
        self.takes_proxy = takes_proxy
        self.port = 0
        self.connections = 0
        self.names: list[str | None] = []
        self.proxied: list[str] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self.tls is not None:
            self.tls.sni_callback = lambda _, name, __: self.names.append(name)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(100)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Refuse from now on, and drop who is connected."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            self.connections += 1
            self._start(self._welcome(connection))

    async def _welcome(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        with connection, suppress(OSError, EOFError, ssl.SSLError):
            if self.takes_proxy:  # it stands before TLS
                self.proxied.append(await _read_proxy_header(connection))
            transport, protocol = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), connection, ssl=self.tls
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                await self.serve(reader, writer)
            finally:
                transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        raise NotImplementedError


async def _read_proxy_header(connection: socket.socket) -> str:
    """Return ``SOURCE>DESTINATION`` of a version 2 header, ``local`` for one without addresses."""
    loop = asyncio.get_running_loop()
    head = await loop.sock_recv(connection, 16)
    body = await loop.sock_recv(connection, int.from_bytes(head[14:16], "big")) if head else b""
    if head[:12] != b"\r\n\r\n\x00\r\nQUIT\n":
        return f"no header: {head!r}"
    if head[12] & 0xF == 0:
        return "local"
    return ".".join(map(str, body[:4])) + ">" + ".".join(map(str, body[4:8]))


class WebServer(TinyServer):
    """Answers HTTP/1.1 with what ``answer`` returns; keeps connections open."""

    def __init__(
        self,
        name: str = "web",
        *,
        tls: ssl.SSLContext | None = None,
        takes_proxy: bool = False,
        answer: Callable[[Request], Answer] | None = None,
    ) -> None:
        super().__init__(tls=tls, takes_proxy=takes_proxy)
        self.name = name
        self.answer = answer or (lambda request: Answer(body=f"{self.name} {request.path}"))
        self.requests: list[Request] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the client leaves."""
        secured = writer.get_extra_info("ssl_object")
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
            headers = {key.lower(): value for key, value in headers.items()}
            await reader.readexactly(int(headers.get("content-length", "0")))
            sni = self.names[-1] if secured and self.names else None
            proxy = self.proxied[-1] if self.proxied else ""
            request = Request(method, path, headers, sni, proxy)
            self.requests.append(request)
            answer = self.answer(request)
            await _send(writer, answer)
            if headers.get("connection") == "close":
                return

    @property
    def traffic(self) -> list[Request]:
        """What clients asked, without health checks."""
        return [
            item for item in self.requests if item.headers.get("user-agent") != "switchover-check"
        ]


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    body = answer.body.encode()
    lines = [f"HTTP/1.1 {answer.status} X", f"content-length: {len(body)}"]
    lines += [f"{key}: {value}" for key, value in answer.headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()


class LineServer(TinyServer):
    """Greets, then answers each line by its first words; unknown lines close the connection."""

    def __init__(
        self,
        greeting: str,
        answers: Mapping[str, str] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        takes_proxy: bool = False,
        closes: bool = False,
        piecewise: bool = False,
    ) -> None:
        super().__init__(tls=tls, takes_proxy=takes_proxy)
        self.greeting = greeting
        self.answers = dict(answers or {})
        self.closes = closes
        self.piecewise = piecewise
        self.heard: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet and answer until the client leaves or something unknown is said."""
        await self._say(writer, self.greeting)
        if self.closes:
            return
        while line := (await reader.readline()).decode().strip():
            self.heard.append(line)
            known = [answer for start, answer in self.answers.items() if line.startswith(start)]
            if not known:
                return
            await self._say(writer, known[0])

    async def _say(self, writer: asyncio.StreamWriter, text: str) -> None:
        raw = text.replace("\n", "\r\n").encode()
        size = 1 if self.piecewise else len(raw)
        for start in range(0, len(raw), max(size, 1)):
            writer.write(raw[start : start + size])
            await writer.drain()
            if self.piecewise:
                await asyncio.sleep(0.001)
