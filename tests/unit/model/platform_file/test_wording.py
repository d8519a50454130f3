from __future__ import annotations

import pytest

from switchover.model.platform_file.spec import PlatformSpec
from switchover.model.platform_file.spec_health import TemplateSpec
from switchover.model.platform_file.tree import Path, WrittenFloat
from switchover.model.platform_file.wording import (
    advice,
    advice_on_key,
    known_keys,
    nearest,
    sentence,
    shown,
)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        ("x", "'x'"),
        (5, "5"),
        (WrittenFloat("1.5"), "1.5"),
        ("x" * 900, f"'{'x' * 60}'..."),
    ],
)
def test_values_are_quoted_as_they_fit_a_sentence(value: object, words: str) -> None:
    assert shown(value) == words


def test_choices_are_listed_and_the_nearest_is_suggested() -> None:
    context = {"expected": "'none', 'source' or 'cookie'"}
    assert (
        sentence("enum", "cook", context, "") == "'cook' is not one of 'none', 'source' or 'cookie'"
    )
    assert advice("enum", "cook", context) == "did you mean 'cookie'?"
    assert advice("literal_error", "zzz", context) == ""


def test_a_value_of_the_wrong_kind_is_told_what_is_wanted() -> None:
    assert sentence("int_type", "x", {}, "") == "must be a whole number, not 'x'"
    assert sentence("greater_than_equal", 0, {"ge": 1}, "") == "must be at least 1, not 0"
    assert advice("int_type", "x", {}) == ""


def test_text_that_looks_like_something_else_is_advised_to_be_quoted() -> None:
    assert advice("string_type", True, {}) == "put it in quotes if it is meant as text"
    assert advice("string_type", [], {}) == ""


def test_our_own_sentences_are_left_alone() -> None:
    assert sentence("value_error", "x", {}, "Value error, 'x' is wrong") == "'x' is wrong"


def test_a_word_unlike_all_others_has_no_nearest() -> None:
    assert nearest("zzz", ["address", "port"]) == ""
    assert nearest("ADRESS", ["address", "port"]) == "did you mean 'address'?"


def test_an_unknown_key_is_answered_with_the_nearest_or_with_all() -> None:
    assert advice_on_key("prot", ["port", "address"]) == "did you mean 'port'?"
    assert advice_on_key("zzz", ["port", "address"]) == "known here: address, port"
    assert "merge keys" in advice_on_key("<<", ["port"])


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ((), "servers"),
        (("servers", "cas1"), "runs"),
        (("services", "mail"), "scheduler"),
        # Names of one's own may be words of the file as well.
        (("servers", "title"), "runs"),
        (("services", "port"), "scheduler"),
        (("services", "tls", "tls"), "minimum"),
        (("services", "mail", "servers", 0), "backup"),
        (("services", "mail", "names", "owa"), "address"),
        (("services", "mail", "health"), "profile"),
        (("services", "mail", "health", "workloads", "owa"), "expect_status"),
        (("services", "mail", "sorry"), "page"),
        (("templates", "own", "workloads", "x", "check"), "method"),
        (("internal_names", 0), "service"),
    ],
)
def test_the_known_keys_are_those_of_the_section_at_the_path(path: Path, key: str) -> None:
    assert key in known_keys(PlatformSpec, path)


@pytest.mark.parametrize(
    "path",
    [("platform", "x"), ("nothing",), ("platform", "x", "y"), ("servers", "a", "ports", 443)],
)
def test_where_no_section_can_be_no_key_is_known(path: Path) -> None:
    assert known_keys(PlatformSpec, path) == []


def test_templates_have_keys_of_their_own() -> None:
    assert known_keys(TemplateSpec, ()) == ["title", "workloads"]
