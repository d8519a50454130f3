"""The platform file as a whole: to read, to edit as text with the same preview, to send files for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from switchover.balance.overrides import Overrides
from switchover.balance.revision import Origin
from switchover.balance.work import revisions
from switchover.balance.work.blocks import Basis, foresee, load_basis
from switchover.directory.access.role import Role
from switchover.edges.api.access import Suite
from switchover.edges.console.access import Admin, Person, Viewer
from switchover.edges.console.block_change import reason_fault, told
from switchover.edges.console.done_notice import Done, done_by, done_path
from switchover.edges.console.form.field import FieldFault, FormField
from switchover.edges.console.form.values import Values
from switchover.edges.console.page import render, see_other
from switchover.edges.console.posted_form import (
    SentFile,
    contents,
    find_uploads,
    hidden_pairs,
    read_posted,
    sent_files,
)
from switchover.edges.console.replaced_file import not_ticked, replaced_files
from switchover.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from switchover.app import Switchover
    from switchover.balance.work.revisions import Outcome

router = APIRouter()
FILES = FormField(path=("files",), title="Certificates and pages that the file names", takes="any")
FIRST_TEXT = """\
platform: contoso
servers:
  cas1: {address: 192.0.2.11, runs: [exchange]}
services:
  mail:
    address: 203.0.113.10
    port: 443
    layout: l4
    workloads: [owa, activesync, ews]
    servers: [cas1]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """One request of a person about the whole text."""

    request: Request
    suite: Switchover
    person: Person
    values: Values

    async def answer(self) -> Response:
        """Preview or apply the text, or show it again."""
        basis = await load_basis(self.suite.balance)
        action = self.values.get("action")
        files, faults = sent_files(find_uploads(self.request), self.person, self.values, (FILES,))
        if action not in {"preview", "apply"}:
            return self.page(basis, files=files)
        faults += reason_fault(self.values)
        if faults:
            return self.page(basis, files=files, faults=faults, status=422)
        try:
            if action == "apply" and self.values.get("parent") == str(basis.number):
                return await self._make(basis, files)
            return await self._preview(basis, files, is_other=action == "apply")
        except InvalidInput as error:
            told = [FieldFault(field="", message=str(problem)) for problem in error.problems] or [
                FieldFault(field="", message=str(error))
            ]
            return self.page(basis, files=files, faults=told, status=422)
        except Conflict as error:
            return self.page(basis, files=files, notice=str(error), status=409)

    async def _make(self, basis: Basis, files: list[SentFile]) -> Response:
        uploads = find_uploads(self.request)
        if not_ticked(replaced_files(basis, contents(uploads, self.person, files)), self.values):
            return await self._preview(basis, files, is_other=False, status=409)
        outcome = await self._apply(basis, files, dry_run=False)
        uploads.drop(self.person.account.id, [item.key for item in files])
        return see_other(self.request, done_path("/platform-file", outcome))

    def page(
        self,
        basis: Basis,
        *,
        files: list[SentFile],
        faults: list[FieldFault] | None = None,
        notice: str = "",
        status: int = 200,
    ) -> Response:
        """Return the page with the text as it was typed."""
        return render(
            self.request, self.person, "platform_file.html", block="content", status=status,
            text=self.values.get("text"), parent=basis.number, may_edit=True, sent=files,
            all_faults=faults or [], notice=notice, done=None, files_field=FILES, values=self.values,
            known_files=tuple(sorted(basis.wish.files)) if basis.wish else (),
        )  # fmt: skip

    async def _preview(
        self, basis: Basis, files: list[SentFile], *, is_other: bool, status: int = 200
    ) -> Response:
        outcome = await self._apply(basis, files, dry_run=True)
        overrides = basis.wish.overrides if basis.wish else Overrides()
        ahead = await foresee(
            self.suite.balance, basis, self.values.get("text"), overrides, outcome.findings
        )
        held = contents(find_uploads(self.request), self.person, files)
        warned = {"replaced": replaced_files(basis, held), "is_not_ticked": status == 409}
        return render(
            self.request, self.person, "change_preview.html", block="content", status=status,
            title="Change the platform file", path=self.request.url.path, parent=basis.number,
            crumbs=(("Platform file", "/platform-file"),), hidden=hidden_pairs(self.values),
            sent=files, is_other=is_other, is_removal=False, reason=self.values.get("reason"),
            **{**told(outcome, ahead), **warned},
        )  # fmt: skip

    async def _apply(self, basis: Basis, files: list[SentFile], *, dry_run: bool) -> Outcome:
        reason = self.values.get("reason").strip()
        return await revisions.apply(
            self.suite.balance,
            with_line_ends_of(basis.text, self.values.get("text")),
            contents(find_uploads(self.request), self.person, files),
            intent=revisions.Intent(actor=self.person.actor, origin=Origin.CONSOLE, reason=reason),
            parent=basis.number,
            dry_run=dry_run,
        )


def with_line_ends_of(text: str, edited: str) -> str:
    r"""Return what a browser sent with the line ends of the file: ``\r\n`` only where all were so."""
    lines = text.count("\n")
    return edited.replace("\n", "\r\n") if lines and text.count("\r\n") == lines else edited


@router.get("/platform-file", response_class=HTMLResponse)
async def show_platform_file(
    request: Request, suite: Suite, person: Viewer, done: Done = None
) -> Response:
    """Show the platform file in force; who may change it can do so here."""
    basis = await load_basis(suite.balance)
    return render(
        request, person, "platform_file.html", block="content",
        text=basis.text or FIRST_TEXT, parent=basis.number, sent=[], all_faults=[], notice="",
        done=await done_by(suite, person, done),
        may_edit=person.actor.role.includes(Role.ADMIN), files_field=FILES, values=Values(),
        known_files=tuple(sorted(basis.wish.files)) if basis.wish else (),
    )  # fmt: skip


@router.get("/platform-file/download", response_class=PlainTextResponse)
async def download_platform_file(suite: Suite, person: Viewer) -> Response:  # noqa: ARG001 - names the role
    """Send the platform file in force."""
    basis = await load_basis(suite.balance)
    headers = {"Content-Disposition": 'attachment; filename="platform.yaml"'}
    return PlainTextResponse(basis.text, headers=headers)


@router.post("/platform-file")
async def post_platform_file(request: Request, suite: Suite, person: Admin) -> Response:
    """Preview or apply the text, or show it again."""
    values = await read_posted(request, person, (FILES,))
    return await Edited(request=request, suite=suite, person=person, values=values).answer()
