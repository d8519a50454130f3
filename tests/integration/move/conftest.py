"""A source, a target and a data directory for whoever has none of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.imap_servers import Dovecot, dovecot
from tests.integration.move.copying import Copy, mails
from tests.integration.processes import short_directory


@pytest.fixture
def place() -> Iterator[Path]:
    """Return an empty directory with a short path."""
    with short_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory / "data"


@pytest.fixture(scope="module")
def source() -> Iterator[Dovecot]:
    """Serves what is only read: 30 mails in two folders."""
    with dovecot() as server:
        server.put_mails(mails(20))
        server.put_mails(mails(10, first=100), folder="Sent")
        yield server


@pytest.fixture
def target() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


@pytest.fixture
def pair(source: Dovecot, target: Dovecot, data: Path) -> Copy:
    return Copy(source=source, target=target, data=data)
