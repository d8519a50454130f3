"""What a person asked for, as an order for the engine: endpoints and passwords to accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput
from switchover.move.endpoint import ImapEndpoint, Security
from switchover.move.work.mailbox import Account
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchover.move.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One end of a copy: where it is, and the password (never shown)."""

    endpoint: Endpoint
    password: Callable[[], str]
    trace: Callable[[str, str], None] | None = None


def account_of(side: Side) -> Account:
    """Return the account of a side; raises InvalidInput for an end that can not be copied yet."""
    endpoint = side.endpoint
    if not isinstance(endpoint, ImapEndpoint):
        raise InvalidInput(f"{endpoint}: only IMAP can be copied from and to so far")
    password = side.password()
    return Account(
        target=Target(
            host=endpoint.host,
            port=endpoint.port,
            tls=endpoint.security is Security.TLS,
            allow_plaintext=endpoint.security is Security.STARTTLS_IF_OFFERED,
        ),
        credentials=lambda: Password(user=endpoint.user, password=password),
        trace=side.trace,
    )
