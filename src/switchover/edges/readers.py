"""Who reads an answer: a program or a person. Pure."""

from __future__ import annotations


def is_for_programs(path: str) -> bool:
    """True for paths whose answers programs read: the API and the metrics. All others are pages."""
    return path.startswith("/api/") or path == "/metrics"
