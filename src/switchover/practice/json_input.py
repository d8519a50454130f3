"""Reads JSON objects key by key and reports every fault with its place.

The farm may use no other part of the product, so it has its own small reader for specifications,
stories and control requests.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from switchover.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

T = TypeVar("T")


def read_json(text: str | bytes, *, source: str) -> object:
    """Return the JSON value.

    Raises:
        InvalidInput: not JSON; names line and column.
    """
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        problem = Problem(message=error.msg, line=error.lineno, column=error.colno, source=source)
        raise InvalidInput(f"{source} is no JSON: {problem}", (problem,)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"{source} is no JSON: {error}") from error
    return value


def as_object(
    value: object, *, path: str, known: Collection[str] | None = None
) -> dict[str, object]:
    """Return the value as an object, refusing keys outside ``known`` (None: any key).

    Raises:
        InvalidInput: another type, or an unknown key.
    """
    if not isinstance(value, dict):
        raise _wrong(path, "must be an object")
    for key in value:
        if known is not None and key not in known:
            raise _wrong(f"{path}.{key}", f"unknown key; known are {', '.join(known)}")
    return value


def take(value: Mapping[str, object], key: str, kind: type[T], default: T, *, path: str) -> T:
    """Return ``value[key]``, or the default when it is absent or null.

    Raises:
        InvalidInput: another type. A whole number passes as float, a truth value never as number.
    """
    found = value.get(key)
    if found is None:
        return default
    if kind is float and isinstance(found, int) and not isinstance(found, bool):
        found = float(found)
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise _wrong(f"{path}.{key}", f"must be {kind.__name__}, not {type(found).__name__}")
    return found


def take_texts(
    value: Mapping[str, object], key: str, default: Collection[str], *, path: str
) -> tuple[str, ...]:
    """Return a list of texts as a tuple.

    Raises:
        InvalidInput: not a list of texts.
    """
    found = value.get(key)
    if found is None:
        return tuple(default)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise _wrong(f"{path}.{key}", "must be a list of texts")
    return tuple(found)


def take_text_map(value: Mapping[str, object], key: str, *, path: str) -> dict[str, str]:
    """Return an object whose values are texts; empty when absent.

    Raises:
        InvalidInput: not an object, or a value that is no text.
    """
    found = as_object(value.get(key) or {}, path=f"{path}.{key}")
    texts = {name: text for name, text in found.items() if isinstance(text, str)}
    if len(texts) != len(found):
        raise _wrong(f"{path}.{key}", "must map names to texts")
    return texts


def _wrong(path: str, message: str) -> InvalidInput:
    problem = Problem(message=message, path=path)
    return InvalidInput(str(problem), (problem,))
