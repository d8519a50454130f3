"""A mail's own date is read from its header, whatever stands there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.move.header_date import header_date


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Date: Fri, 01 May 2020 02:00:00 +0200\r\n\r\n", (1588291200, 120)),
        (b"Subject: x\r\nDATE:\r\n 1 May 2020\r\n 00:00:00 GMT\r\n", (1588291200, 0)),
        (b"Date: soon\r\nReceived: by mx; Fri, 1 May 2020 00:00:00 -0000\r\n", (1588291200, 0)),
        (b"Subject: x\r\n\r\nDate: Fri, 01 May 2020 02:00:00 +0200\r\n", None),
        (b"Date: 1 May 2020 00:00:00 +9900\r\n", None),
        (b"Date: 99 Foo 99999 99:99:99 +9999999\r\n", None),
    ],
)
def test_the_date_field_counts_then_the_last_hop(
    header: bytes, expected: tuple[int, int] | None
) -> None:
    found = header_date(header)
    assert (tuple(found) if found else None) == expected


@given(st.binary(max_size=60))
def test_a_date_that_is_found_can_be_written(text: bytes) -> None:
    found = header_date(b"Date: " + text)
    assert found is None or found.encode()
