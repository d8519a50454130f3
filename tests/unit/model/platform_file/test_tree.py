from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import outcome

from switchover.errors import InvalidInput, Problem
from switchover.model.platform_file import tree
from switchover.model.platform_file.tree import (
    MAX_BYTES,
    Place,
    WrittenFloat,
    decode,
    read_tree,
)


def fault(text: str | bytes) -> Problem:
    with pytest.raises(InvalidInput) as caught:
        read_tree(decode(text, source="farm.yaml") if isinstance(text, bytes) else text)
    (problem,) = caught.value.problems
    return problem


def test_plain_scalars_are_those_of_yaml_1_2() -> None:
    text = "{a: 1, b: -2, c: 1.5, d: true, e: False, f: ~, g: , h: 'no', i: no, j: on, k: 0x1f, l: 08.5}"
    assert read_tree(text).value == {
        "a": 1,
        "b": -2,
        "c": 1.5,
        "d": True,
        "e": False,
        "f": None,
        "g": None,
        "h": "no",
        "i": "no",
        "j": "on",
        "k": "0x1f",
        "l": 8.5,
    }


@pytest.mark.parametrize("written", ["1.20", "010", "1e3", ".5", "7."])
def test_numbers_with_a_fraction_remember_their_spelling(written: str) -> None:
    value = read_tree(f"a: {written}").value["a"]
    assert isinstance(value, WrittenFloat)
    assert value == float(written)
    assert value.text == written


@pytest.mark.parametrize(
    "written", ["9" * 40, "." + "9" * 40, "1.2.3", "1_000", "12:30", "nan", ".inf"]
)
def test_what_is_no_reasonable_number_stays_text(written: str) -> None:
    assert read_tree(f"a: {written}").value == {"a": written}


def test_quoted_and_tagged_scalars_are_text() -> None:
    text = "- \"1\"\n- '2'\n- !!str 3\n- ! 4\n- |-\n  5\n"
    assert read_tree(text).value == ["1", "2", "3", "4", "5"]


def test_keys_are_always_text() -> None:
    assert read_tree("{1: a, true: b, 1.50: c, ~: d, '': e}").value == {
        "1": "a",
        "true": "b",
        "1.50": "c",
        "~": "d",
        "": "e",
    }


def test_every_value_has_the_place_of_itself_and_of_its_key() -> None:
    places = read_tree("a:\n  b: [1,\n      2]\n").places
    assert places["a", "b", 1] == Place(3, 7, 3, 7)
    assert places["a", "b"] == Place(2, 6, 2, 3)
    assert places["a",] == Place(2, 3, 1, 1)


def test_columns_count_characters_not_bytes() -> None:
    assert read_tree("äöü: {é: 1}").places["äöü", "é"] == Place(1, 10, 1, 7)


def test_a_path_that_is_not_in_the_text_has_the_place_of_its_nearest_ancestor() -> None:
    found = read_tree("# farm\na:\n  b: 1\n")
    assert found.place_of(("a", "b", "c", "d")) == found.places["a", "b"]
    assert found.place_of(("x", "y")) == found.places[()]


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_an_empty_document_is_an_empty_mapping_at_the_first_character(text: str) -> None:
    found = read_tree(text)
    assert found.value == {}
    assert found.place_of(("a",)) == Place(1, 1, 1, 1)


def test_aliases_repeat_what_their_anchor_holds() -> None:
    assert read_tree("a: &x [1, {b: 2}]\nc: *x\nd: &y 5\ne: *y").value == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
        "d": 5,
        "e": 5,
    }


