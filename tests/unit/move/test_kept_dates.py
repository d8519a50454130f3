from __future__ import annotations

from array import array

import pytest

from switchover.move.kept_dates import FIRST_SECOND, mend_dates, zones_of_mended
from switchover.wire.imap.quirks import GENERIC, PROFILES, Server


@pytest.mark.parametrize("server", [Server.CYRUS, Server.COURIER])
def test_a_date_that_the_target_refuses_becomes_the_nearest_that_it_takes(server: Server) -> None:
    given = array("q", [5, -600_000_000, 0, 1, 1_800_000_000])
    mended, former = mend_dates(range(1, 6), given, PROFILES[server])
    assert list(mended) == [5, FIRST_SECOND, FIRST_SECOND, 1, 1_800_000_000]
    assert former == {2: -600_000_000, 3: 0}


def test_dates_stay_where_the_target_takes_them() -> None:
    given = array("q", [5, -600_000_000, 0])
    assert mend_dates(range(3), given, GENERIC) == (given, {})
    late = array("q", [5, 1_800_000_000])
    assert mend_dates(range(2), late, PROFILES[Server.CYRUS]) == (late, {})


def test_a_mended_date_is_told_in_utc_because_its_zone_may_make_it_one_of_1969() -> None:
    zones = array("h", [-300, -300, 120])
    mended = zones_of_mended([7, 8, 9], zones, {8: -600_000_000})
    assert (list(mended), mended.typecode) == ([-300, 0, 120], "h")
