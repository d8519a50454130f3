"""An APPEND that grows message by message while their bytes arrive from somewhere else."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from switchover.errors import Conflict
from switchover.wire.imap.command import Stream, Wait
from switchover.wire.imap.message_commands import append_message

if TYPE_CHECKING:
    from switchover.wire.imap.command import Step
    from switchover.wire.imap.conversation import Request
    from switchover.wire.imap.message_commands import NewMessage
    from switchover.wire.imap.shell.connection import Connection


class Append:
    """One APPEND under way; made by ``Connection.open_append``.

    ``add`` announces a message, ``write`` sends its octets, ``finish`` ends the command; its answer comes
    as that of any other. More than one message needs MULTIAPPEND (RFC 3502). Nothing else can be sent on
    the connection before ``finish``. After an error or a cancellation the connection is of no use any more:
    ``close`` it, and the server stores nothing of the command.
    """

    def __init__(self, connection: Connection, request: Request) -> None:
        """Go on from an opening that was sent."""
        self.request = request
        self._connection = connection
        self._left = 0  # octets of the present message still to come
        self._after: deque[Step] = deque()  # steps behind them

    @property
    def is_refused(self) -> bool:
        """True once the server has answered before the end: what still goes out is thrown away there."""
        return self.request.answer is not None

    async def add(self, message: NewMessage) -> bool:
        """Announce a message whose ``size`` octets come next; False when the server refuses it.

        False is a tagged answer in ``request``, and then only ``finish`` is left to do. Raises Conflict
        while the message before is not complete.
        """
        if self._left:
            raise Conflict("the message before is not complete")
        if self.is_refused:
            return False
        steps = self._connection.conversation.extend(self.request, append_message(message))
        self._after.extend(steps)
        with self._connection.unbroken(self.request):
            return await self._go_on()

    async def write(self, data: bytes | memoryview) -> None:
        """Send the next octets of the message; waits while the server is slower than they come.

        Raises Conflict for more than was announced.
        """
        with self._connection.unbroken(self.request):
            if len(data) > self._left:
                raise Conflict("a message is longer than was announced")
            self._left -= len(data)
            self._connection.write(data)
            if self._connection.is_full:
                await self._connection.flush()
            if not self._left:
                await self._go_on()

    async def finish(self) -> Request:
        """End the command and return its request, whose answer may still have to come.

        Raises Conflict when the last message is not complete.
        """
        with self._connection.unbroken(self.request):
            if self._left:
                raise Conflict("a message is shorter than was announced")
            if not self.request.is_sent:
                self._connection.write(b"\r\n")
                self._connection.conversation.end(self.request)
            await self._connection.flush()
        return self.request

    async def _go_on(self) -> bool:
        """Do the steps up to the octets of a message, or to the end of what is announced."""
        while self._after:
            match self._after.popleft():
                case Wait.CONTINUATION:
                    if not await self._connection.wait_for_leave(self.request):
                        self._after.clear()
                        return False
                case Stream(size=size):
                    self._left = size
                    if size:
                        return True
                case step:
                    self._connection.write(step)
        return True
