"""Tests whose claims are times run alone, after all others: beside them two cores are not enough."""

from __future__ import annotations

import pytest

TIMED = (
    "tests/crash/",
    "tests/integration/balance/test_database_away.py",
    "tests/integration/balance/test_fault_matrix.py",
    "tests/integration/balance/test_what_if_observed.py",
    "tests/integration/balance/test_zero_loss.py",
    "tests/integration/store/test_pool.py",
    "tests/scenario/",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: its claim is a time; nothing else may run beside it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(part in item.path.as_posix() for part in TIMED):
            item.add_marker("alone")
