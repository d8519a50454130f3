from __future__ import annotations

import pytest

from switchover.errors import InvalidInput
from switchover.store.pool import Database, describe_place


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        ("postgresql://ada:hunter2@db1.contoso.example/farm", "db1.contoso.example:5432/farm"),
        ("postgresql://ada@[::1]:5433/farm?sslmode=require", "::1:5433/farm"),
        ("host=/run/x port=5432 user=switchover dbname=switchover", "/run/x:5432/switchover"),
        ("postgresql:///farm", "localhost:5432/farm"),
        ("hostaddr=192.0.2.1", "192.0.2.1:5432/"),
    ],
)
def test_a_database_is_named_without_user_and_password(dsn: str, place: str) -> None:
    assert describe_place(dsn) == place


def test_an_unreadable_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        Database("postgresql://ada:hunter2@db1:port/farm?no such option")
    assert "SWITCHOVER_DATABASE_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
