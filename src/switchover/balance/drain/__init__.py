"""Servers that drain: since when, with how many connections at first, and about how long the rest will take.

``start`` counts down, ``queries`` reads the events that tell of a beginning, ``work`` remembers it.
"""

from __future__ import annotations
