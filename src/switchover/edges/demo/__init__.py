"""The demo: a practice farm, switchover in front of it, clients, and a live picture of all three."""

from __future__ import annotations
