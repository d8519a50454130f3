"""Texts that must not be seen."""

from __future__ import annotations

import hmac
from typing import Self


class Secret:
    """A text that never shows itself: not in repr, str, format, JSON or a pickle.

    ``reveal`` is the only way to the value, so every use of a secret can be found by that word.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep ``value``; nothing is copied out again except by ``reveal``."""
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Return a constant, so that dataclasses and logs stay clean."""
        return "Secret(***)"

    def __str__(self) -> str:
        """Return a constant."""
        return "***"

    def __format__(self, _spec: str) -> str:
        """Return a constant, whatever width or type was asked for."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare in a time that does not depend on where two secrets differ."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """Hash like the value, so that equal secrets are one dictionary key."""
        return hash(self._value)

    def __deepcopy__(self, _memo: dict[int, object]) -> Self:
        """Return itself: it cannot change, and ``dataclasses.asdict`` copies deeply."""
        return self

    def __reduce__(self) -> str:
        """Refuse to be pickled."""
        raise TypeError("a Secret cannot be pickled")
