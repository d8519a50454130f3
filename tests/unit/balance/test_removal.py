"""Who took a server or service out of the platform file is found in the texts of revisions."""

from __future__ import annotations

import re

import pytest
from tests.builders import farm_text, http_service

from switchover.balance.removal import removed_line, stands_in

TEXT = """\
platform: contoso
servers:
  # tls: {address: no server}
  cas1: {address: 192.0.2.11, runs: [exchange]}

  "cas2":
    address: 192.0.2.12
services:
  mail:
    tls:
      mode: re-encrypt
    servers: [cas1, cas2]
"""


@pytest.mark.parametrize(
    ("section", "name", "expected"),
    [
        ("servers", "cas1", True),
        ("servers", "cas2", True),
        ("servers", "cas", False),
        ("servers", "tls", False),
        ("servers", "address", False),
        ("servers", "mail", False),
        ("services", "mail", True),
        ("services", "tls", False),
        ("services", "cas1", False),
    ],
)
def test_an_entry_is_known_by_its_section_and_depth(
    section: str, name: str, expected: bool
) -> None:
    assert stands_in(TEXT, section, name) is expected


def test_texts_as_switchover_writes_them_are_read_too() -> None:
    text = farm_text({"mail": http_service()})
    assert stands_in(text, "servers", "cas2")
    assert stands_in(text, "services", "mail")
    assert not stands_in(text, "services", "cas2")


def test_a_difference_that_takes_out_the_line_of_a_key_fits() -> None:
    pattern = removed_line("cas1.x")
    assert pattern
    assert re.search(pattern, "@@ -1 +1 @@\n-  cas1.x: {address: 192.0.2.11}")
    assert re.search(pattern, '-    "cas1.x":')
    assert not re.search(pattern, "+  cas1.x: {}")
    assert not re.search(pattern, "-  cas1-x: {}")
    assert not re.search(pattern, "-    servers: [cas1.x]")


@pytest.mark.parametrize("name", ["", "a b", "a(", "a" * 64, "\\d+", "é"])
def test_what_is_no_name_is_not_searched_for(name: str) -> None:
    assert removed_line(name) is None
