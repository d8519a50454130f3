"""The pages, one module with one ``router`` for each subject; ``ROUTERS`` is the whole list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.edges.console.pages import (
    account,
    accounts,
    audit,
    first_run,
    help_page,
    search,
    sign_in,
    theme,
    tokens,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = (
    search.router,
    audit.router,
    help_page.router,
    theme.router,
    sign_in.router,
    first_run.router,
    account.router,
    accounts.router,
    tokens.router,
)
