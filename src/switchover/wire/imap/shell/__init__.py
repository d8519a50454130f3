"""The one asyncio shell around a conversation: the only place of the protocol that touches the network.

``stream`` is bytes with deadlines and flow control, TLS included; ``connection`` joins it with a
conversation; ``opening`` connects, greets and secures; ``sign_in`` signs in; ``append`` streams messages
into one growing command. It needs nothing of asyncio's own loop: uvloop serves as well.
"""

from __future__ import annotations

from switchover.wire.imap.shell.append import Append
from switchover.wire.imap.shell.connection import Connection
from switchover.wire.imap.shell.opening import open_connection
from switchover.wire.imap.shell.target import Target

__all__ = ["Append", "Connection", "Target", "open_connection"]
