from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from switchover.model.platform_file import scalars
from switchover.model.platform_file.tree import WrittenFloat


def accepted(kind: Any, value: object) -> object:
    return TypeAdapter(kind).validate_python(value)


def refused(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (30, 30.0),
        (0.5, 0.5),
        (WrittenFloat("1.50"), 1.5),
        ("30", 30.0),
        ("30s", 30.0),
        ("500ms", 0.5),
        ("1ms", 0.001),
        ("5m", 300.0),
        ("1.5h", 5400.0),
        ("24d", 24 * 86400.0),
        (" 2s ", 2.0),
    ],
)
def test_durations_are_seconds(written: object, seconds: float) -> None:
    assert accepted(scalars.Duration, written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    [0, -1, "0s", "0.5ms", "25d", "2s 3ms", "2 s", "s", "", "1w", "-1s", "1e3", True, None, [1], {},
     math.inf, math.nan, "\u0661s", "9" * 900],
)  # fmt: skip
def test_what_is_no_duration_the_engine_can_keep_is_refused(written: object) -> None:
    message = refused(scalars.Duration, written)
    assert "must be" in message
    assert len(message) < 150


def test_no_duration_overflows_the_engines_31_bit_milliseconds() -> None:
    assert scalars.LONGEST_DURATION_DAYS * 86400 * 1000 < 2**31


@pytest.mark.parametrize("written", ["cas1", "a", "0", "a-b", "a" * 40, 123, WrittenFloat("010")])
def test_names_are_short_and_plain(written: object) -> None:
    accepted(scalars.Name, written)


@pytest.mark.parametrize(
    "written",
    ["", "-a", "a-", "A", "a.b", "a_b", "a b", "a\n", "a" * 41, "é", "all", "sorry", "none",
     "redirect", WrittenFloat("1.5"), True, None],
)  # fmt: skip
def test_other_names_are_refused(written: object) -> None:
    refused(scalars.Name, written)


@pytest.mark.parametrize("written", ["owa", "sogo/activesync", "a-b/c-d"])
def test_workloads_may_name_their_template(written: str) -> None:
    assert accepted(scalars.WorkloadName, written) == written


@pytest.mark.parametrize("written", ["", "/owa", "owa/", "a/b/c", "OWA", "a b", "owa\n"])
def test_other_workload_names_are_refused(written: str) -> None:
    assert "is not a workload name" in refused(scalars.WorkloadName, written)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("2001:0DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ],
)
def test_addresses_are_kept_in_their_shortest_form(written: str, address: str) -> None:
    found = str(accepted(scalars.Address, written))
    assert found == address or ":ffff:" in address


@pytest.mark.parametrize(
    "written",
    ["", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.1:443", "[::1]", "mail.contoso.example",
     "192.0.2.1/24", "fe80::1%eth0", "::1%a b", "::1%'\n    bind :1", "224.0.0.1", "ff02::1",
     "255.255.255.255", "192.0.2.1 weight 0", 3221225985],
)  # fmt: skip
def test_what_is_not_the_address_of_one_machine_is_refused(written: object) -> None:
    refused(scalars.Address, written)


@pytest.mark.parametrize("written", ["0.0.0.0", "::", "0:0::0"])
def test_a_server_needs_an_address_of_its_own(written: str) -> None:
    assert "means every address" in refused(scalars.ServerAddress, written)
    assert accepted(scalars.ServerAddress, "192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("written", "network"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_networks_hold_their_prefix(written: str, network: str) -> None:
    assert accepted(scalars.Network, written) == network


@pytest.mark.parametrize(
    "written", ["192.0.2.1/24", "::1%x/64", "::%a b/0", "x", "", "192.0.2.0/33"]
)
def test_what_is_no_network_is_refused(written: str) -> None:
    assert "is not an address or network" in refused(scalars.Network, written)


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("mail.contoso.example", "mail.contoso.example"),
        ("Mail.Contoso.Example.", "mail.contoso.example"),
        ("bücher.contoso.example", "xn--bcher-kva.contoso.example"),
        ("_dmarc.contoso.example", "_dmarc.contoso.example"),
        (123, "123"),
        (WrittenFloat("1.20"), "1.20"),
    ],
)
def test_host_names_are_lower_case_and_ascii(written: object, host: str) -> None:
    assert accepted(scalars.HostName, written) == host


