"""INTERNALDATE in all forms that servers send, and in the one that we send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.wire.imap.internal_date import DateReader, InternalDate, parse

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.integers(-62_000_000_000, 253_000_000_000).map(  # the years 6 to 9987
    lambda epoch: EPOCH + timedelta(seconds=epoch)
)
zones = st.integers(min_value=-23 * 60 - 59, max_value=23 * 60 + 59)


def seconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


@given(moments, zones)
def test_dates_come_back(moment: datetime, zone: int) -> None:
    date = InternalDate(seconds(moment), zone)
    assert parse(date.encode()) == date


@given(moments, zones)
def test_a_date_is_written_as_its_zone_shows_it(moment: datetime, zone: int) -> None:
    local = moment.astimezone(timezone(timedelta(minutes=zone)))
    text = InternalDate(seconds(moment), zone).encode().decode()
    assert text[2:] == f"{local:-%b-}{local.year:04}{local: %H:%M:%S }{text[-5:]}"
    assert int(text[:2]) == local.day


def test_the_example_of_the_standard_is_read() -> None:
    date = InternalDate(837596665, -420)
    assert parse(b"17-Jul-1996 02:44:25 -0700") == date
    assert date.encode() == b"17-Jul-1996 02:44:25 -0700"


@pytest.mark.parametrize(
    ("text", "epoch", "zone"),
    [
        (b" 1-Jan-1970 00:00:00 +0000", 0, 0),
        (b"1-Jan-1970 00:00:00 +0000", 0, 0),
        (b"01-JAN-1970 00:00:00 +0000", 0, 0),
        (b"01-jan-70 00:00:00 +0000", 0, 0),
        (b"01 Jan 1970 00:00:00 +0000", 0, 0),
        (b"01-Jan-1970  00:00:00  +0000 ", 0, 0),
        (b"01-Jan-1970 0:00 +0000", 0, 0),
        (b"01-Jan-1970 00:00:00", 0, 0),
        (b"01-Jan-1970 00:00:00 GMT", 0, 0),
        (b"01-Jan-1970 00:00:00 Z", 0, 0),
        (b"01-Jan-1970 02:00:00 +02", 0, 120),
        (b"01-Jan-1970 02:00:00 +02:00", 0, 120),
        (b"01-Jan-1970 02:00:00+0200", 0, 120),
        (b"31-Dec-1969 23:30:00 -0030", 0, -30),
        (b"31-Dec-1949 23:59:59 +0000", -631152001, 0),
        (b"01-Jan-49 00:00:00 +0000", 2493072000, 0),
        (b"30-Jun-2015 23:59:60 +0000", 1435708800, 0),
        (b"29-Feb-2000 12:00:00 +0000", 951825600, 0),
        (b"31-Dec-9999 23:59:59 +0000", 253402300799, 0),
    ],
)
def test_dates_are_read_in_many_forms(text: bytes, epoch: int, zone: int) -> None:
    assert parse(text) == InternalDate(epoch, zone)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"yesterday",
        b"30-Feb-2000 12:00:00 +0000",
        b"00-Jan-2000 12:00:00 +0000",
        b"01-Foo-2000 12:00:00 +0000",
        b"01-Jan-0000 12:00:00 +0000",
        b"01-Jan-20000 12:00:00 +0000",
        b"01-Jan-2000 24:00:00 +0000",
        b"01-Jan-2000 12:60:00 +0000",
        b"01-Jan-2000 12:00:61 +0000",
        b"01-Jan-2000 12:00:00 +2400",
        b"01-Jan-2000 12:00:00 +0060",
        b"01-Jan-2000 12:00:00 +2",
        b"01-Jan-2000 12:00:00 EST",
        b"01-Jan-2000 12:00:00 +0000" + b" " * 10**6,
    ],
)
def test_what_names_no_moment_is_none(text: bytes) -> None:
    assert parse(text) is None


def test_a_year_that_no_date_has_is_not_written() -> None:
    with pytest.raises(ValueError, match="ordinal"):
        InternalDate(-(10**12), 0).encode()


@given(
    st.lists(
        st.one_of(
            st.builds(
                lambda when, zone: InternalDate(seconds(when), zone).encode(), moments, zones
            ),
            st.sampled_from(
                [b" 7-Jul-1996 02:44:25 -0700", b"17-Jul-96 02:44:25 GMT", b"", b"yesterday"]
            ),
            st.binary(max_size=30),
        )
    )
)
def test_a_listing_is_read_as_its_dates_one_by_one(texts: list[bytes]) -> None:
    reader = DateReader()
    assert [reader.read(text) for text in texts * 2] == [parse(text) for text in texts * 2]
