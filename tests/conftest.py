"""In which order tests run, and beside which: the longest first, groups together, timed ones alone, after all others."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import settings

LONG = ("tests/crash/", "tests/scenario/", "tests/integration/move/test_matrix.py")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: its claim is a time; nothing else may run beside it")
    # How long one example takes says how busy the machine is, not whether it is right.
    settings.register_profile("untimed", settings(), deadline=None)
    settings.load_profile("untimed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Begun last, one of them would keep one worker busy while the others have nothing left to do.
    items.sort(key=lambda item: not any(part in item.path.as_posix() for part in LONG))
    if getattr(config.option, "loadgroup", False):
        name_groups(items)


def name_groups(items: Iterable[pytest.Item]) -> None:
    """Put a test's group behind its id, where xdist's scheduler reads it.

    xdist 3.8 does so with an attribute that pytest 9.2 reads no more; every worker would start what one
    group shares.
    """
    for item in items:
        names = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        group = f"@{'_'.join(names)}"
        if names and not item.nodeid.endswith(group):
            item._id = type(item.id).parse(f"{item.nodeid}{group}")
