"""Options that belong together, as one dataclass: its fields become options of every command that takes it."""

from __future__ import annotations

import inspect
from copy import copy
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field

    Command = Callable[..., None]


def grouped(**titles: str) -> Callable[[Command], Command]:
    """Return a decorator that puts the fields of dataclasses in the place of a command's parameters.

    A parameter ``source_sign_in`` whose type is a dataclass with the field ``ca`` becomes the option
    ``--source-ca`` when ``titles`` holds ``source="Source"``: the part before the first ``_`` goes before
    the names of the options, and the title above them in the help. Other dataclass parameters give their
    fields' names as they are.
    """

    def decorate(command: Command) -> Command:
        hints = get_type_hints(command, include_extras=True)
        parameters: list[inspect.Parameter] = []
        groups: dict[str, tuple[type[Any], dict[str, str]]] = {}
        for name, given in inspect.signature(command).parameters.items():
            kind = hints[name]
            if not is_dataclass(kind) or not isinstance(kind, type):
                parameters.append(given.replace(annotation=kind, kind=given.KEYWORD_ONLY))
                continue
            prefix = name.partition("_")[0]
            title = titles.get(prefix, "")
            names = {
                one.name: f"{prefix}_{one.name}" if title else one.name for one in fields(kind)
            }
            groups[name] = kind, names
            parameters += _parameters(kind, names, title)

        @wraps(command)
        def spread(**given: Any) -> None:
            made = {
                name: kind(**{own: given.pop(option) for own, option in names.items()})
                for name, (kind, names) in groups.items()
            }
            command(**given, **made)

        # What needs no value comes first, as the language wants it.
        parameters.sort(key=lambda one: one.default is not inspect.Parameter.empty)
        spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
        spread.__annotations__ = {one.name: one.annotation for one in parameters}
        del spread.__wrapped__  # its parameters are others
        return spread

    return decorate


def _parameters(kind: type[Any], names: dict[str, str], title: str) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            names[one.name],
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(one),
            annotation=_titled(hints[one.name], title),
        )
        for one in fields(kind)
    ]


def _default(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        return one.default_factory()
    return inspect.Parameter.empty if one.default is MISSING else one.default


def _titled(hint: Any, title: str) -> Any:
    """Return the type of an option with a title of its own above it in the help."""
    bare, *extras = get_args(hint)
    if not title:
        return hint
    option = copy(extras[0])
    option.rich_help_panel = title
    return Annotated[bare, option]
