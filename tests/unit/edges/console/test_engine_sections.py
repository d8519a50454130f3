"""The engine's configuration is read in sections and searched by words."""

from __future__ import annotations

from switchover.edges.console.engine_sections import search

TEXT = """# written by switchover

global
    maxconn 100

frontend mail
    bind 203.0.113.10:443
    use_backend mail.owa if owa

backend mail.owa
    balance leastconn
    server cas1 192.0.2.11:443 check
"""


def test_every_line_is_in_the_section_it_stands_in() -> None:
    sections = search(TEXT, "").sections
    assert [one.title for one in sections] == [
        "at the top",
        "global",
        "frontend mail",
        "backend mail.owa",
    ]
    assert [(line.number, line.text) for line in sections[1].lines[:2]] == [
        (3, "global"),
        (4, "    maxconn 100"),
    ]
    assert "\n".join(line.text for one in sections for line in one.lines) == TEXT.rstrip("\n")
    assert search("\n\n", "").sections == ()


def test_without_words_everything_is_shown() -> None:
    found = search(TEXT, "  ")
    assert (len(found.sections), found.count, found.hidden) == (4, 0, 0)


def test_a_line_is_found_by_all_its_words_in_any_case() -> None:
    found = search(TEXT, "CAS1 server")
    assert [one.title for one in found.sections] == ["backend mail.owa"]
    assert [line.text.strip() for one in found.sections for line in one.lines if line.is_found] == [
        "server cas1 192.0.2.11:443 check"
    ]
    assert search(TEXT, "cas9").sections == ()


def test_sections_of_that_name_come_first() -> None:
    found = search(TEXT, "mail.owa")
    assert [one.title for one in found.sections] == ["backend mail.owa", "frontend mail"]


def test_a_page_ends_where_it_would_be_too_long_but_never_before_the_first_section() -> None:
    found = search(TEXT, "", most=4)
    assert ([one.title for one in found.sections], found.hidden) == (["at the top"], 3)
    found = search(TEXT, "maxconn", most=1)
    assert (len(found.sections), found.hidden) == (1, 0)
