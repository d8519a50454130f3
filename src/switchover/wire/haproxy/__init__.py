"""wire/haproxy."""

from __future__ import annotations
