from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.platforms import platforms
from tests.written_files import SECTIONS, as_read, written

from switchover.errors import Conflict, InvalidInput
from switchover.model.platform_file.rewrite import rewrite, same
from switchover.model.platform_file.tree import read_tree

FARM = """\
# the farm
platform: contoso   # its name
servers:
    cas1: {address: 192.0.2.11,   runs: [exchange]}   # old
    cas2:
        address: 192.0.2.12
        runs:
        - exchange   # 2019
        - dovecot
services:
    mail:   # one namespace
        port: 443
        # about names
        names: [mail.contoso.example]
        servers:
          - cas1
          - name: cas2   # weaker
            weight: 50
"""


def read(text: str) -> Any:
    return read_tree(text).value


def changed(text: str, change: Any) -> str:
    wanted = read(text)
    change(wanted)
    result = rewrite(text, wanted)
    assert same(read(result.text), wanted)
    return result.text


def differing(old: str, new: str) -> tuple[str, str]:
    """Return what is between the first and the last difference, in whole lines."""
    before, after = old.splitlines(), new.splitlines()
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return "\n".join(before), "\n".join(after)


def test_what_is_the_same_is_not_touched() -> None:
    assert rewrite(FARM, read(FARM)).text is FARM


def test_a_changed_scalar_is_all_that_changes() -> None:
    new = changed(FARM, lambda root: root["services"]["mail"].update(port=444))
    assert differing(FARM, new) == ("        port: 443", "        port: 444")


def test_a_value_in_braces_changes_between_its_braces() -> None:
    new = changed(
        FARM, lambda root: root["servers"]["cas1"].update(address="192.0.2.99", site="ghent")
    )
    assert differing(FARM, new)[1] == (
        "    cas1: {address: 192.0.2.99,   runs: [exchange], site: ghent}   # old"
    )


def test_keys_in_braces_come_and_go() -> None:
    def change(root: Any) -> None:
        root["servers"]["cas1"] = {"runs": ["exchange"], "weight": 5}

    assert "    cas1: {runs: [exchange], weight: 5}   # old" in changed(FARM, change)


def test_the_last_key_in_braces_goes_without_its_comma() -> None:
    def change(root: Any) -> None:
        root["servers"]["cas1"] = {"address": "192.0.2.11"}

    assert "    cas1: {address: 192.0.2.11}   # old" in changed(FARM, change)


def test_items_of_a_list_keep_their_comments_when_another_goes() -> None:
    new = changed(FARM, lambda root: root["services"]["mail"]["servers"].pop(0))
    assert differing(FARM, new) == ("          - cas1", "")


def test_a_new_item_stands_as_the_others_do() -> None:
    new = changed(FARM, lambda root: root["services"]["mail"]["servers"].append("cas3"))
    assert differing(FARM, new) == ("", "          - cas3")


def test_a_new_first_item_goes_before_the_first() -> None:
    new = changed(FARM, lambda root: root["servers"]["cas2"]["runs"].insert(0, "sogo"))
    assert differing(FARM, new) == ("", "        - sogo")


def test_a_key_inside_an_item_is_removed_alone() -> None:
    new = changed(FARM, lambda root: root["services"]["mail"]["servers"][1].pop("weight"))
    assert differing(FARM, new) == ("            weight: 50", "")


def test_the_first_key_of_an_item_leaves_its_dash() -> None:
    text = "a:\n  - x: 1   # one\n    y: 2\n    z: 3\n"
    assert changed(text, lambda root: root["a"][0].pop("x")) == "a:\n  - y: 2\n    z: 3\n"


def test_a_key_before_the_first_of_an_item_goes_behind_it() -> None:
    text = "a:\n  - y: 2\n    z: 3\n"
    result = rewrite(text, {"a": [{"x": 1, "y": 2, "z": 3}]}).text
    assert read(result) == {"a": [{"x": 1, "y": 2, "z": 3}]}
    assert result == "a:\n  - y: 2\n    x: 1\n    z: 3\n"


