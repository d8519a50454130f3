"""Which engine runs, and which would be better."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput, NotFound
from switchover.wire.haproxy.binary import (
    Engine,
    EngineVersion,
    Origin,
    descriptors_needed,
    find_binary,
    max_connections_within,
    packaged_engine,
    parse_policy,
    parse_version,
    select_newer,
)

# Recorded from the bundled engine, shortened.
BUNDLED = """\
HAProxy version 2.8.25-5cf5d0683 2026/06/26 - https://haproxy.org/
Status: long-term supported branch - will stop receiving fixes around Q2 2028.
Known bugs: http://www.haproxy.org/bugs/bugs-2.8.25.html

Feature list : -51DEGREES +ACCEPT4 +EPOLL -QUIC +OPENSSL +SSL

Built with multi-threading support (MAX_TGROUPS=16, MAX_THREADS=256, default=2).
Built with OpenSSL version : OpenSSL 3.0.15 3 Sep 2024
Running on OpenSSL version : OpenSSL 3.0.15 3 Sep 2024
OpenSSL library supports SNI : yes
"""
POLICY = """\
haproxy:
  Installed: (none)
  Candidate: 3.0.11-1+deb13u1
  Version table:
     3.0.11-1+deb13u1 500
libssl3t64:
  Installed: 3.5.1-1+deb13u1
  Candidate: 3.5.1-1+deb13u1
N: Unable to locate package libssl1.1
"""


def version(haproxy: tuple[int, int, int], tls: str = "OpenSSL 3.0.15 3 Sep 2024") -> EngineVersion:
    numbers = tuple(int(part) for part in tls.split()[1].split(".")) if tls else ()
    return EngineVersion(haproxy=haproxy, text="", tls_library=tls, tls_version=numbers)


OURS = version((2, 8, 25))


def on_machine(other: EngineVersion) -> Engine:
    return Engine(origin=Origin.MACHINE, version=other, path=Path("/usr/sbin/haproxy"))


def test_the_bundled_engine_tells_both_versions() -> None:
    parsed = parse_version(BUNDLED)
    assert parsed.haproxy == (2, 8, 25)
    assert parsed.text == "2.8.25-5cf5d0683"
    assert (parsed.tls_library, parsed.tls_version) == ("OpenSSL 3.0.15 3 Sep 2024", (3, 0, 15))
    assert parsed.branch_end == "Q2 2028"
    assert {"EPOLL", "SSL"} <= parsed.features
    assert "QUIC" not in parsed.features
    assert parsed.is_usable


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("HAProxy version 3.2-dev7-1a2b 2025/01/01", (3, 2, 7)),
        ("HAProxy version 2.6.12-1+deb12u4 2023/12/16", (2, 6, 12)),
        ("HAProxy version 3.0.11 2025/06/01", (3, 0, 11)),
        ("HAProxy version 3.4 2026/06/01", (3, 4, 0)),
    ],
)
def test_other_builds_are_read(line: str, numbers: tuple[int, int, int]) -> None:
    parsed = parse_version(f"{line}\nStatus: odd\n")
    assert parsed.haproxy == numbers
    assert (parsed.tls_library, parsed.tls_version, parsed.branch_end) == ("", (), "")


def test_the_library_in_use_counts_not_the_one_built_with() -> None:
    text = BUNDLED.replace(
        "Running on OpenSSL version : OpenSSL 3.0.15", "Running on OpenSSL version : OpenSSL 3.0.17"
    )
    assert parse_version(text).tls_version == (3, 0, 17)


def test_an_older_branch_is_not_usable() -> None:
    assert not version((2, 6, 12)).is_usable
    assert version((2, 8, 0)).is_usable


@pytest.mark.parametrize("text", ["", "nginx version: nginx/1.24", "\0\xff"])
def test_something_else_is_no_engine(text: str) -> None:
    with pytest.raises(InvalidInput, match="not the output of haproxy"):
        parse_version(text)


@given(st.text())
def test_no_output_breaks_the_parser(text: str) -> None:
    for candidate in (text, f"HAProxy version 2.8.1 {text}"):
        try:
            parse_version(candidate)
        except InvalidInput:
            continue


@pytest.mark.parametrize(
    ("other", "newer"),
    [
        (version((2, 8, 25)), None),
        (version((2, 8, 24)), None),
        (version((3, 0, 1)), (True, False)),
        (version((2, 8, 25), "OpenSSL 3.0.17 1 Jul 2025"), (False, True)),
        (version((2, 8, 5), "OpenSSL 3.5.1 1 Jul 2025"), (False, True)),
        (version((3, 2, 1), "OpenSSL 3.5.1 1 Jul 2025"), (True, True)),
        (version((3, 2, 1), "AWS-LC 9.99.0"), (True, False)),
        (version((2, 6, 99), "OpenSSL 3.5.1 1 Jul 2025"), None),
        (version((2, 8, 9), ""), None),
    ],
)
def test_only_usable_engines_that_are_ahead_are_named(
    other: EngineVersion, newer: tuple[bool, bool] | None
) -> None:
    found = [(one.newer_haproxy, one.newer_tls) for one in select_newer(OURS, [on_machine(other)])]
    assert found == ([newer] if newer else [])


def test_the_distributions_engine_runs_on_its_own_tls_library() -> None:
    engine = packaged_engine(parse_policy(POLICY))
    assert engine is not None
    assert (engine.origin, engine.path) == (Origin.DISTRIBUTION, None)
    assert engine.version.haproxy == (3, 0, 11)
    assert engine.version.tls_version == (3, 5, 1)
    assert select_newer(OURS, [engine])[0].newer_tls


@pytest.mark.parametrize(
    "output",
    [
        "",
        "haproxy:\n  Installed: (none)\n  Candidate: (none)\n",
        "N: Unable to locate package haproxy\n",
    ],
)
def test_a_distribution_without_an_engine_offers_none(output: str) -> None:
    assert packaged_engine(parse_policy(output)) is None


def test_an_epoch_is_no_version() -> None:
    policy = parse_policy("haproxy:\n  Installed: (none)\n  Candidate: 1:2.9.4-1\n")
    engine = packaged_engine(policy)
    assert engine is not None
    assert engine.version.haproxy == (2, 9, 4)
    assert engine.version.tls_library == ""


def test_a_given_binary_must_be_executable(tmp_path: Path) -> None:
    plain = tmp_path / "haproxy"
    plain.write_text("")
    for path in (plain, tmp_path, tmp_path / "missing"):
        with pytest.raises(NotFound, match="not an executable file"):
            find_binary(path)
    plain.chmod(0o755)
    assert find_binary(plain) == (plain, Origin.GIVEN)


def test_without_one_given_the_bundled_binary_is_found() -> None:
    path, origin = find_binary()
    assert origin is Origin.BUNDLED
    assert path.name == "haproxy"


@given(st.integers(200, 1_000_000), st.integers(0, 500), st.integers(0, 9000), st.integers(1, 64))
def test_the_largest_number_of_connections_fits_the_limit(
    limit: int, listeners: int, checks: int, threads: int
) -> None:
    most = max_connections_within(limit, listeners=listeners, checks=checks, threads=threads)

    def need(connections: int) -> int:
        return descriptors_needed(
            max_connections=connections, listeners=listeners, checks=checks, threads=threads
        )

    assert need(most) <= limit < need(most + 1)


def test_versions_are_values() -> None:
    assert dataclasses.replace(OURS) == OURS
