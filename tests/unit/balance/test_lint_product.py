"""Exact product versions, as people write them."""

from __future__ import annotations

import pytest

from switchover.balance.lint.product import (
    ExchangeVersion,
    Protection,
    parse_cyrus,
    parse_exchange,
)


@pytest.mark.parametrize(
    ("text", "year", "update"),
    [
        ("exchange-2013", 2013, None),
        ("exchange-2013-cu23", 2013, 23),
        ("exchange-2016-cu23", 2016, 23),
        ("exchange-2019", 2019, None),
        ("exchange-2019-cu14", 2019, 14),
        ("exchange-2019cu14", 2019, 14),
        ("exchange2019-cu-9", 2019, 9),
        ("exchange-server-2019-cu14-su5", 2019, 14),
        ("Exchange_2019_CU15", 2019, 15),
        ("exchange-se", None, None),
        ("exchangese", None, None),
        ("exchange-server-se-cu1", None, None),
        ("exchange-subscription-edition", None, None),
        ("exchange-15.0.1497.48", 2013, None),
        ("exchange-15.1.2507", 2016, None),
        ("exchange-15.2.1258.12", 2019, 13),
        ("exchange-15.2.1544.4", 2019, 14),
        ("15.2.2562.17", 2019, 14),
    ],
)
def test_versions_are_read_tolerantly(text, year, update):
    assert parse_exchange(text) == ExchangeVersion(year=year, update=update)


@pytest.mark.parametrize("text", [None, "", "dovecot-2.4", "exchange", "exchange-2010", "15.9.1"])
def test_anything_else_is_no_version(text):
    assert parse_exchange(text) is None


@pytest.mark.parametrize(
    ("text", "protection"),
    [
        ("exchange-2013-cu23", Protection.OFF_BY_DEFAULT),
        ("exchange-2016-cu23", Protection.OFF_BY_DEFAULT),
        ("exchange-2019-cu13", Protection.OFF_BY_DEFAULT),
        ("exchange-2019", Protection.UNKNOWN),
        ("exchange-2019-cu14", Protection.ON),
        ("exchange-2019-cu15", Protection.ON),
        ("exchange-se", Protection.ON),
        ("exchange-15.2.1544", Protection.ON),
        ("exchange-15.2.1258", Protection.OFF_BY_DEFAULT),
    ],
)
def test_protection_is_on_from_2019_cu14(text, protection):
    version = parse_exchange(text)
    assert version is not None
    assert version.protection is protection


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("cyrus-3.8", (3, 8)),
        ("cyrus-imapd-3.12.1", (3, 12)),
        ("cyrus", None),
        ("dovecot-2.4", None),
        (None, None),
    ],
)
def test_cyrus_versions(text, version):
    assert parse_cyrus(text) == version
