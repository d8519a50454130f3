from __future__ import annotations

from datetime import UTC, datetime

from switchover.store.retention import Retention, plan_cutoffs


def test_each_kind_of_row_has_its_own_age() -> None:
    now = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
    plan = plan_cutoffs(Retention(event_days=30, minute_days=1, hour_days=365), now=now)
    assert {table: cutoff for table, _, cutoff in plan} == {
        "event": datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        "stat_minute": datetime(2026, 3, 30, 12, 0, tzinfo=UTC),
        "stat_hour": datetime(2025, 3, 31, 12, 0, tzinfo=UTC),
        "termination_count": datetime(2025, 3, 31, 12, 0, tzinfo=UTC),
    }


def test_history_is_never_dropped() -> None:
    now = datetime(2026, 3, 31, tzinfo=UTC)
    plan = plan_cutoffs(Retention(event_days=1, minute_days=1, hour_days=1), now=now)
    kept = {"revision", "revision_asset", "document", "asset", "engine", "api_token"}
    assert kept.isdisjoint(table for table, _, _ in plan)
