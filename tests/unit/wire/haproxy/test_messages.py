"""What the engine prints, told with the place it means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.wire.haproxy.messages import Level, describe, parse_messages

# Recorded from a 2.8.25.
REFUSED = """\
[NOTICE]   (13481) : haproxy version is 2.8.25-5cf5d0683
[NOTICE]   (13481) : path to executable is ./haproxy
[ALERT]    (13481) : config : parsing [bad.cfg:5] : unknown keyword 'bogus' in 'frontend' section
[ALERT]    (13481) : config : Error(s) found in configuration file : bad.cfg
[ALERT]    (13481) : Binding [/etc/x.cfg:20] for frontend z: cannot bind socket (Address already in use) for [127.0.0.1:19002]
"""
WARNED = """\
[WARNING]  (13483) : config : missing timeouts for frontend 'a'.
   | While not properly invalid, you will certainly encounter various problems
   | with such a configuration.
Warnings were found.
"""


def test_messages_have_their_place_in_the_file() -> None:
    first, second, third = parse_messages(REFUSED)
    assert (first.level, first.file, first.line) == (Level.ALERT, "bad.cfg", 5)
    assert str(first) == "bad.cfg:5: unknown keyword 'bogus' in 'frontend' section"
    assert (second.file, second.line) == ("", None)
    assert (third.file, third.line) == ("/etc/x.cfg", 20)
    assert "Address already in use" in third.text


def test_continued_lines_belong_to_their_message() -> None:
    (warning,) = parse_messages(WARNED)
    assert warning.level is Level.WARNING
    assert "you will certainly encounter" in warning.text


def test_a_reloads_frame_is_no_message() -> None:
    assert parse_messages("Success=1\n--\n[NOTICE]   (1) : haproxy version is 2.8\n\n") == ()


def test_lines_without_a_level_are_kept() -> None:
    (only,) = parse_messages("Segmentation fault\n")
    assert (only.level, only.text) == (Level.NOTICE, "Segmentation fault")


def test_people_are_told_the_gravest_first() -> None:
    assert describe(parse_messages(WARNED + REFUSED)).startswith("bad.cfg:5: unknown keyword")
    assert describe(parse_messages(WARNED)).startswith("missing timeouts")
    assert describe(()) == "it said nothing"


@given(st.text())
def test_no_output_raises(text: str) -> None:
    describe(parse_messages(text))
