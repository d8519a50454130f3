"""Add or change a service by form: fields, comparison of layouts, preview, apply."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from switchover.balance.service_draft import ANY_ADDRESS, Draft, read_draft
from switchover.balance.shipped import shipped_templates
from switchover.balance.work.blocks import Basis, load_basis
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Admin
from switchover.edges.console.block_change import Asked, BlockForm, files_in_force
from switchover.edges.console.form.comparison import LAYOUTS, Comparison, compare
from switchover.edges.console.form.fault import faults_of
from switchover.edges.console.form.field import FieldFault, FormField
from switchover.edges.console.form.offer import offered_products, offered_servers
from switchover.edges.console.form.service_block import ReadBlock, read_service, show_service
from switchover.edges.console.form.service_fields import FIELDS, GROUPS, NAMES
from switchover.edges.console.form.starting_point import starting_points
from switchover.edges.console.form.values import Values
from switchover.edges.console.page import is_htmx, render, see_other
from switchover.edges.console.posted_form import read_posted
from switchover.errors import NotFound
from switchover.model.platform_file.edit import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.model.server import Server
    from switchover.model.workload import Template

router = APIRouter()
_NO_NAME = "service"
_PLACE = {"address": ANY_ADDRESS, "port": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceForm(BlockForm):
    """The form of one service."""

    section: Section = Section.SERVICES
    template: str = "service_form.html"
    fields: tuple[FormField, ...] = FIELDS

    def read(self, values: Values) -> ReadBlock:
        """Return the block and what the form itself finds wrong."""
        return read_service(values)

    def faults(self, read: ReadBlock, basis: Basis) -> list[FieldFault]:
        """Return what the rules of the platform find wrong."""
        # What is missing is told already; something in its place lets the other rules be asked.
        whole = ReadBlock(name=read.name, value={**_PLACE, **read.value}, faults=())
        draft = _draft(whole, basis, self.old_name)
        return faults_of(draft.problems, self.section, draft.name, read.value) if draft else []

    def page_values(self, values: Values, basis: Basis) -> dict[str, Any]:
        """Return what the page shows besides fields and faults."""
        servers = _servers(basis)
        chosen, is_all = offered_servers(servers, values.all("servers"))
        return {
            "groups": GROUPS,
            "names_field": NAMES,
            "layouts": LAYOUTS,
            "products": offered_products(servers, _templates(basis), values.all("workloads")),
            "servers": chosen,
            "other_servers": () if is_all else tuple(servers),
            "known_files": files_in_force(basis),
            "comparison": _comparison(values, basis, self.old_name),
        }


def _servers(basis: Basis) -> Mapping[str, Server]:
    return basis.wish.balance.servers if basis.wish else {}


def _templates(basis: Basis) -> Mapping[str, Template]:
    return basis.wish.balance.templates if basis.wish else shipped_templates()


def _draft(read: ReadBlock, basis: Basis, old_name: str | None) -> Draft | None:
    if basis.wish is None:
        return None
    # A path holds dots, a name that is wrong may too: such a name is told of beside the path.
    name = read.name if read.name and "." not in read.name else _NO_NAME
    return read_draft(basis.wish.balance, name, read.value, old_name=old_name)


def _comparison(values: Values, basis: Basis, old_name: str | None) -> Comparison:
    read = read_service(values)
    draft = _draft(read, basis, old_name)
    if draft is None:
        return Comparison(down="", suppositions=())
    faults = (*draft.problems, *read.faults)
    layout = values.get("layout")
    return compare(draft, layout=layout, down=values.get("down"), is_whole=not faults)


def _with_added(values: Values) -> Values:
    """Join the servers added by name, on platforms with too many to list, with those chosen."""
    more = values.get("more_servers").replace(",", " ").split()
    if not more:
        return values
    chosen = dict.fromkeys([*values.all("servers"), *more])
    return values.with_texts(servers=chosen, more_servers=())


@router.get("/add-service", response_class=HTMLResponse)
async def add_service(
    request: Request,
    suite: Suite,
    person: Admin,
    start: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Offer what a service can begin with; with ``start`` the form that begins so."""
    basis = await load_basis(suite.balance)
    templates = _templates(basis)
    points = starting_points(templates.values())
    if not start:
        runs = {run for server in _servers(basis).values() for run in server.runs}
        return render(
            request, person, "starting_points.html", points=points, templates=templates, runs=runs,
        )  # fmt: skip
    point = next((item for item in points if item.key == start), None)
    if point is None:
        raise NotFound(f"no service begins with {start!r}; choose from the list")
    values = show_service(_free_name(point.name, basis), point.block(_servers(basis)))
    return Asked(
        form=ServiceForm(), request=request, suite=suite, person=person, values=values
    ).page(basis)


def _free_name(name: str, basis: Basis) -> str:
    taken = basis.plain.get("services") or {}
    numbered = (f"{name}-{number}" for number in count(2))
    return next(free for free in chain([name], numbered) if free not in taken)


@router.post("/add-service")
async def post_new_service(request: Request, suite: Suite, person: Admin) -> Response:
    """Preview or apply a new service, or show the form again."""
    values = _with_added(await read_posted(request, person, FIELDS))
    asked = Asked(form=ServiceForm(), request=request, suite=suite, person=person, values=values)
    return await asked.answer()


@router.post("/service-comparison", response_class=HTMLResponse)
async def compare_layouts(request: Request, suite: Suite, person: Admin) -> Response:
    """Show how the service in the form would fare in each layout; changes nothing.

    A part of the form's page: without JavaScript its button asks for the whole.
    """
    if not is_htmx(request):
        return see_other(request, "/add-service")
    values = _with_added(await read_posted(request, person))
    basis = await load_basis(suite.balance)
    comparison = _comparison(values, basis, values.get("old_name") or None)
    return render(
        request, person, "service_form.html", block="comparison", comparison=comparison
    )  # fmt: skip


@router.get("/services/{service}/edit", response_class=HTMLResponse)
async def edit_service(request: Request, suite: Suite, person: Admin, service: str) -> Response:
    """Show the form of a service."""
    basis = await load_basis(suite.balance)
    block = basis.find_block(Section.SERVICES, service)
    if block is None:
        raise NotFound(f"there is no service {service!r}")
    values = show_service(service, block)
    form = ServiceForm(old_name=service)
    return Asked(form=form, request=request, suite=suite, person=person, values=values).page(basis)


@router.post("/services/{service}/edit")
async def post_service(request: Request, suite: Suite, person: Admin, service: str) -> Response:
    """Preview or apply a changed service, or show the form again."""
    values = _with_added(await read_posted(request, person, FIELDS))
    form = ServiceForm(old_name=service)
    asked = Asked(form=form, request=request, suite=suite, person=person, values=values)
    return await asked.answer()
