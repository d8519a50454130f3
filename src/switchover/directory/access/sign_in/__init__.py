"""Signing in with a password and a second factor; how often somebody may try."""

from __future__ import annotations
