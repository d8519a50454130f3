from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
from pathlib import Path

import pytest

from switchover.errors import InvalidInput
from switchover.settings import (
    LONGEST_DATA_PATH_BYTES,
    VARIABLES,
    ListenAddress,
    Secret,
    Settings,
    Tls,
    read_settings,
)


def read(environment: dict[str, str] | None = None, **given: object) -> Settings:
    return read_settings({"HOME": "/home/ada", **(environment or {})}, user_id=1000, **given)  # type: ignore[arg-type]


def test_a_user_keeps_data_in_the_home_directory() -> None:
    assert read().data_dir == Path("/home/ada/.local/state/switchover")


def test_a_user_keeps_data_where_xdg_says() -> None:
    assert read({"XDG_STATE_HOME": "/srv/state"}).data_dir == Path("/srv/state/switchover")


def test_a_relative_xdg_directory_is_ignored() -> None:
    assert read({"XDG_STATE_HOME": "state"}).data_dir == Path("/home/ada/.local/state/switchover")


def test_root_keeps_data_in_var_lib() -> None:
    settings = read_settings({}, user_id=0)
    assert settings.is_root
    assert settings.data_dir == Path("/var/lib/switchover")


def test_the_home_directory_comes_from_the_user_database_without_home() -> None:
    settings = read_settings({"SWITCHOVER_DATA": "~/farm"}, user_id=os.getuid())
    assert settings.data_dir.name == "farm"
    assert settings.data_dir.is_absolute()


def test_a_user_without_a_home_must_name_the_directory() -> None:
    with pytest.raises(InvalidInput, match="SWITCHOVER_DATA: this user has no home directory"):
        read_settings({}, user_id=4_000_000_000)


def test_an_argument_wins_over_the_environment() -> None:
    environment = {
        "SWITCHOVER_DATA": "/srv/one",
        "SWITCHOVER_API": "127.0.0.1:1",
        "SWITCHOVER_KEEP_ENGINE": "yes",
    }
    settings = read(environment, data="/srv/two", api="127.0.0.1:2", keep_engine=False)
    assert settings.data_dir == Path("/srv/two")
    assert settings.api.port == 2
    assert not settings.keep_engine


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = read({variable.name: "" for variable in VARIABLES})
    assert settings == read()


def test_a_relative_directory_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(data="farm").data_dir == (tmp_path / "farm").resolve()
    assert read(keep_engine=True).keep_engine


def test_every_directory_and_file_lies_in_the_data_directory() -> None:
    settings = read(data="/srv/farm")
    paths = [
        settings.run_dir,
        settings.engine_dir,
        settings.postgres_dir,
        settings.postgres_socket_dir,
        settings.token_file,
        settings.key_file,
        settings.lock_file,
    ]
    assert all(path.is_relative_to("/srv/farm") for path in paths)
    assert len(set(paths)) == len(paths)


def test_sockets_of_a_long_data_directory_go_to_a_short_one() -> None:
    fits = "/" + "d" * (LONGEST_DATA_PATH_BYTES - 1)
    assert read(data=fits).run_dir == Path(fits) / "run"
    long = read(data=fits + "d").run_dir
    assert long.parent == Path("/tmp")
    assert len(str(long)) < 40
    assert long != read(data=fits + "e").run_dir
    assert long == read(data=fits + "d").run_dir


@pytest.mark.parametrize("name", ["with space", "a,b", "ünicode", "a@b", 'quo"te'])
def test_sockets_avoid_paths_that_other_programs_read_their_own_way(name: str) -> None:
    assert read(data=f"/srv/{name}").run_dir.parent == Path("/tmp")


def test_the_longest_socket_fits_the_kernels_limit() -> None:
    run_dir = read(data="/" + "d" * (LONGEST_DATA_PATH_BYTES - 1)).run_dir
    assert len(str(run_dir)) + 1 + 40 == 107
    assert len("postgresql/.s.PGSQL.5432") <= 40


