"""Certificates for engines that tests render."""

from __future__ import annotations

import pytest
from tests.integration.balance.rendered import Certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
