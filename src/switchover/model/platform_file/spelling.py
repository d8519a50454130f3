"""Keeps an administrator's spelling of what means the same: ``30s`` for 30.0, ``imaps`` for [imaps]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Mapping


def keep_spelling(old: Any, new: Any, old_spec: object, new_spec: object) -> Any:
    """Return ``new`` with every part that means what it meant in ``old`` written as it was there.

    The specs are what both mean, as the platform file's classes read them. A key that ``new`` leaves out
    stays where it says the default aloud.
    """
    if old_spec == new_spec:
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        return _keep_keys(old, new, old_spec, new_spec)
    if isinstance(new_spec, list) and isinstance(old_spec, list):
        return _keep_items(old, new, old_spec, new_spec)
    return new


def _keep_keys(
    old: Mapping[str, Any], new: Mapping[str, Any], old_spec: object, new_spec: object
) -> dict[str, Any]:
    kept = {
        key: keep_spelling(old[key], value, _part(old_spec, key), _part(new_spec, key))
        if key in old
        else value
        for key, value in new.items()
    }
    if isinstance(new_spec, BaseModel):
        for key in old:
            if key not in kept and _part(old_spec, key) == _part(new_spec, key):
                kept[key] = old[key]
    return kept


def _keep_items(old: Any, new: Any, old_spec: list[Any], new_spec: list[Any]) -> list[Any]:
    """One value may stand where a list is expected."""
    before = list(zip(_listed(old), old_spec, strict=True))
    return [
        next((written for written, means in before if means == spec), item)
        for item, spec in zip(_listed(new), new_spec, strict=True)
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _part(spec: object, key: str) -> object:
    """Return what ``key`` means in a section; keys of ports are numbers there."""
    if isinstance(spec, dict):
        return spec[key] if key in spec else spec.get(int(key) if key.isdigit() else key)
    return getattr(spec, key)