def test_a_key_before_the_first_of_a_mapping_goes_before_it() -> None:
    assert rewrite("b: 1\nc: 2\n", {"a": 0, "b": 1, "c": 2}).text == "a: 0\nb: 1\nc: 2\n"


def test_an_item_before_the_first_in_brackets_goes_before_it() -> None:
    assert rewrite("a: [2, 3]\n", {"a": [1, 2, 3]}).text == "a: [1, 2, 3]\n"


def test_keys_stand_where_the_wanted_order_has_them() -> None:
    wanted = {"a": 1, "b": 2, "c": 3}
    assert rewrite("a: 1\nc: 3\n", wanted).text == "a: 1\nb: 2\nc: 3\n"


def test_a_removed_block_takes_its_own_lines_and_leaves_the_comment_above() -> None:
    text = "servers:\n  # the old one\n  a: {x: 1}\n    # deeper: its own\n  b: {x: 2}\n"
    result = rewrite(text, {"servers": {"b": {"x": 2}}})
    assert result.text == "servers:\n  # the old one\n  b: {x: 2}\n"
    assert result.lost_comments == ("# deeper: its own",)


def test_a_section_that_becomes_empty_says_so() -> None:
    text = "services:\n  # none left\n  a:\n    x: 1\nz: 1\n"
    result = rewrite(text, {"services": {}, "z": 1})
    assert result.text == "services: {}\n  # none left\nz: 1\n"


def test_an_empty_section_is_filled_in_lines() -> None:
    text = "services: {}   # none yet\nz: 1\n"
    result = rewrite(text, {"services": {"a": {"x": {"y": 1}}}, "z": 1}).text
    assert result == "services:   # none yet\n  a:\n    x: {y: 1}\nz: 1\n"


def test_a_section_that_is_missing_goes_to_the_end_before_the_last_comment() -> None:
    result = rewrite("z: 1\n# the end\n", {"z": 1, "services": {"a": {"x": 1}}}).text
    assert result == "z: 1\nservices:\n  a:\n    x: 1\n# the end\n"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "# nothing yet"])
def test_a_file_without_values_gets_them_behind_what_it_has(text: str) -> None:
    result = rewrite(text, {"platform": "mail", "servers": {"a": {"x": 1}}}).text
    assert result.startswith(text)
    assert result.endswith(
        "platform: mail\nservers:\n  a: {x: 1}\n".rstrip("\n" if text and text[-1] != "\n" else "")
    )


def test_the_byte_order_mark_stays() -> None:
    assert rewrite("\ufeffa: 1\n", {"a": 2}).text == "\ufeffa: 2\n"


def test_windows_line_ends_stay_and_new_lines_have_them() -> None:
    result = rewrite("a:\r\n  b: 1\r\nc: 2\r\n", {"a": {"b": 1, "d": 2}, "c": 2}).text
    assert result == "a:\r\n  b: 1\r\n  d: 2\r\nc: 2\r\n"


def test_a_file_without_a_last_line_end_gets_none() -> None:
    assert rewrite("a: 1\nb: 2", {"a": 1, "b": 2, "c": 3}).text == "a: 1\nb: 2\nc: 3"


def test_json_stays_json() -> None:
    text = '{\n  "a": {"b": 1},\n  "c": "x"\n}\n'
    result = rewrite(text, {"a": {"b": 1, "e": "y"}, "c": "x", "d": {"k": True}}).text
    assert yaml.safe_load(result) == {"a": {"b": 1, "e": "y"}, "c": "x", "d": {"k": True}}
    assert result == '{\n  "a": {"b": 1, "e": "y"},\n  "c": "x",\n  "d": {"k": true}\n}\n'


def test_a_renamed_key_keeps_its_block() -> None:
    wanted = read(FARM)
    wanted["services"] = {"post": wanted["services"]["mail"]}
    result = rewrite(FARM, wanted, renamed={("services", "mail"): "post"}).text
    assert differing(FARM, result) == (
        "    mail:   # one namespace", "    post:   # one namespace",
    )  # fmt: skip