@pytest.mark.parametrize(
    "written",
    ["", ".", "a..b", "-a.example", "a b", "a/b", "a:443", "*.contoso.example", "a" * 64, "a." * 200,
     "é" * 300, "\u200d", "a%b", "a'b", 'a"b', "a\nb", "a#b", None, True],
)  # fmt: skip
def test_other_host_names_are_refused(written: object) -> None:
    assert len(refused(scalars.HostName, written)) < 200


@pytest.mark.parametrize(
    "written", ["mail.pem", "_x", "My Certificate (1).pem".replace("(1)", "1"), "a-b.c"]
)
def test_files_stand_beside_the_platform_file(written: str) -> None:
    assert accepted(scalars.FileName, written) == written


@pytest.mark.parametrize(
    "written",
    ["", "../x", "a/b", "/etc/passwd", ".x", "a..b", "a\nb", "a'b", 'a"b', "é.pem", "~/x"],
)
def test_files_elsewhere_are_refused(written: str) -> None:
    assert "plain file name" in refused(scalars.FileName, written)


@pytest.mark.parametrize("written", [200, "200", "200-399", 599])
def test_a_status_is_a_code_or_a_range(written: object) -> None:
    assert accepted(scalars.Status, written) == str(written)


@pytest.mark.parametrize(
    "written", [99, 600, "2xx", "399-200", "200,302", True, 200.5, [200], "x" * 900]
)
def test_other_statuses_are_refused(written: object) -> None:
    assert len(refused(scalars.Status, written)) < 150


@pytest.mark.parametrize("written", ["/", "/owa/healthcheck.htm", "/a%20b", "/$x'()*+,;=:@!~"])
def test_url_paths_are_printable_and_start_with_a_slash(written: str) -> None:
    assert accepted(scalars.UrlPath, written) == written


@pytest.mark.parametrize(
    "written", ["", "owa", "/a b", "/a#b", "/a?b", '/a"b', "/a\\b", "/é", "/a\n", "/" * 300]
)
def test_other_url_paths_are_refused(written: str) -> None:
    assert "is not a URL path" in refused(scalars.UrlPath, written)


def test_path_prefixes_are_written_as_requests_are_matched() -> None:
    assert accepted(scalars.PathPrefix, "/owa/") == "/owa/"
    assert accepted(scalars.PathPrefix, "/") == "/"
    for written in ("/a%20b", "/a//b", "/a/../b", "/.."):
        assert "is not a path prefix" in refused(scalars.PathPrefix, written)
    assert "is not a URL path" in refused(scalars.PathPrefix, "owa")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (scalars.Product, "exchange-2019-cu14", "Exchange 2019"),
        (scalars.Product, WrittenFloat("15.20"), "-x"),
        (scalars.HeaderName, "DAV", "D AV"),
        (scalars.BodyText, 'it\'s "up" # %[x] ${HOME} \\', "a\nb"),
        (scalars.BodyText, 200, ""),
        (scalars.TlsVersion, WrittenFloat("1.2"), "1.1"),
        (scalars.Method, "HEAD", "POST"),
        (scalars.Title, 2024, "x" * 81),
        (scalars.Sentence, "because", "x" * 201),
        (scalars.Port, 443, 0),
        (scalars.Port, 65535, "443"),
        (scalars.Port, 1, True),
        (scalars.PortKey, "443", "x"),
        (scalars.PortKey, 443, "65536"),
        (scalars.Weight, 0, 257),
        (scalars.Count, 1, 0),
    ],
)
def test_each_kind_of_value_knows_its_bounds(kind: Any, good: object, bad: object) -> None:
    accepted(kind, good)
    refused(kind, bad)


def test_numbers_are_text_as_they_were_written() -> None:
    assert scalars.as_written(WrittenFloat("1.20")) == "1.20"
    assert scalars.as_written(10) == "10"
    assert scalars.as_written(True) is True
    assert scalars.as_written(None) is None


WORDS: tuple[TypeAdapter[Any], ...] = tuple(
    TypeAdapter(kind)
    for kind in (
        scalars.Name,
        scalars.WorkloadName,
        scalars.Address,
        scalars.Network,
        scalars.HostName,
    )
)


@given(st.text(max_size=80))
def test_nothing_that_is_accepted_can_break_out_of_a_word(text: str) -> None:
    for adapter in WORDS:
        try:
            value = str(adapter.validate_python(text))
        except ValidationError:
            continue
        assert not set(value) & set(" \t\n\r\"'\\#$%{}[]()")
