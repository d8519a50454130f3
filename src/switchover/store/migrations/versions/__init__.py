"""One module per step, each naming its SQL file and the step before it."""

from __future__ import annotations
