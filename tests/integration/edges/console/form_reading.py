"""What a browser would send for the form of a page that posts."""

from __future__ import annotations

from html.parser import HTMLParser

Fields = list[tuple[str, str]]


def fields_of(text: str, *, action: str) -> Fields:
    """Return the fields of the form with this action, as they stand; buttons and files are left out."""
    reader = _Reader(action)
    reader.feed(text)
    assert reader.was_found, f"no form posts to {action}"
    return reader.fields


def with_fields(fields: Fields, **texts: str | list[str] | None) -> Fields:
    """Return fields with others in the place of those named; ``__`` in a name is a dot, None leaves out."""
    changed = {name.replace("__", "."): given for name, given in texts.items()}
    kept = [(name, text) for name, text in fields if name not in changed]
    return kept + [
        (name, text)
        for name, given in changed.items()
        for text in (given if isinstance(given, list) else [given])
        if text is not None
    ]


class _Reader(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
        self.fields: Fields = []
        self.was_found = False
        self.is_inside = False
        self.select: tuple[str, str | None] | None = None
        self.area: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.is_inside = given.get("method") == "post" and given.get("action") == self.action
            self.was_found |= self.is_inside
        elif self.is_inside and tag == "input":
            self._input(given)
        elif self.is_inside and tag == "select":
            self.select = (given["name"], None)
        elif self.select and tag == "option" and ("selected" in given or self.select[1] is None):
            self.select = (self.select[0], given.get("value", ""))
        elif self.is_inside and tag == "textarea":
            self.area = (given["name"], "")

    def _input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        is_on = kind not in {"checkbox", "radio"} or "checked" in given
        if is_on and kind != "file" and given.get("name"):
            self.fields.append((given["name"], given.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self.area:
            self.area = (self.area[0], self.area[1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_inside = False
        elif tag == "select" and self.select:
            self.fields.append((self.select[0], self.select[1] or ""))
            self.select = None
        elif tag == "textarea" and self.area:
            # The first line end only keeps the text from losing its own.
            self.fields.append((self.area[0], self.area[1].removeprefix("\n")))
            self.area = None
