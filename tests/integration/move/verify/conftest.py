"""Two mailboxes of a test's own, on servers that all tests of the proof share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Pair

from switchover.store.pool import Database


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    options = Options(users=USERS, mechanisms=("plain",))
    with dovecot(options) as source, dovecot(options) as target:
        yield source, target


@pytest.fixture
def pair(servers: tuple[Dovecot, Dovecot], database: Database) -> Pair:
    return Pair.of(*servers, database)
