"""A farm of two servers, and certificates for engines that tests render."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.balance.rendered import Certificates
from tests.integration.practice_farm import SERVERS, PracticeFarm, practice_farm


@pytest.fixture(scope="module")
def farm() -> Iterator[PracticeFarm]:
    """Return a farm for the tests of one module, which mend what they break."""
    with practice_farm(SERVERS) as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
