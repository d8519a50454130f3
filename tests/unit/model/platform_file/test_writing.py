from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.model.platform_file.rewrite import same
from switchover.model.platform_file.tree import WrittenFloat, read_tree
from switchover.model.platform_file.writing import entry_lines, flow, json_text, key_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**17), 10**17), TEXTS,
    st.floats(min_value=-1e14, max_value=1e14, allow_nan=False),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


@given(VALUES)
def test_what_is_written_on_one_line_is_read_as_it_was(value: object) -> None:
    assert same(read_tree(f"a: {flow(value)}").value["a"], value)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 4))
def test_what_is_written_in_lines_is_read_as_it_was(
    value: dict[str, object], levels: int, step: int
) -> None:
    lines = [
        line
        for key, item in value.items()
        for line in entry_lines(key, item, column=0, step=step, levels=levels)
    ]
    assert same(read_tree("\n".join(lines)).value, value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (443, "443"),
        ("443", '"443"'),
        (0.5, "0.5"),
        (30.0, "30"),
        (WrittenFloat("1.20"), "1.20"),
        (True, "true"),
        (None, "null"),
        ("true", '"true"'),
        ("no", "no"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:db8::1", '"2001:db8::1"'),
        ("My Mail.pem", "My Mail.pem"),
        ("- a", '"- a"'),
        ('say "hi"\n', '"say \\"hi\\"\\u000a"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("/owa/", "/owa/"),
    ],
)
def test_scalars_are_written_as_people_write_them(value: object, written: str) -> None:
    assert flow(value) == written


def test_keys_are_always_text() -> None:
    assert key_text("443") == "443"
    assert key_text("a b: c") == '"a b: c"'


def test_json_is_written_for_files_that_are_json() -> None:
    assert json.loads(json_text({"a": ["ü", True, None]})) == {"a": ["ü", True, None]}
