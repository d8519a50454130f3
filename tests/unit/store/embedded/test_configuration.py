from __future__ import annotations

from pathlib import Path

from switchover.store.embedded.configuration import (
    render_access,
    render_identities,
    render_settings,
)


def test_the_server_listens_on_its_socket_only() -> None:
    lines = render_settings(
        socket_directory=Path("/run/x"), configuration_directory=Path("/data")
    ).splitlines()
    assert "listen_addresses = ''" in lines
    assert "unix_socket_directories = '/run/x'" in lines
    assert "hba_file = '/data/pg_hba.conf'" in lines
    assert not [line for line in lines if line.startswith(("fsync", "full_page_writes"))]


def test_quotes_and_backslashes_in_a_path_stay_inside_the_value() -> None:
    text = render_settings(
        socket_directory=Path("/run"), configuration_directory=Path(r"/it's\here")
    )
    assert r"hba_file = '/it''s\\here/pg_hba.conf'" in text


def test_nobody_connects_but_by_the_kernels_word() -> None:
    assert render_access() == "local all switchover,postgres peer map=owner\n"


def test_each_system_user_may_be_both_roles() -> None:
    assert render_identities(("root", 'odd "name')).splitlines() == [
        'owner "root" switchover',
        'owner "root" postgres',
        'owner "odd ""name" switchover',
        'owner "odd ""name" postgres',
    ]
