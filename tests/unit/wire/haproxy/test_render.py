from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import Corrupt
from switchover.wire.haproxy.config import (
    Backend,
    Bind,
    CheckStep,
    EngineConfig,
    Frontend,
    Global,
    HealthCheck,
    ServerLine,
)
from switchover.wire.haproxy.render import (
    digest_files,
    log_format_text,
    milliseconds,
    quoted,
    render_files,
    render_main,
)

SETTINGS = Global(
    description="contoso",
    admin_socket="unix@/run/my data/admin.sock",
    log_socket="/run/my data/log.sock",
    state_file="/run/my data/state",
    max_connections=100,
)


def words(line: str) -> list[str]:
    """Split a line as HAProxy does (manual 2.2), for what we emit: strong quotes and escapes."""
    found, word, inside, position = [], "", False, 0
    while position < len(line):
        sign = line[position]
        if sign == "'":
            inside = not inside
        elif sign == "\\" and not inside:
            position += 1
            word += line[position]
        elif sign == " " and not inside:
            found.append(word)
            word = ""
        else:
            word += sign
        position += 1
    return [*found, word]


@given(st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"])))
def test_quoted_text_is_one_word_and_itself(text: str) -> None:
    assert words(f"a {quoted(text)} b") == ["a", text, "b"]


def test_a_percent_sign_is_written_twice_in_a_log_format() -> None:
    assert log_format_text("/100%/%[src]") == "/100%%/%%[src]"


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2000ms"), (0.0004, "1ms"), (0.0015, "2ms"), (86400, "86400000ms")]
)
def test_times_are_whole_milliseconds_and_never_nothing(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text


def test_the_engine_as_a_whole_is_set_up_first() -> None:
    text = render_main(EngineConfig(global_=SETTINGS))
    for line in (
        "    description 'contoso'",
        "    default-path config",
        "    stats socket 'unix@/run/my data/admin.sock' mode 600 level admin expose-fd listeners",
        "    server-state-file '/run/my data/state'",
        "    maxconn 100",
        "    hard-stop-after 43200000ms",
        "    mworker-max-reloads 20",
        "    ssl-default-bind-options ssl-min-ver TLSv1.2",
        "    load-server-state-from-file global",
        "    option redispatch 1",
    ):
        assert line in text.splitlines()
    for word in ("nbthread", "user ", "group ", "localpeer", "peers", "ring", "max-spread-checks"):
        assert word not in text
    # In TCP mode it would replace the timeouts of client and server.
    assert "timeout tunnel" not in text


def test_what_is_not_needed_everywhere_appears_where_it_is() -> None:
    settings = Global(
        description="contoso", admin_socket="a", log_socket="b", state_file="c", max_connections=1, threads=2,
        user="u", group="g", peers_socket="unix@/run/my data/p", event_socket="/run/my data/e",
        max_spread_seconds=0.8,
    )  # fmt: skip
    lines = render_main(EngineConfig(global_=settings)).splitlines()
    for line in (
        "    nbthread 2",
        "    user u",
        "    group g",
        "    localpeer local",
        "    max-spread-checks 800ms",
        "peers kept",
        "    peer local 'unix@/run/my data/p'",
        "ring events",
    ):
        assert line in lines
    assert any("'/run/my data/e'" in line for line in lines)


def test_a_frontend_is_rendered_in_the_order_in_which_it_is_read() -> None:
    frontend = Frontend(
        name="mail",
        mode="http",
        binds=(
            Bind(address="192.0.2.1", port=443, certificates=("certs/a b.pem", "certs/c.pem"),
                 alpn=("h2", "http/1.1"), minimum_tls="TLSv1.3", accept_proxy=True),
            Bind(address="2001:db8::1", port=80),
            Bind(address="abns@sorry", certificates=("certs/d.pem",)),
        ),
        client_timeout_seconds=60,
        max_connections=9,
        lines=("option a", "option b"),
        routes=("use_backend x",),
    )  # fmt: skip
    text = render_main(EngineConfig(global_=SETTINGS, frontends=(frontend,)))
    assert text.partition("frontend mail\n")[2].splitlines() == [
        "    mode http",
        "    bind 192.0.2.1:443 accept-proxy ssl crt 'certs/a b.pem' crt 'certs/c.pem' "
        "alpn h2,http/1.1 ssl-min-ver TLSv1.3",
        "    bind [2001:db8::1]:80",
        "    bind abns@sorry ssl crt 'certs/d.pem'",
        "    timeout client 60000ms",
        "    maxconn 9",
        "    option a",
        "    option b",
        "    use_backend x",
    ]


def test_a_backend_is_rendered_with_its_check_and_servers() -> None:
    backend = Backend(
        name="mail.owa",
        mode="tcp",
        balance="leastconn",
        lines=("option a", ""),
        check=HealthCheck(option="tcp-check", steps=(CheckStep(text="connect"),), timeout_seconds=2),
        server_options=("check", "", "inter 2s"),
        servers=(
            ServerLine(name="one", address="192.0.2.1", port=1, weight=5, disabled=True, backup=True,
                       max_connections=7, options=("port 9",)),
            ServerLine(name="two", address="2001:db8::1", port=2),
            ServerLine(name="sorry", address="abns@x", port=None),
        ),
    )  # fmt: skip
    text = render_main(EngineConfig(global_=SETTINGS, backends=(backend,)))
    assert text.partition("backend mail.owa\n")[2].splitlines() == [
        "    mode tcp",
        "    balance leastconn",
        "    timeout server 60000ms",
        "    option a",
        "    timeout check 2000ms",
        "    option tcp-check",
        "    tcp-check connect",
        "    default-server check inter 2s",
        "    server one 192.0.2.1:1 weight 5 maxconn 7 backup port 9 disabled",
        "    server two [2001:db8::1]:2 weight 100",
        "    server sorry abns@x weight 100",
    ]


def test_a_backend_may_do_without_check_and_options() -> None:
    check = HealthCheck(option="httpchk", steps=(CheckStep(text="expect status 200"),))
    with_check = Backend(name="a", mode="http", balance="first", servers=(), check=check)
    bare = Backend(name="b", mode="http", balance="first", servers=())
    text = render_main(EngineConfig(global_=SETTINGS, backends=(with_check, bare)))
    assert "    http-check expect status 200" in text.splitlines()
    assert text.partition("backend b\n")[2].splitlines() == [
        "    mode http",
        "    balance first",
        "    timeout server 60000ms",
    ]


@pytest.mark.parametrize("sign", ["\n", "\r", "\0"])
def test_no_value_can_begin_a_line_of_its_own(sign: str) -> None:
    frontend = Frontend(
        name="mail", mode="tcp", binds=(), client_timeout_seconds=1, lines=(f"a{sign}b",)
    )
    with pytest.raises(Corrupt, match="holds a line break"):
        render_main(EngineConfig(global_=SETTINGS, frontends=(frontend,)))


def test_every_file_is_rendered_by_its_name() -> None:
    config = EngineConfig(
        global_=SETTINGS,
        maps={"maps/a": (("/owa/", "owa"), ("/ecp/", "ecp"))},
        lists={"lists/b": ("192.0.2.0/24", "::1/128")},
        files={"certs/c.pem": b"\x00\xff"},
    )
    files = render_files(config)
    assert files.pop("haproxy.cfg").startswith(b"# Written by switchover.")
    assert files == {
        "maps/a": b"/owa/ owa\n/ecp/ ecp\n",
        "lists/b": b"192.0.2.0/24\n::1/128\n",
        "certs/c.pem": b"\x00\xff",
    }


def test_equal_folders_have_equal_digests_in_any_order() -> None:
    first = digest_files({"a": b"1", "b": b"2"})
    assert first == digest_files({"b": b"2", "a": b"1"})
    for other in ({"a": b"1"}, {"a": b"2", "b": b"1"}, {"a": b"12", "b": b""}, {"ab": b"12"}):
        assert digest_files(other) != first
