"""Platform file text to a PlatformSpec, or every fault with its place and the nearest known key."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from switchover.errors import InvalidInput, Problem
from switchover.model.platform_file.spec import PlatformSpec, TemplateSpec
from switchover.model.platform_file.tree import Path, Tree, decode, read_tree

if TYPE_CHECKING:
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
    tree = read_tree(text, source=source)
    spec = _validate(PlatformSpec, tree, source)
    return PlatformFile(spec=spec, tree=tree, source=source)


def read_template(content: bytes, *, source: str) -> TemplateSpec:
    """Return a template from its own file (the same keys as below ``templates:``)."""
    return _validate(TemplateSpec, read_tree(decode(content, source=source)), source)


def raise_problems(problems: list[Problem]) -> None:
    """Raise InvalidInput with the problems in the order of the file; nothing when there are none."""
    if not problems:
        return
    ordered = sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))
    shown = tuple(ordered[:MAX_PROBLEMS])
    count = f"{len(ordered)} faults" if len(ordered) > 1 else "1 fault"
    raise InvalidInput(f"{count}; nothing was applied. First: {shown[0]}", shown)


def _validate(model: type[Model], tree: Tree, source: str) -> Model:
    if not isinstance(tree.value, dict):
        raise_problems([_problem(tree, (), "the file must be a mapping of keys", source=source)])
    try:
        return model.model_validate(tree.value)
    except ValidationError as error:
        problems = [_from_pydantic(model, tree, fault, source) for fault in error.errors()]
        raise_problems(_without_union_noise(problems))
        raise


def _problem(tree: Tree, path: Path, message: str, *, hint: str = "", source: str = "") -> Problem:
    place = tree.place_of(path)
    return Problem(
        message=message,
        path=".".join(str(part) for part in path),
        line=place.line if place else None,
        column=place.column if place else None,
        source=source,
        hint=hint,
    )


def _from_pydantic(model: type[BaseModel], tree: Tree, fault: ErrorDetails, source: str) -> Problem:
    path = _path_in_tree(tree, fault["loc"])
    kind = fault["type"]
    if kind == "extra_forbidden":
        return _unknown_key(model, tree, path, source)
    if kind == "missing":
        message = f"the key {fault['loc'][-1]!r} is missing"
        return _problem(tree, path[:-1] if path == fault["loc"] else path, message, source=source)
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    hint = ""
    if kind in {"enum", "literal_error"}:
        expected = str(fault.get("ctx", {}).get("expected", ""))
        message = f"{fault['input']!r} is not one of {expected}"
        hint = _nearest(str(fault["input"]), [word.strip(" '") for word in _words(expected)])
    return _problem(tree, path, message, hint=hint, source=source)


def _words(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(",")


def _unknown_key(model: type[BaseModel], tree: Tree, path: Path, source: str) -> Problem:
    key = str(path[-1])
    known = _known_keys(model, path[:-1])
    place = tree.places.get(path) or tree.place_of(path)
    return Problem(
        message=f"unknown key {key!r}",
        path=".".join(str(part) for part in path),
        line=place.key_line if place else None,
        column=place.key_column if place else None,
        source=source,
        hint=_nearest(key, known) or f"known here: {', '.join(sorted(known))}",
    )


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""


def _path_in_tree(tree: Tree, location: tuple[int | str, ...]) -> Path:
    """Drop the parts that pydantic adds for unions and key checks, keep what stands in the file."""
    path: Path = ()
    value: Any = tree.value
    for part in location:
        if isinstance(value, dict) and part in value:
            path, value = (*path, part), value[part]
        elif isinstance(value, dict) and part != "[key]" and part == location[-1]:
            path = (*path, part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path, value = (*path, part), value[part]
    return path


def _known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """Walk the annotations along ``path`` to the section that does not know the key."""
    current: Any = model
    for part in path:
        current = _step(current, part)
    sections = _sections(current)
    return [name for section in sections for name in section.model_fields]


def _step(annotation: Any, part: str | int) -> Any:
    for section in _sections(annotation):
        if isinstance(part, str) and part in section.model_fields:
            return section.model_fields[part].annotation
    return annotation


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is None:
        return []
    return [section for argument in get_args(annotation) for section in _sections(argument)]


def _without_union_noise(problems: list[Problem]) -> list[Problem]:
    """A union reports one fault per branch; keep the first per place and message."""
    seen: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.path, problem.message), problem)
    return list(seen.values())
