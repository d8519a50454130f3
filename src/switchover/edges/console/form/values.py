"""What a form holds: text by field name, as a browser sends it and as it is shown again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LINE_ENDS = {"\r\n": "\n", "\r": "\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Texts by name. Fields without any are empty; nothing is trimmed, so that input can be shown again."""

    by_name: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @staticmethod
    def of(pairs: Iterable[tuple[str, str]]) -> Values:
        """Return the values of a posted form; line ends become those of a file."""
        found: dict[str, list[str]] = {}
        for name, text in pairs:
            for end, plain in _LINE_ENDS.items():
                text = text.replace(end, plain)  # noqa: PLW2901 - the same text, cleaned
            found.setdefault(name, []).append(text)
        return Values(by_name={name: tuple(texts) for name, texts in found.items()})

    def get(self, name: str) -> str:
        """Return the one text of a field, "" without one."""
        texts = self.by_name.get(name, ())
        return texts[-1] if texts else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every text of a field, of check boxes for example."""
        return self.by_name.get(name, ())

    def has(self, name: str, text: str = "yes") -> bool:
        """True when one of the field's texts is this one."""
        return text in self.by_name.get(name, ())

    def is_filled(self, names: Iterable[str]) -> bool:
        """True when somebody wrote into one of these fields."""
        return any(self.get(name).strip() for name in names)

    def with_texts(self, **texts: Iterable[str]) -> Values:
        """Return values with these fields replaced."""
        more = {name: tuple(given) for name, given in texts.items()}
        return Values(by_name={**self.by_name, **more})

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield every name and text, for hidden fields."""
        for name, texts in self.by_name.items():
            for text in texts:
                yield name, text
