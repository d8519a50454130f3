"""Connections give way to checks where open files are few."""

from __future__ import annotations

import functools

import pytest
from tests.builders import compiled, engine_facts, farm, http_service, server

from switchover.balance.descriptors import connections_that_fit, listeners_and_checks
from switchover.balance.virtual_service import Balance
from switchover.wire.haproxy.binary import descriptors_needed


@functools.cache
def many() -> Balance:
    return crowd(2500)


def crowd(servers: int, **sections: object) -> Balance:
    named = {f"cas{number}": server(number % 200) for number in range(servers)}
    return farm({"mail": http_service(servers=list(named))}, servers=named, **sections)


def maxconn(balance: Balance, **facts: int) -> int:
    known = engine_facts(max_connections=7500, **facts)
    return compiled(balance, facts=known).config.global_.max_connections


@pytest.mark.parametrize("servers", [1, 500, 1500])
def test_what_fits_is_all_that_fits(servers: int) -> None:
    balance = crowd(servers)
    fits = connections_that_fit(balance, open_files=20_000, threads=2)
    listeners, checks = listeners_and_checks(balance)
    needed = descriptors_needed(max_connections=fits, listeners=listeners, checks=checks, threads=2)
    assert 19_998 <= needed <= 20_000


def test_the_engine_takes_fewer_connections_where_checks_need_the_files() -> None:
    assert maxconn(crowd(2), open_files=20_000) == 7500
    assert maxconn(many(), open_files=20_000) == 4900
    assert maxconn(many()) == 7500


def test_the_platform_file_has_the_last_word() -> None:
    balance = crowd(2500, engine={"max_connections": 6000})
    assert maxconn(balance, open_files=20_000) == 6000


def test_an_engine_without_room_is_left_to_fail_with_its_own_words() -> None:
    assert maxconn(many(), open_files=1024) == 100
