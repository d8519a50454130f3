"""Bounds what strangers can make us read: no large body without a token or cookie, none beyond a limit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from switchover.edges.api.errors import PROBLEM_TYPE, problem_body
from switchover.edges.readers import is_for_programs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

MAX_BODY_BYTES = 64 * 1024 * 1024
"""A platform file with some dozens of certificates, in base64; single parts are bounded tighter."""

MAX_FORM_BYTES = 16 * 1024 * 1024
"""A form of the console with a platform file or a certificate."""
MAX_STRANGE_FORM_BYTES = 64 * 1024
"""A form of who is not signed in: a name, a password, a code."""


class BodyLimit:
    """ASGI middleware: answers 401 or 413 before a body is read, and stops reading at the limit."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Stand in front of ``app``."""
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request through unless its body is not welcome."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        limit = _limit(scope["path"], headers)
        if limit == 0:
            await _refuse(send, 401, "a valid token is needed: Authorization: Bearer swo_...")
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > limit:
            await _refuse(send, 413, f"a request may have {limit:,} bytes")
            return
        await self.app(scope, _counted(receive, limit), send)


def _limit(path: str, headers: dict[bytes, bytes]) -> int:
    """Return how long a body may be; 0 where none is welcome. Whether a token is good is seen later."""
    if is_for_programs(path):
        has_token = headers.get(b"authorization", b"").lower().startswith(b"bearer swo_")
        return MAX_BODY_BYTES if has_token else 0
    has_session = b"switchover=" in headers.get(b"cookie", b"")
    return MAX_FORM_BYTES if has_session else MAX_STRANGE_FORM_BYTES


def _counted(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            return {"type": "http.disconnect"}
        return message

    return bounded


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps(problem_body("HTTP error", status, detail)).encode()
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"connection", b"close")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
