"""A server shared by the tests of the IMAP shell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.imap_servers import Dovecot, dovecot


@pytest.fixture(scope="session")
def server() -> Iterator[Dovecot]:
    """Return a Dovecot for tests that leave it as it is, or use folders of their own."""
    with dovecot() as running:
        yield running