def test_a_long_value_is_broken_into_lines_and_a_short_one_put_together() -> None:
    long = [f"name{number}.contoso.example" for number in range(6)]
    new = changed(FARM, lambda root: root["services"]["mail"].update(names=long))
    assert max(map(len, new.splitlines())) > 100  # a list in brackets stays there
    text = "services:\n  a:\n    x: 1\n"
    wide = {"k": "v" * 60, "l": "w" * 60}
    result = rewrite(text, {"services": {"a": {"x": wide}}}).text
    assert result == f"services:\n  a:\n    x:\n      k: {'v' * 60}\n      l: {'w' * 60}\n"
    assert rewrite(result, {"services": {"a": {"x": 1}}}).text == text


def test_new_blocks_stand_as_their_neighbours_do() -> None:
    text = "services:\n  a: {x: 1}\nservers:\n  b:\n    x: 1\n"
    wanted = {"services": {"a": {"x": 1}, "c": {"x": 2}}, "servers": {"b": {"x": 1}, "d": {"x": 2}}}
    assert rewrite(text, wanted).text == (
        "services:\n  a: {x: 1}\n  c: {x: 2}\nservers:\n  b:\n    x: 1\n  d:\n    x: 2\n"
    )


def test_a_literal_text_is_replaced_whole() -> None:
    text = "a:\n  b: |\n    one\n    two\n\n  c: 1\n"
    result = rewrite(text, {"a": {"b": "three", "c": 1}}).text
    assert read(result) == {"a": {"b": "three", "c": 1}}
    assert result.endswith("  c: 1\n")


SHARED = "servers:\n  a: &base {x: 1, y: 2}\n  b: *base\n  c: {x: 3}\n"


def test_an_alias_is_written_out_where_it_changes() -> None:
    wanted = {"servers": {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 9}, "c": {"x": 3}}}
    assert "  b: {x: 1, y: 9}\n" in rewrite(SHARED, wanted).text


def test_what_others_share_is_written_out_before_it_changes() -> None:
    wanted = {"servers": {"a": {"x": 5, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 3}}}
    result = rewrite(SHARED, wanted)
    assert result.text == ("servers:\n  a: &base {x: 5, y: 2}\n  b: {x: 1, y: 2}\n  c: {x: 3}\n")
    assert result.written_out == ("base",)


def test_what_others_share_is_written_out_before_it_goes() -> None:
    text = "a: &one [1]\nservers:\n  b:\n    x: &two\n    - 2\n  c: {x: *two, y: *one}\n"
    result = rewrite(text, {"a": [1], "servers": {"c": {"x": [2], "y": [1]}}})
    assert result.text == "a: &one [1]\nservers:\n  c: {x: [2], y: *one}\n"
    assert result.written_out == ("two",)
    again = rewrite(text, {"a": 5, "servers": {"b": {"x": [2]}, "c": {"x": [2], "y": [1]}}})
    assert again.written_out == ("one",)


def test_a_section_that_is_shared_is_written_out_before_it_changes() -> None:
    text = "servers: &all\n  a: {x: 1}\nothers: *all\n"
    result = rewrite(text, {"servers": {"a": {"x": 2}}, "others": {"a": {"x": 1}}})
    assert result.text == "servers: &all\n  a: {x: 2}\nothers: {a: {x: 1}}\n"


def test_an_anchor_that_can_not_be_told_apart_is_refused() -> None:
    text = "a: &x {k: 1}\nb: &x {k: 2}\nc: *x\n? d\n: [*x]\n"
    with contextlib.suppress(Conflict):
        result = rewrite(text, {"a": {"k": 1}, "b": {"k": 3}, "c": {"k": 2}, "d": [{"k": 2}]})
        assert read(result.text)["c"] == {"k": 2}


def test_a_neighbour_of_what_is_shared_can_be_changed() -> None:
    wanted = {"servers": {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 4}}}
    assert rewrite(SHARED, wanted).text == SHARED.replace("x: 3", "x: 4")


