"""What a connection raises: our error classes, with what a caller decides by.

Within the connection a failure is a value (``failure``); it becomes an error where a caller waits.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.errors import Refused, Unavailable
from switchover.wire.imap.failure import Retry, Scope
from switchover.wire.imap.response_codes import CodeName

if TYPE_CHECKING:
    from switchover.wire.imap.failure import Failure
    from switchover.wire.imap.responses import Status
    from switchover.wire.imap.sasl import TokenRefusal


class ConnectionLost(Unavailable):
    """The connection is of no use any more; what was not answered may have been done or not.

    ``failure`` says how far that reaches: a message that breaks the connection each time has the scope
    MESSAGE and is never worth another try. ``back_off_seconds`` is what the server asked for.
    """

    def __init__(self, failure: Failure, *, back_off_seconds: float | None = None) -> None:
        """Keep the failure beside its sentence."""
        super().__init__(failure.message)
        self.failure = failure
        self.back_off_seconds = back_off_seconds


class TryLater(Unavailable):
    """The server says "not now" to a command; the connection goes on. ``status`` is its answer."""

    scope = Scope.ENDPOINT
    retry = Retry.LATER

    def __init__(
        self, message: str, status: Status, *, back_off_seconds: float | None = None
    ) -> None:
        """Keep the answer beside the sentence."""
        super().__init__(message)
        self.status = status
        self.back_off_seconds = back_off_seconds


class CommandRefused(Refused):
    """The server says NO or BAD to a command; the connection goes on. ``status`` is its answer."""

    retry = Retry.NEVER

    def __init__(self, message: str, status: Status) -> None:
        """Keep the answer beside the sentence."""
        super().__init__(message)
        self.status = status


class NoRoom(Unavailable):
    """An archive of ours is on a full disk: nothing more can be done there in this run."""

    retry = Retry.NEVER


def refused(message: str, status: Status) -> CommandRefused | NoRoom:
    """Return the error for a command that is answered NO or BAD."""
    if status.code is not None and status.code.name == CodeName.NOROOM:
        return NoRoom(f"{message}; make room there and run the command again")
    return CommandRefused(message, status)


class SignInRefused(CommandRefused):
    """The server lets us in by none of the ways tried; ``status`` is its last answer.

    ``token_refusal`` is set when a token was refused: Gmail says no to expired ones in several ways, so
    each is worth one new token.
    """

    scope = Scope.ENDPOINT

    def __init__(
        self, message: str, status: Status, *, token_refusal: TokenRefusal | None = None
    ) -> None:
        """Keep the answer beside the sentence."""
        super().__init__(message, status)
        self.token_refusal = token_refusal


class CertificateFault(StrEnum):
    """Why a certificate is not trusted, in words that go on after "is not trusted:"."""

    EXPIRED = "it has expired"
    NOT_YET_VALID = "it is not valid yet, or a clock is wrong"
    OTHER_NAME = "it is for another name"
    SELF_SIGNED = "it is signed by itself"
    UNKNOWN_AUTHORITY = "its authority is not known here"
    OTHER = "it does not pass the checks"
    NOT_PINNED = "it is not the one that was pinned"


class CertificateRefused(Refused):
    """The certificate of a server is not trusted; nothing was said to it. ``fault`` is why."""

    scope = Scope.ENDPOINT
    retry = Retry.NEVER

    def __init__(self, message: str, fault: CertificateFault) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(message)
        self.fault = fault
