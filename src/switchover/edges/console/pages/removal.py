"""The page that removes a server or service: look first, see what it would do, do it with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from switchover.balance.work.blocks import BlockOutcome, load_basis
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Admin
from switchover.edges.console.block_change import (
    MAX_REASON,
    change_by_form,
    foresee_block,
    reason_fault,
    told,
)
from switchover.edges.console.done_notice import done_path
from switchover.edges.console.page import path_word, render, see_other
from switchover.edges.console.posted_form import read_posted
from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.model.platform_file.edit import RemoveBlock, Section, mentions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from switchover.app import Switchover
    from switchover.balance.work.blocks import Basis
    from switchover.edges.console.access import Person
    from switchover.edges.console.form.values import Values


router = APIRouter()


def _removing(section: Section) -> Callable[..., Awaitable[Response]]:
    async def remove(request: Request, suite: Suite, person: Admin) -> Response:
        removal = Removal(
            section=section,
            name=request.path_params[section.one],
            request=request,
            suite=suite,
            person=person,
            values=await read_posted(request, person) if request.method == "POST" else None,
        )
        return await removal.answer()

    return remove


for _section in Section:
    _path = f"/{_section.value}/{{{_section.one}}}/remove"
    router.add_api_route(_path, _removing(_section), methods=["GET"], response_class=HTMLResponse)
    router.add_api_route(_path, _removing(_section), methods=["POST"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One request of a person to remove a server or service; ``values`` is None to look first."""

    section: Section
    name: str
    request: Request
    suite: Switchover
    person: Person
    values: Values | None = None

    async def answer(self) -> Response:
        """Say what is to be removed, show what that would do, or do it. Raises NotFound without such a block."""
        basis = await load_basis(self.suite.balance)
        if basis.find_block(self.section, self.name) is None:
            raise NotFound(f"there is no {self.section.one} {self.name!r}")
        if self.values is None:
            # What it would do takes seconds on a large platform: the page asks for it when it is there.
            return render(
                self.request, self.person, "removal.html", block="content", **self._page(basis)
            )
        if self.values.get("action") == "preview":
            return await self._preview(basis)
        faults = reason_fault(self.values)
        if faults:
            return await self._preview(basis, fault=faults[0].message, status=422)
        if self.values.get("parent") != str(basis.number):
            return await self._preview(basis, is_other=True)
        reason = self.values.get("reason").strip()
        try:
            made = await self._remove(reason=reason, parent=basis.number, dry_run=False)
        except Conflict as error:
            # By now there may be another latest revision: the preview must be one of that.
            basis = await load_basis(self.suite.balance)
            return await self._preview(basis, fault=str(error), status=409)
        return see_other(self.request, done_path(f"/{self.section.value}", made.outcome))

    def _page(self, basis: Basis) -> dict[str, Any]:
        """Return what is known without working anything out."""
        home = f"/{self.section.value}"
        return {
            "title": f"Remove {self.section.one} {self.name}",
            "path": self.request.url.path,
            "crumbs": (
                (self.section.value.capitalize(), home),
                (self.name, f"{home}/{path_word(self.name)}"),
            ),
            "users": mentions(basis.plain, self.section, self.name),
        }

    async def _preview(
        self, basis: Basis, *, is_other: bool = False, fault: str = "", status: int = 200
    ) -> Response:
        page: dict[str, Any] = {
            **self._page(basis), "parent": basis.number, "hidden": (), "sent": (),
            "is_other": is_other, "is_removal": True, "fault": fault,
            "reason": self.values.get("reason")[:MAX_REASON] if self.values else "",
        }  # fmt: skip
        try:
            done = await self._remove(reason="", parent=basis.number, dry_run=True)
        except (Conflict, InvalidInput, NotFound) as error:
            return render(
                self.request, self.person, "change_preview.html", status=409,
                **{**told(None, None), **page, "refusal": str(error)},
            )  # fmt: skip
        ahead = await foresee_block(self.suite, basis, done)
        found = told(done.outcome, ahead, name=self.name, done=done)
        return render(
            self.request, self.person, "change_preview.html", status=status, **{**found, **page}
        )

    async def _remove(self, *, reason: str, parent: int, dry_run: bool) -> BlockOutcome:
        change = RemoveBlock(section=self.section, name=self.name, everywhere=True)
        return await change_by_form(
            self.suite, self.person, change, {}, reason=reason, parent=parent, dry_run=dry_run
        )
