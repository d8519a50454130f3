"""Pages: templates to answers, whole for browsers, one block where HTMX asks for one.

A route ends in ``return render(request, person, "services.html", services=found)``. The template extends
``frame.html`` and fills ``content``. HTMX gets the block whose name is the id of the element it will
replace (``hx-target="#list"`` gets ``{% block list %}``), or ``content`` when there is no such block.
"""

from __future__ import annotations

import urllib.parse
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments import render_block

from switchover import clock
from switchover.edges.console.asset import shipped_assets
from switchover.edges.console.diff_lines import diff_lines
from switchover.edges.console.moment import ago_html, duration_words, moment_html
from switchover.edges.console.navigation import Section, menu
from switchover.edges.console.state import level_of

if TYPE_CHECKING:
    from datetime import datetime

    from fastapi import Request
    from markupsafe import Markup

    from switchover.edges.console.access import Person

TEMPLATES = Path(__file__).parent / "templates"
THEMES = ("light", "dark")
THEME_COOKIE = "switchover-theme"
_LEFT_IN_ADDRESSES = ":/%#?=@[]!$&'()*+,;"
_zone: ContextVar[str] = ContextVar("zone", default="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page knows besides its own values: ``frame`` in templates.

    ``address`` is the path with its query, to come back to; ``search`` what stands in the search box.
    """

    person: Person | None
    path: str
    address: str
    theme: str
    search: str
    sections: tuple[Section, ...]
    is_answer: bool
    """True for what answers a form: it may hold what was typed, and nothing else does."""

    @property
    def csrf(self) -> str:
        """The token for forms, "" for who is not signed in."""
        return self.person.csrf if self.person else ""


def render(
    request: Request,
    person: Person | None,
    template: str,
    *,
    block: str | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Return the page, or the block that HTMX asked for (``block`` names another).

    ``person`` None is for pages without sign-in. ``values`` are the template's variables.
    """
    context = {**values, "frame": _frame(request, person)}
    token = _zone.set(person.zone if person else "UTC")
    try:
        wanted = _wanted_block(request, template, block)
        found = environment.get_template(template)
        text = (
            render_block(environment, template, wanted, context)
            if wanted
            else found.render(context)
        )
    finally:
        _zone.reset(token)
    return HTMLResponse(text, status_code=status, headers={"Vary": "HX-Request, HX-Target, Cookie"})


def see_other(request: Request, path: str) -> Response:
    """Send who posted a form on to ``path`` (303), HTMX too."""
    if is_htmx(request):
        quoted = urllib.parse.quote(path, safe=_LEFT_IN_ADDRESSES)
        return Response(status_code=204, headers={"HX-Redirect": quoted})
    return RedirectResponse(path, status_code=303)


def is_htmx(request: Request) -> bool:
    """True when HTMX asks for a part of a page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def local_path(text: str, *, otherwise: str = "/") -> str:
    """Return ``text`` if it is a path on this console, else ``otherwise``: no way to other sites."""
    # Nothing is parsed: what browsers and parsers read differently is refused by how it begins and its signs.
    is_ours = text.startswith("/") and not text.startswith("//")
    is_plain = "\\" not in text and text.isprintable()
    return text if is_ours and is_plain else otherwise


def path_word(text: str) -> str:
    """Return ``text`` as one segment of a path."""
    return urllib.parse.quote(text, safe="")


def _frame(request: Request, person: Person | None) -> Frame:
    theme = request.cookies.get(THEME_COOKIE, "")
    query = request.url.query
    path = request.url.path
    return Frame(
        person=person,
        path=path,
        address=f"{path}?{query}" if query else path,
        theme=theme if theme in THEMES else "auto",
        search=request.query_params.get("q", "")[:200] if path == "/search" else "",
        sections=menu(person.actor.role) if person else (),
        is_answer=request.method == "POST",
    )


def _wanted_block(request: Request, template: str, block: str | None) -> str | None:
    if not is_htmx(request):
        return None
    if block is not None:
        return block
    target = request.headers.get("HX-Target", "").replace("-", "_")
    return target if target in environment.get_template(template).blocks else "content"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["asset"] = lambda name: shipped_assets().url(name)
    made.filters["moment"] = _moment
    made.filters["ago"] = _ago
    made.filters["duration"] = duration_words
    made.filters["thousands"] = lambda number: f"{number:,}".replace(
        ",", "\N{NARROW NO-BREAK SPACE}"
    )
    made.filters["path_word"] = path_word
    made.filters["level"] = level_of
    made.filters["diff_lines"] = diff_lines
    # The macros of all pages; as a global because a block rendered alone runs no import of its file.
    made.globals["ui"] = made.get_template("ui.html").module
    return made


def _moment(value: datetime | str | None) -> Markup:
    return moment_html(value, zone=_zone.get(), now=clock.now())


def _ago(value: datetime | str | None) -> Markup:
    return ago_html(value, zone=_zone.get(), now=clock.now())


environment = _environment()