@pytest.mark.parametrize(
    ("variable", "text", "advice"),
    [
        ("SWITCHOVER_DATA", "bad\nname", "is no directory"),
        ("SWITCHOVER_DATABASE_URL", "mysql://u:hunter2@h/d", "write a URL such as postgresql://"),
        ("SWITCHOVER_HAPROXY", "/no/such/haproxy", "is no program we may run"),
        ("SWITCHOVER_API", "8440", "write for example 127.0.0.1:8440"),
        ("SWITCHOVER_API", "127.0.0.1:", "write for example"),
        ("SWITCHOVER_API", "127.0.0.1:65536", "write for example"),
        ("SWITCHOVER_API", "127.0.0.1:" + "9" * 5000, "write for example"),
        ("SWITCHOVER_API", "127.0.0.1:٣", "write for example"),
        ("SWITCHOVER_API", ":8440", "write for example"),
        ("SWITCHOVER_API", "::1:8440", "write for example"),
        ("SWITCHOVER_API", "[::1:8440", "write for example"),
        ("SWITCHOVER_API", "[fish]:8440", "write for example"),
        ("SWITCHOVER_API", "300.1.1.1:8440", "write for example"),
        ("SWITCHOVER_API", "a b:8440", "write for example"),
        ("SWITCHOVER_AGENT_PORT", "-1", "from 0 to 65535"),
        ("SWITCHOVER_AGENT_PORT", "65536", "from 0 to 65535"),
        ("SWITCHOVER_AGENT_PORT", "many", "from 0 to 65535"),
        ("SWITCHOVER_CYCLE_SECONDS", "0", "from 0.1 to 3600"),
        ("SWITCHOVER_CYCLE_SECONDS", "nan", "from 0.1 to 3600"),
        ("SWITCHOVER_SAMPLE_SECONDS", "soon", "from 0.1 to 3600"),
        ("SWITCHOVER_KEEP_ENGINE", "perhaps", "neither yes nor no"),
        ("SWITCHOVER_DATABASE_CONNECTIONS", "1", "from 2 to 40"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    variable: str, text: str, advice: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read({variable: text})
    assert str(caught.value).startswith(f"{variable}: ")
    assert advice in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_wrong_argument_is_refused_by_the_name_of_its_option() -> None:
    for given, option in (
        ({"data": ""}, "--data"),
        ({"api": "here"}, "--api"),
        ({"api": ""}, "--api"),
        ({"haproxy": Path("/no/such")}, "--haproxy"),
    ):
        with pytest.raises(InvalidInput, match=f"^{option}: "):
            read(**given)


@pytest.mark.parametrize(
    ("text", "host", "port", "is_loopback"),
    [
        ("127.0.0.1:8440", "127.0.0.1", 8440, True),
        ("127.8.9.1:0", "127.8.9.1", 0, True),
        ("[::1]:8440", "::1", 8440, True),
        ("localhost:80", "localhost", 80, True),
        ("0.0.0.0:443", "0.0.0.0", 443, False),
        ("[2001:db8::1]:443", "2001:db8::1", 443, False),
        ("lb1.contoso.example:443", "lb1.contoso.example", 443, False),
    ],
)
def test_an_address_reads_back_as_it_was_written(
    text: str, host: str, port: int, is_loopback: bool
) -> None:
    address = read(api=text).api
    assert address == ListenAddress(host=host, port=port)
    assert str(address) == text
    assert address.is_loopback is is_loopback


def test_every_variable_sets_the_field_it_names(tmp_path: Path) -> None:
    program = tmp_path / "haproxy"
    program.write_text("")
    program.chmod(0o755)
    secret = tmp_path / "secret"
    secret.write_text("word\n")
    written: dict[str, tuple[str, object]] = {
        "database_url": ("postgres://h/d", Secret("postgres://h/d")),
        "haproxy": (str(program), program),
        "api": ("[::1]:1", ListenAddress(host="::1", port=1)),
        "keep_engine": ("ON", True),
        "public_url": ("https://h/", "https://h"),
        "api_connections": ("700", 700),
        "tls": ("on", Tls.ON),
        "tls_certificate": (str(program), program),
        "tls_key": (str(program), program),
        "trusted_proxies": ("::1, 192.0.2.0/24", ("::1", "192.0.2.0/24")),
        "oidc_issuer": ("https://h/", "https://h/"),
        "oidc_client_id": ("we", "we"),
        "oidc_client_secret_file": (str(secret), Secret("word")),
        "oidc_name": ("Contoso", "Contoso"),
        "oidc_scopes": ("groups", ("openid", "groups")),
        "oidc_groups_claim": ("roles", "roles"),
        "oidc_viewer_groups": ("a;b", ("a", "b")),
        "oidc_operator_groups": ("a, b", ("a, b",)),
        "oidc_admin_groups": ("a", ("a",)),
        "oidc_ca_file": (str(program), program),
    }
    whole = {
        "oidc_issuer": ("oidc_client_id", "public_url", "oidc_admin_groups"),
        "tls_key": ("tls_certificate",),
        "tls_certificate": ("tls_key",),
    }
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    for variable in VARIABLES:
        text, value = written.get(variable.field, ("7", 7))
        others = {
            f"SWITCHOVER_{name.upper()}": written[name][0] for name in whole.get(variable.field, ())
        }
        found = getattr(read({**others, variable.name: text}), variable.field)
        assert found == value
        default = fields[variable.field].default
        assert default is None or type(found) is type(default)
        assert variable.meaning
    assert {variable.field for variable in VARIABLES} == set(fields) - {"data_dir", "user_id"}


@pytest.mark.parametrize("text", ["no", "0", "False", "off"])
def test_a_flag_can_be_switched_off(text: str) -> None:
    assert read({"SWITCHOVER_KEEP_ENGINE": text}).keep_engine is False


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("hunter2")
    settings = read({"SWITCHOVER_DATABASE_URL": "postgresql://u:hunter2@h/d"})
    shown = [repr(secret), str(secret), f"{secret:>20}", f"{secret!r}", f"{[secret]}"]
    shown += [repr(settings), str(settings), str(dataclasses.asdict(settings))]
    assert not [text for text in shown if "hunter2" in text]
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    assert secret.reveal() == "hunter2"


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert {Secret("a"): 1}[Secret("a")] == 1
    secret = Secret("ü")
    assert copy.deepcopy(secret) is secret
