"""The pages, one module with one ``router`` for each subject; ``ROUTERS`` is the whole list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.edges.console.pages import (
    help_page,
    platform_file,
    search,
    server_form,
    service_form,
    start,
    theme,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = (
    search.router,
    help_page.router,
    theme.router,
    service_form.router,
    server_form.router,
    platform_file.router,
    start.router,
)
