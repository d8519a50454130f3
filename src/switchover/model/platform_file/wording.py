"""Faults that pydantic found, as sentences for an administrator.

pydantic speaks of dictionaries and instances; here that becomes what to write instead, with the nearest
known key or word. Values are quoted shortened: a message must stay readable whatever was in the file.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.model.platform_file.tree import Path

_LONGEST_SHOWN = 60
_CHOICES = frozenset({"enum", "literal_error"})

_WANTED = {
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_short": "a list or mapping with at least {min_length} entry",
    "string_too_long": "at most {max_length} characters long",
}


def sentence(kind: str, value: object, context: Mapping[str, Any], message: str) -> str:
    """Return what is wrong with ``value``.

    ``kind``, ``context`` and ``message`` are ``type``, ``ctx`` and ``msg`` of pydantic's error.
    """
    if kind in _CHOICES:
        return f"{shown(value)} is not one of {context['expected']}"
    wanted = _WANTED.get(kind)
    if wanted is None:
        return message.removeprefix("Value error, ")
    return f"must be {wanted.format(**context)}, not {shown(value)}"


def advice(kind: str, value: object, context: Mapping[str, Any]) -> str:
    """Return what to do about a fault, "" when the sentence says it all."""
    if kind in _CHOICES:
        words = str(context["expected"]).replace(" or ", ", ").split(",")
        return nearest(str(value), [word.strip(" '") for word in words])
    if kind == "string_type" and not isinstance(value, list | dict):
        return "put it in quotes if it is meant as text"
    return ""


def shown(value: object) -> str:
    """Return a value as it can stand in a sentence."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str() if len(value) > _LONGEST_SHOWN:
            return f"{value[:_LONGEST_SHOWN]!r}..."
        case _:
            return repr(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the question "did you mean ...?" for the closest known word, "" without one."""
    close = difflib.get_close_matches(word[:_LONGEST_SHOWN].lower(), list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""


def advice_on_key(key: str, known: list[str]) -> str:
    """Return what to do about a key that does not exist beside the ``known`` ones."""
    if key == "<<":
        return "merge keys are not understood; write the keys out"
    return nearest(key, known) or f"known here: {', '.join(sorted(known))}"


def known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys of the section at ``path``, by walking the annotations of ``model``."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [step for annotation in annotations for step in _steps(annotation, part)]
    sections = [item for item in annotations if _is_section(item)]
    return list(dict.fromkeys(name for section in sections for name in section.model_fields))


def _steps(annotation: Any, part: str | int) -> list[Any]:
    """Return what ``annotation`` holds under ``part``: unions opened, one annotation each."""
    if _is_section(annotation):
        field = annotation.model_fields.get(part)
        return _opened(field.annotation) if field else []
    inner = get_args(annotation)
    return _opened(inner[1] if get_origin(annotation) is dict else inner[0])


def _opened(annotation: Any) -> list[Any]:
    if _is_section(annotation) or get_origin(annotation) in {dict, list}:
        return [annotation]
    return [inner for argument in get_args(annotation) for inner in _opened(argument)]


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
