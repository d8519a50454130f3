"""What a person asked for, as an order for the engine: endpoints and passwords to accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.move.archive.opening import open_archive
from switchover.move.endpoint import ArchiveEndpoint, Security
from switchover.move.work.mailbox import Account
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchover.move.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One end of a copy: where it is, and the password (never shown).

    ``may_create`` makes an archive that is not there; else its absence is an error.
    """

    endpoint: Endpoint
    password: Callable[[], str]
    may_create: bool = False
    trace: Callable[[str, str], None] | None = None


def account_of(side: Side) -> Account:
    """Return the account of a side; raises NotFound for an archive that is not there."""
    endpoint = side.endpoint
    if isinstance(endpoint, ArchiveEndpoint):
        archive = open_archive(endpoint, may_create=side.may_create)
        return Account(
            target=Target(
                host=str(endpoint), port=0, tls=False, allow_plaintext=True, dial=archive.dial
            ),
            credentials=lambda: Password(user="archive", password=""),
            trace=side.trace,
            notices=archive.notices,
        )
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
