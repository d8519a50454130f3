"""The pages, one module with one ``router`` for each subject; ``ROUTERS`` is the whole list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.edges.console.pages import help_page, search, theme

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = (
    search.router,
    help_page.router,
    theme.router,
)
