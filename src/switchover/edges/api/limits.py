"""Bounds what strangers can make us read: little from anybody, much only from who is known.

Forms and JSON are read on the one loop that also serves everybody else and runs the cycle, and before a
route asks who sends them. So a body is bounded on its way in, by where it goes: a form is small but for
those that take files or a whole platform file, and whoever sends more than SMALL_BYTES is looked up first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request

from switchover.edges.readers import is_for_programs
from switchover.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    IsKnown = Callable[[Request], Awaitable[bool]]

SMALL_BYTES = 64 * 1024
"""What anybody may send; nearly all forms are of a few hundred bytes."""
MAX_BODY_BYTES = 64 * 1024 * 1024
"""A platform file with some dozens of certificates, in base64; single parts are bounded tighter."""
MAX_FORM_BYTES = 16 * 1024 * 1024
"""A form of the console with a platform file or a certificate."""
MAX_ENCODED_BYTES = 1024 * 1024
"""The same without files: undoing the encoding of more would keep everybody else waiting."""
MAX_FIELDS = 10_000
"""A service with some thousand servers and a weight for each."""
_SMALL_FIELDS = 1000
_FILES = re.compile(
    r"/platform-file|/add-service|/add-server|/service-comparison|/(?:services|servers)/[^/]+/edit"
)
_ENCODED = "application/x-www-form-urlencoded"
_PARTS = "multipart/form-data"
_UNREAD = frozenset({"GET", "HEAD", "OPTIONS"})


def takes_files(path: str) -> bool:
    """True for pages whose form may bring files or a whole text."""
    return _FILES.fullmatch(path) is not None


class BodyLimit:
    """ASGI middleware: answers 401, 413 or 415 before a body is read, and stops reading at the limit."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, is_known: IsKnown) -> None:
        """Stand in front of ``app``; ``is_known`` says whether token or session of a request are good."""
        self.app = app
        self.is_known = is_known

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request through unless its body is not welcome."""
        if scope["type"] != "http" or scope["method"] in _UNREAD:
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        length = request.headers.get("Content-Length", "0")
        announced = int(length) if length.isascii() and length.isdigit() else MAX_BODY_BYTES + 1
        body = _Body(request=request, receive=receive, is_known=self.is_known)
        try:
            _require_kind(request)
            await body.admit(announced)
        except HTTPException as error:
            answer = await scope["app"].exception_handlers[HTTPException](request, error)
            if announced > MAX_BODY_BYTES:
                answer.headers["Connection"] = "close"
            # Else the rest is thrown away as it comes: who is cut off while sending reads no answer.
            await answer(scope, receive, send)
            return
        await self.app(scope, body.take, send)


def _require_kind(request: Request) -> None:
    """Raise HTTPException for programs without a token, and for files where a form takes none."""
    path = request.url.path
    if is_for_programs(path):
        if not request.headers.get("Authorization", "").lower().startswith("bearer swo_"):
            raise _unknown(request)
    elif _kind(request) == _PARTS and not takes_files(path):
        raise HTTPException(415, f"this form takes no files: send it as {_ENCODED}")


@dataclass(slots=True, kw_only=True)
class _Body:
    """A body on its way in."""

    request: Request
    receive: Receive
    is_known: IsKnown
    seen: int = 0
    fields: int = 1
    has_asked: bool = False

    async def take(self) -> Message:
        """Return the next piece; raises HTTPException at the limit, which becomes the answer."""
        message = await self.receive()
        piece = message.get("body", b"")
        self.seen += len(piece)
        await self.admit(self.seen)
        if _kind(self.request) == _ENCODED:
            # Counted here, because the parser pays for empty ones too and does not count them.
            self.fields += piece.count(b"&")
            most = MAX_FIELDS if takes_files(self.request.url.path) else _SMALL_FIELDS
            if self.fields > most:
                raise HTTPException(413, f"a form may have {most:,} fields here")
        return message

    async def admit(self, length: int) -> None:
        """Raise HTTPException unless a body of ``length`` is welcome from who sends it."""
        limit = _limit(self.request)
        if length > limit:
            raise HTTPException(413, f"a request may have {limit:,} bytes here")
        if length <= SMALL_BYTES or self.has_asked:
            return
        try:
            self.has_asked = await self.is_known(self.request)
        except Unavailable as error:
            raise HTTPException(503, str(error)) from error
        if not self.has_asked:
            raise _unknown(self.request)


def _limit(request: Request) -> int:
    path = request.url.path
    if is_for_programs(path):
        return MAX_BODY_BYTES
    if not takes_files(path):
        return SMALL_BYTES
    return MAX_FORM_BYTES if _kind(request) == _PARTS else MAX_ENCODED_BYTES


def _kind(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _unknown(request: Request) -> HTTPException:
    """Return what a body that only somebody known may send is answered with."""
    if is_for_programs(request.url.path):
        return HTTPException(
            401,
            "a valid token is needed: Authorization: Bearer swo_...",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HTTPException(
        413,
        f"who is not signed in may send {SMALL_BYTES:,} bytes; if your session has ended, sign in in another "
        "tab, then open the form and send it again",
    )
