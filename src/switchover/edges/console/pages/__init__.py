"""The pages, one module with one ``router`` for each subject; ``ROUTERS`` is the whole list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.edges.console import live
from switchover.edges.console.pages import (
    change,
    help_page,
    overview,
    search,
    servers,
    service,
    theme,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = (
    overview.router,
    change.router,
    servers.router,
    service.router,
    live.router,
    search.router,
    help_page.router,
    theme.router,
)
