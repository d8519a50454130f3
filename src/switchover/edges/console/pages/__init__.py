"""The pages, one module with one ``router`` for each subject; ``ROUTERS`` is the whole list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.edges.console.pages import (
    drift,
    engine,
    events,
    help_page,
    history,
    search,
    theme,
    what_if,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = (
    what_if.router,
    events.router,
    history.router,
    drift.router,
    engine.router,
    search.router,
    help_page.router,
    theme.router,
)
