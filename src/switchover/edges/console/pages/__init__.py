"""The pages, one module with one ``router`` for each subject; ``ROUTERS`` is the whole list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.edges.console import live
from switchover.edges.console.pages import (
    account,
    account_change,
    accounts,
    audit,
    audit_proof,
    change,
    drift,
    engine,
    events,
    first_run,
    help_page,
    history,
    overview,
    platform_file,
    removal,
    search,
    server_form,
    servers,
    service,
    service_form,
    sign_in,
    start,
    staying,
    theme,
    tokens,
    what_if,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = (
    overview.router,
    change.router,
    servers.router,
    service.router,
    live.router,
    what_if.router,
    events.router,
    history.router,
    drift.router,
    engine.router,
    search.router,
    audit_proof.router,
    audit.router,
    help_page.router,
    theme.router,
    service_form.router,
    server_form.router,
    removal.router,
    platform_file.router,
    start.router,
    staying.router,
    sign_in.router,
    first_run.router,
    account.router,
    accounts.router,
    account_change.router,
    tokens.router,
)
