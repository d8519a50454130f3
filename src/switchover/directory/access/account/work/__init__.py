"""Public verbs on accounts, by subject."""

from __future__ import annotations