def test_the_last_alias_may_go() -> None:
    wanted = {"servers": {"a": {"x": 1, "y": 2}, "c": {"x": 3}}}
    assert rewrite(SHARED, wanted).text == SHARED.replace("  b: *base\n", "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("? a\n: 1\n? b\n: 2\n", {"a": 1, "b": 3}),
        ("a:\n- - 1\n  - 2\n", {"a": [[1, 3]]}),
        ("a:\n- - 1\n  - 2\n", {"a": [[2]]}),
        ("a: [x: 1, 2]\n", {"a": [{"x": 2}, 2]}),
        ("a: {b, c: 1}\n", {"a": {"b": 5, "c": 1}}),
        ("a:\n  -\n  - 2\n", {"a": [1, 2]}),
    ],
)
def test_odd_yaml_is_changed_rightly_or_refused(text: str, wanted: Any) -> None:
    with contextlib.suppress(Conflict):
        assert same(read(rewrite(text, wanted).text), wanted)


@pytest.mark.parametrize("text", ["a: [", "[a]", "- a\n", "a"])
def test_what_is_no_mapping_is_not_changed(text: str) -> None:
    with pytest.raises(InvalidInput):
        rewrite(text, {"a": 1})


def test_truths_are_no_numbers() -> None:
    assert not same({"a": True}, {"a": 1})
    assert same({"a": 1.0}, {"a": 1})
    assert not same([1], [1, 2])
    assert not same({"a": 1}, {"b": 1})
    assert rewrite("a: 1\n", {"a": True}).text == "a: true\n"


BLOCKS = st.sampled_from(SECTIONS)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_changed_block_leaves_every_other_line_as_it_was(data: st.DataObject) -> None:
    platform = as_read(data.draw(platforms()))
    file = data.draw(written(platform))
    section = data.draw(BLOCKS)
    name = data.draw(st.sampled_from(sorted(platform[section])))
    other = as_read(data.draw(platforms()))
    block = data.draw(st.sampled_from(list(other[section].values())))
    wanted = {**platform, section: {**platform[section], name: block}}
    result = rewrite(file.text, wanted).text
    assert same(read(result), wanted)
    before, after = file.before((section, name)), file.after((section, name))
    assert result.startswith(before)
    assert result.endswith(after)
    assert len(result) >= len(before) + len(after)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_new_block_is_only_inserted(data: st.DataObject) -> None:
    platform = as_read(data.draw(platforms()))
    file = data.draw(written(platform))
    section = data.draw(BLOCKS)
    block = data.draw(st.sampled_from(list(platform[section].values())))
    wanted = {**platform, section: {**platform[section], "zz-new": block}}
    result = rewrite(file.text, wanted).text
    assert same(read(result), wanted)
    begin = next(
        (at for at, (one, two) in enumerate(zip(file.text, result, strict=False)) if one != two),
        len(file.text),
    )
    assert result.endswith(file.text[begin:])
    removed = rewrite(result, platform).text
    assert removed.rstrip("\r\n") == file.text.rstrip("\r\n")


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_removed_block_leaves_every_other_line_as_it_was(data: st.DataObject) -> None:
    platform = as_read(data.draw(platforms()))
    file = data.draw(written(platform))
    section = data.draw(BLOCKS)
    name = data.draw(st.sampled_from(sorted(platform[section])))
    blocks = {key: block for key, block in platform[section].items() if key != name}
    result = rewrite(file.text, {**platform, section: blocks}).text
    assert same(read(result), {**platform, section: blocks})
    kept = [line for owner, line in file.lines if owner != (section, name)]
    if blocks:
        assert result == "".join(kept)


def test_a_file_of_which_nothing_stays_is_written_anew() -> None:
    assert rewrite("a: 1\nb: 2\n", {"c": {"x": 1}}).text.strip() == "c:\n  x: 1"
    assert rewrite("{a: 1}\n", {"c": 2}).text.strip() == "c: 2"


def test_a_block_of_which_nothing_stays_keeps_the_comment_of_its_key() -> None:
    wide = {"k": "v" * 60, "l": "w" * 60}
    text = "services:\n  a:\n    x:   # why\n      old: 1\n    y: 1\n"
    assert rewrite(text, {"services": {"a": {"x": wide, "y": 1}}}).text == (
        f"services:\n  a:\n    x:   # why\n      k: {'v' * 60}\n      l: {'w' * 60}\n    y: 1\n"
    )
