"""move."""

from __future__ import annotations
