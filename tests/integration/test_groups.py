"""Tests of one group run in one process: what they share is started once."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("together")
def test_the_scheduler_is_told_of_groups(request: pytest.FixtureRequest) -> None:
    is_grouping = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@together") is is_grouping
