"""Rows of ``show stat`` and snapshots for tests, by the few words a test cares about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from switchover.balance.between_looks import moments_of
from switchover.balance.overrides import Overrides
from switchover.balance.roster import Roster, make_roster
from switchover.balance.snapshot import Snapshot
from switchover.balance.virtual_service import Balance
from switchover.wire.haproxy.statistics import NOTHING, Row, RowKind

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
_KINDS = {"FRONTEND": RowKind.FRONTEND, "BACKEND": RowKind.BACKEND}


def row(proxy: str, name: str, status: str = "UP", **values: Any) -> Row:
    """A row with weight 100 and a check that passed; ``counted`` are fields of its counters."""
    counted: Mapping[str, int] = values.pop("counted", {})
    filled = {
        **dict.fromkeys(Row._fields, 0),
        "proxy": proxy,
        "name": name,
        "status": status,
        "check": "L7OK",
        "check_text": "",
        "agent": "",
        "kind": _KINDS.get(name, RowKind.SERVER),
        "weight": 100,
        "counters": NOTHING._replace(**counted),
    }
    return Row(**{**filled, **values})


def snapshot_of(
    balance: Balance | None,
    rows: Iterable[Row] = (),
    *,
    overrides: Overrides | None = None,
    number: int = 1,
    **values: Any,
) -> Snapshot:
    by_key = {one.key: one for one in rows}
    return Snapshot(
        **{
            "number": number,
            "at": NOON,
            "balance": balance,
            "overrides": overrides or Overrides(),
            "rows": by_key,
            "since": moments_of(by_key, {}, epoch=NOON.timestamp()),
            "roster": make_roster(balance) if balance else Roster(),
            "sentence": "revision 3: in order",
            **values,
        }
    )
