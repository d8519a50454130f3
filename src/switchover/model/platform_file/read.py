"""Platform file text to a PlatformSpec, or every fault with its place and the nearest known key."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from switchover.errors import InvalidInput, Problem
from switchover.model.platform_file.spec import PlatformSpec
from switchover.model.platform_file.spec_health import TemplateSpec
from switchover.model.platform_file.tree import Path, Tree, decode, read_kept_tree, read_tree
from switchover.model.platform_file.wording import advice, advice_on_key, known_keys, sentence
from switchover.model.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

MAX_PROBLEMS = 50

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFile:
    """A platform file that is well-formed: its values, and where each of them stands."""

    spec: PlatformSpec
    tree: Tree
    source: str = ""

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """Return a fault at ``path``; faults in what a key holds point at the value."""
        return _problem(self.tree, path, message, hint=hint, source=self.source)


def read_platform_file(content: bytes | str, *, source: str = "") -> PlatformFile:
    """Return the validated platform file.

    Raises InvalidInput that carries a Problem (line, column, path, hint) for every fault found, at
    most MAX_PROBLEMS. Does not look beyond the file: services that name unknown servers are found
    by ``balance.resolve``.
    """
    text = decode(content, source=source) if isinstance(content, bytes) else content
    tree = read_kept_tree(text, source=source)
    spec = _validate(PlatformSpec, tree, source)
    return PlatformFile(spec=spec, tree=tree, source=source)


def read_plain(value: Mapping[str, Any]) -> PlatformFile:
    """Return a platform file whose values stand in no text: faults have a path and no line."""
    tree = Tree(value=value)
    return PlatformFile(spec=_validate(PlatformSpec, tree, ""), tree=tree)


def read_template(content: bytes, *, source: str) -> TemplateSpec:
    """Return a template from its own file (the same keys as below ``templates:``)."""
    return _validate(TemplateSpec, read_tree(decode(content, source=source)), source)


def raise_problems(problems: list[Problem]) -> None:
    """Raise InvalidInput with the problems in the order of the file; nothing when there are none."""
    if problems:
        raise _invalid(problems, len(problems))


def _invalid(problems: list[Problem], count: int) -> InvalidInput:
    """``count`` is how many there are; ``problems`` may hold only the first of them."""
    ordered = sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))
    shown = tuple(ordered[:MAX_PROBLEMS])
    return InvalidInput(f"{counted(count, 'fault')}. First: {shown[0]}", shown)


def _validate(model: type[Model], tree: Tree, source: str) -> Model:
    if not isinstance(tree.value, dict):
        raise _invalid([_problem(tree, (), "the file must be a mapping of keys", source=source)], 1)
    try:
        return model.model_validate(tree.value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        # A file can be wrong in 100,000 places: only the first few are worth a sentence.
        first = heapq.nsmallest(MAX_PROBLEMS, faults, key=lambda fault: _order(tree, fault))
        problems = [_from_pydantic(model, tree, fault, source) for fault in first]
        raise _invalid(problems, len(faults)) from error


def _order(tree: Tree, fault: ErrorDetails) -> tuple[int, int]:
    place = tree.place_of(_path_in_tree(tree, fault["loc"]))
    return place.key_line, place.key_column


def _problem(
    tree: Tree, path: Path, message: str, *, hint: str = "", source: str = "", at_key: bool = False
) -> Problem:
    at = ".".join(str(part) for part in path)
    if not tree.places:
        return Problem(message=message, path=at, source=source, hint=hint)
    place = tree.place_of(path)
    return Problem(
        message=message,
        path=at,
        line=place.key_line if at_key else place.line,
        column=place.key_column if at_key else place.column,
        source=source,
        hint=hint,
    )


def _from_pydantic(model: type[BaseModel], tree: Tree, fault: ErrorDetails, source: str) -> Problem:
    path = _path_in_tree(tree, fault["loc"])
    kind = fault["type"]
    if kind == "extra_forbidden":
        key, known = str(path[-1]), known_keys(model, path[:-1])
        hint = advice_on_key(key, known)
        return _problem(tree, path, f"unknown key {key!r}", hint=hint, source=source, at_key=True)
    if kind == "missing":
        message = f"the key {fault['loc'][-1]!r} is missing"
        return _problem(tree, path[:-1], message, source=source, at_key=True)
    value, context = fault["input"], fault.get("ctx", {})
    message = sentence(kind, value, context, fault["msg"])
    return _problem(tree, path, message, hint=advice(kind, value, context), source=source)


def _path_in_tree(tree: Tree, location: tuple[int | str, ...]) -> Path:
    """Drop the parts that pydantic adds for unions and key checks, keep what stands in the file."""
    path: Path = ()
    value: Any = tree.value
    for part in location:
        if _holds(value, part):
            path, value = (*path, part), value[part]
        elif isinstance(value, dict) and part == location[-1] and part != "[key]":
            path = (*path, part)
    return path


def _holds(value: object, part: int | str) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)
