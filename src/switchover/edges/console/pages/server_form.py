"""Add or change a server by form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from switchover.balance.shipped import shipped_templates
from switchover.balance.work.blocks import Basis, load_basis
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Admin
from switchover.edges.console.block_change import Asked, BlockForm, files_in_force
from switchover.edges.console.form.fault import faults_of
from switchover.edges.console.form.field import FieldFault, FormField
from switchover.edges.console.form.server_block import FIELDS, read_server, show_server
from switchover.edges.console.form.service_block import ReadBlock
from switchover.edges.console.form.values import Values
from switchover.edges.console.posted_form import read_posted
from switchover.errors import InvalidInput, NotFound
from switchover.model.platform_file.edit import Section, mentions, read_block

router = APIRouter()
_NO_NAME = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerForm(BlockForm):
    """The form of one server."""

    section: Section = Section.SERVERS
    template: str = "server_form.html"
    fields: tuple[FormField, ...] = FIELDS

    def read(self, values: Values) -> ReadBlock:
        """Return the block and what the form itself finds wrong."""
        return read_server(values)

    def faults(self, read: ReadBlock, basis: Basis) -> list[FieldFault]:  # noqa: ARG002 - as others
        """Return what the rules of the platform find wrong."""
        name = read.name if read.name and "." not in read.name else _NO_NAME
        try:
            read_block(self.section, name, read.value)
        except InvalidInput as error:
            return faults_of(error.problems, self.section, name, read.value)
        return []

    def page_values(self, values: Values, basis: Basis) -> dict[str, Any]:  # noqa: ARG002 - as others
        """Return what the page shows besides fields and faults."""
        known = basis.wish.balance.templates if basis.wish else shipped_templates()
        servers = basis.wish.balance.servers.values() if basis.wish else ()
        return {
            "templates": tuple(known.values()),
            "sites": sorted({server.site for server in servers if server.site}),
            "known_files": files_in_force(basis),
            "users": mentions(basis.plain, self.section, self.old_name) if self.old_name else (),
        }


@router.get("/add-server", response_class=HTMLResponse)
async def add_server(request: Request, suite: Suite, person: Admin) -> Response:
    """Show the form of a new server."""
    basis = await load_basis(suite.balance)
    asked = Asked(
        form=ServerForm(), request=request, suite=suite, person=person, values=Values()
    )  # fmt: skip
    return asked.page(basis)


@router.post("/add-server")
async def post_new_server(request: Request, suite: Suite, person: Admin) -> Response:
    """Preview or apply a new server, or show the form again."""
    values = await read_posted(request, person, FIELDS)
    asked = Asked(form=ServerForm(), request=request, suite=suite, person=person, values=values)
    return await asked.answer()


@router.get("/servers/{server}/edit", response_class=HTMLResponse)
async def edit_server(request: Request, suite: Suite, person: Admin, server: str) -> Response:
    """Show the form of a server."""
    basis = await load_basis(suite.balance)
    block = basis.find_block(Section.SERVERS, server)
    if block is None:
        raise NotFound(f"there is no server {server!r}")
    form, values = ServerForm(old_name=server), show_server(server, block)
    return Asked(form=form, request=request, suite=suite, person=person, values=values).page(basis)


@router.post("/servers/{server}/edit")
async def post_server(request: Request, suite: Suite, person: Admin, server: str) -> Response:
    """Preview or apply a changed server, or show the form again."""
    values = await read_posted(request, person, FIELDS)
    form = ServerForm(old_name=server)
    asked = Asked(form=form, request=request, suite=suite, person=person, values=values)
    return await asked.answer()
