"""In which order tests run: the longest first, and those whose claims are times alone, after all others."""

from __future__ import annotations

import pytest

LONG = ("tests/crash/", "tests/scenario/", "tests/integration/move/test_matrix.py")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: its claim is a time; nothing else may run beside it")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Begun last, one of them would keep one worker busy while the other has nothing left to do.
    items.sort(key=lambda item: not any(part in item.path.as_posix() for part in LONG))
