"""Connects to a server, takes its greeting, and sees to it that nobody else listens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from switchover.errors import Refused, SwitchoverError
from switchover.wire.imap import commands
from switchover.wire.imap.conversation import Phase
from switchover.wire.imap.errors import ConnectionLost
from switchover.wire.imap.shell.connection import Connection
from switchover.wire.imap.shell.stream import adopt, connect, lost

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from switchover.wire.imap.shell.stream import ByteStream
    from switchover.wire.imap.shell.target import Target


_SILENT_SECONDS = 3.0


async def open_connection(
    target: Target, *, trace: Callable[[str, str], None] | None = None
) -> Connection:
    """Return a connection that is encrypted as ``target`` asks and has shown its greeting.

    Raises ConnectionLost when the server can not be reached in time or greets with BYE, Refused when its
    certificate is not trusted or it has no STARTTLS where that is demanded.
    """
    begun = target.begun() if target.begun is not None else None
    if begun is not None:
        try:
            return await _open(target, begun, trace)
        except ConnectionLost as error:
            # What was connected beforehand may have waited too long: then we connect as ever.
            if isinstance(error.__cause__, TimeoutError):
                raise  # who is silent now will be so again
    return await _open(target, None, trace)


async def _open(
    target: Target, begun: socket.socket | None, trace: Callable[[str, str], None] | None
) -> Connection:
    seconds = target.connect_seconds
    try:
        async with asyncio.timeout(seconds):
            stream = await _stream(target, begun)
            connection = Connection(target, stream, trace)
            try:
                if target.tls:
                    target.require_pinned(stream.certificate)
                if target.tls or target.dial is not None:
                    await _greet(connection)
                else:
                    await _greet_in_the_clear(connection)
            except BaseException:
                await connection.close(politely=False)
                raise
            return connection
    except TimeoutError as error:
        hint = "" if target.tls else "; if TLS begins at once there, use imaps://"
        where = f"{target.host} port {target.port}"
        raise lost(f"{where} was not ready to talk within {seconds:g} s{hint}") from error


async def _stream(target: Target, begun: socket.socket | None) -> ByteStream:
    if target.dial is not None:
        return await adopt(target.dial(), target.host)
    trust = target.trust if target.tls else None
    return await connect(target.host, target.port, trust, target.connect_seconds, begun)


async def _greet_in_the_clear(connection: Connection) -> None:
    """Take the greeting; raises Refused where none comes and the server waits for TLS instead."""
    greeting = asyncio.ensure_future(_greet(connection))
    try:
        silent_seconds = min(_SILENT_SECONDS, connection.target.connect_seconds / 4)
        await asyncio.wait({greeting}, timeout=silent_seconds)
        if not greeting.done() and await _speaks_tls(connection.target):
            raise Refused(
                f"{connection.target.host} port {connection.target.port} begins with TLS: use imaps://"
            )
        await greeting
    finally:
        if not greeting.done():
            greeting.cancel()
            await asyncio.wait({greeting})


async def _speaks_tls(target: Target) -> bool:
    """Return whether TLS can be begun there at once, over a connection of its own that says nothing else."""
    seconds = min(_SILENT_SECONDS, target.connect_seconds / 4)
    try:
        stream = await connect(target.host, target.port, target.any_certificate, seconds)
    except SwitchoverError:
        return False
    await stream.close()
    return True


async def _greet(connection: Connection) -> None:
    conversation, target = connection.conversation, connection.target
    while conversation.phase is Phase.GREETING:
        await connection.next_event()
    if target.tls or target.allow_plaintext:
        return
    if conversation.phase is Phase.SIGNED_IN:
        raise Refused(f"{target.host} signs us in before TLS (PREAUTH); that can not be made safe")
    if not conversation.knows_capabilities:
        await connection.run(commands.CAPABILITY)
    if "STARTTLS" not in conversation.capabilities:
        raise Refused(
            f"{target.host} port {target.port} offers no STARTTLS; "
            "use imaps://, or allow plain text"
        )
    await connection.start_tls()