def test_a_byte_order_mark_is_ignored_in_bytes_and_in_text() -> None:
    assert read_tree(decode("\ufeffa: 1".encode())).value == {"a": 1}
    assert read_tree("\ufeffa: 1").value == {"a": 1}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "'c' stands here a second time (first in line 3)"),
        ("services:\n  mail: {}\n  mail: {}\n", 3, 3, "'mail' stands here a second time"),
        ("a: 1\n---\nb: 1\n", 2, 1, "a second document starts here"),
        ("a: !!python/object/apply:os.system [id]", 1, 4, "tag !!python/object/apply:os.system is"),
        ("a: !!python/name:os.system x", 1, 4, "tag !!python/name:os.system is not understood"),
        ("!!python/name:os.system a: x", 1, 1, "tag !!python/name:os.system is not understood"),
        ("a: !secret b", 1, 4, "the tag !secret is not understood"),
        ("a: !!int '5'", 1, 4, "the tag !!int is not understood"),
        ("a: !!binary aGk=", 1, 4, "the tag !!binary is not understood"),
        ("%TAG ! tag:contoso.example,2026:\n---\na: 1", 1, 1, "%TAG is not understood"),
        ("a: *x", 1, 4, "alias *x has no anchor before it"),
        ("a: &a [*a]", 1, 8, "alias *a has no anchor before it"),
        ("? [a]\n: 1", 1, 3, "a key must be a plain word"),
        ("a: &x b\n*x : 1", 2, 1, "a key must be a plain word"),
        ("a: [1, 2", 2, 1, "did not find expected ',' or ']'"),
        ("a: 'x", 1, 6, "found unexpected end of stream"),
        ("a: b: c", 1, 5, "mapping values are not allowed"),
        ("a:\n\tb: 1", 2, 1, "cannot start any token"),
        ("a: 1\n\tb: 1", 2, 1, "tab character"),
        ("a: é\nb: x\x07y", 2, 5, "the character U+0007 is not allowed"),
        ("a: \x00", 1, 4, "the character U+0000 is not allowed"),
        ("a: \ud800", 1, 4, "the character U+D800 is not allowed"),
        ("%YAML 3.0\n---\na: 1", 1, 1, "incompatible YAML document"),
        ('a: "\\ud800"', 1, 7, "invalid Unicode character escape code"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_a_fault_with_its_place(
    text: str, line: int, column: int, words: str
) -> None:
    problem = fault(text)
    assert words in problem.message
    assert (problem.line, problem.column) == (line, column)


@pytest.mark.parametrize("text", ["a:\n\tb: 1", "a: 1\n\tb: 1"])
def test_a_tab_is_answered_with_what_to_do(text: str) -> None:
    assert fault(text).hint == "indent with spaces"


@pytest.mark.parametrize(
    ("raw", "line", "column", "byte"),
    [
        (b"\xff\xfea\x00", 1, 1, "0xff"),
        ("a: é\nbé: ".encode() + b"\xfc\n", 2, 5, "0xfc"),
        (b"\xef\xbb\xbfa: \xe9", 1, 4, "0xe9"),
        (b"a: 1\r\nb: \x80", 2, 4, "0x80"),
    ],
)
def test_what_is_not_utf_8_is_found_at_its_exact_place(
    raw: bytes, line: int, column: int, byte: str
) -> None:
    problem = fault(raw)
    assert problem.message == f"byte {byte} is not UTF-8"
    assert (problem.line, problem.column, problem.source) == (line, column, "farm.yaml")


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (laughs(9), "values after aliases are expanded"),
        ("a: &a [" + "x," * 1000 + "]\nb: [" + "*a," * 1000 + "]", "values after aliases"),
        ("a: " + "[" * 100_000, "nested deeper than 32 levels"),
        ("a: " + "{a: " * 100_000, "nested deeper than 32 levels"),
        ("- " * 100_000, "nested deeper than 32 levels"),
        ("\n".join(" " * n + "a:" for n in range(100)), "nested deeper than 32 levels"),
        ("a: " + "x" * 1_000_000, "a value of 1,000,000 characters"),
        ("a: '" + "x" * 1001 + "'", "a value of 1,001 characters"),
        ("? " + "x" * 1001 + "\n: 1", "a value of 1,001 characters"),
        ("a: " + "9" * 1_000_000, "a value of 1,000,000 characters"),
        ("%TAG !a! tag:x\n" * 1000, "%TAG is not understood"),
    ],
)
def test_bombs_are_refused_before_they_cost_anything(text: str, words: str) -> None:
    problem = fault(text)
    assert words in problem.message
    assert problem.line is not None
    assert len(str(problem)) < 200


def test_more_values_than_a_platform_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_NODES", 100)
    assert "more than 100 values" in fault("[" + "1," * 101 + "]").message
    assert len(read_tree("[" + "1," * 99 + "]").value) == 99


def test_a_file_of_50_mb_is_refused_by_its_size() -> None:
    problem = fault(b"a: " + b"x" * 50_000_000)
    assert "the file has 50,000,003 bytes" in problem.message
    assert problem.hint == "is this really a platform file?"


def test_text_as_large_is_refused_as_well() -> None:
    assert "too large" in fault("#" * (MAX_BYTES + 1)).message


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert all(problem.line for problem in outcome(lambda: read_tree(text)))


@given(
    st.lists(
        st.sampled_from(
            ["a", "b: ", "- ", "? ", ": ", "[", "]", "{", "}", ",", "&a ", "*a", "!!str ", "!t ",
             "|\n", ">-\n", "'", '"', "\n", "  ", "\t", "#", "%", "---\n", "...\n", "<<", "\\x", "\r", "é"]
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_any_heap_of_yaml_marks_is_read_or_refused_at_a_place(text: str) -> None:
    assert all(problem.line for problem in outcome(lambda: read_tree(text)))


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_refused_where_they_are_not(raw: bytes) -> None:
    assert all(problem.column for problem in outcome(lambda: decode(raw)))
