"""Where a page may lead: paths of this console, whatever somebody wrote into an address."""

from __future__ import annotations

import urllib.parse

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from switchover.edges.console.page import local_path, see_other

TRICKY = st.lists(
    st.sampled_from([*"/\\[]@:?#.%&\t\r\n ", "evil.example", "http:", "\u2100", "\ud800"])
)


@given(st.one_of(st.text(), TRICKY.map("".join), TRICKY.map(lambda parts: "/" + "".join(parts))))
def test_whatever_is_asked_for_the_way_leads_to_this_console(text: str) -> None:
    path = local_path(text)
    assert path in {text, "/"}
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert path.isprintable()
    address = urllib.parse.urljoin("https://ours.example/sign-in", path)
    assert urllib.parse.urlsplit(address)[:2] == ("https", "ours.example")


@pytest.mark.parametrize(
    "text", ["//[", "//[evil]/", "/\\evil.example", "//\u2100.example", "http://["]
)
def test_what_is_no_address_leads_to_the_overview(text: str) -> None:
    assert local_path(text) == "/"


@given(
    st.text().map(lambda text: local_path(f"/{text}")),
    st.sampled_from([[], [(b"hx-request", b"true")]]),
)
def test_every_path_fits_into_an_answer(path: str, headers: list[tuple[bytes, bytes]]) -> None:
    answer = see_other(Request({"type": "http", "headers": headers}), path)
    named = "HX-Redirect" if headers else "Location"
    assert answer.headers[named].startswith("/")
