from __future__ import annotations

from switchover.edges.console.form.field import FormField, Kind, entries, find, show_field
from switchover.edges.console.form.values import Values


def test_line_ends_of_browsers_become_those_of_files() -> None:
    found = Values.of([("a", "1\r\n2\r3"), ("b", "x"), ("b", "y")])
    assert found.get("a") == "1\n2\n3"
    assert found.all("b") == ("x", "y")
    assert found.get("b") == "y"
    assert found.get("c") == ""
    assert found.has("b", "x")
    assert not found.has("c")


def test_values_can_be_carried_on() -> None:
    found = Values.of([("a", "1"), ("b", "x"), ("b", "y")]).with_texts(a=["2"])
    assert list(found.pairs()) == [("a", "2"), ("b", "x"), ("b", "y")]


def test_scalars_are_shown_as_they_are_written() -> None:
    field = FormField(path=("a", "b"), title="A")
    assert (field.name, field.id) == ("a.b", "field-a-b")
    assert show_field(field, None) == ()
    assert show_field(field, 1.5) == ("1.5",)
    assert show_field(field, True) == ("true",)
    three = FormField(path=("a",), title="A", kind=Kind.THREE_WAY)
    assert show_field(three, False) == ("no",)
    assert show_field(three, True) == ("yes",)


def test_empty_words_are_none() -> None:
    field = FormField(path=("a",), title="A")
    assert entries(field, " , ;\n") == []
    assert entries(field, "a b,c") == ["a", "b", "c"]
    files = FormField(path=("a",), title="A", kind=Kind.FILES)
    assert entries(files, "My Mail.pem, b.pem\n") == ["My Mail.pem", "b.pem"]
    assert find({"a": 1}, ("a", "b")) is None


def test_a_field_is_filled_when_somebody_wrote_into_it() -> None:
    found = Values.of([("a", " "), ("b", "x")])
    assert not found.is_filled(["a", "c"])
    assert found.is_filled(["a", "b"])
