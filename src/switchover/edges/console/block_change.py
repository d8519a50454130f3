"""How a form changes the platform: check, preview with difference and findings, apply with a reason.

The same for servers and services. Nothing is kept between two requests but files that were sent: a page
carries on what was typed, so that going back, a fault or a change by somebody else loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchover.balance.revision import Origin
from switchover.balance.work.blocks import BlockOutcome, change_block, foresee, load_basis
from switchover.balance.work.revisions import Intent
from switchover.edges.console.done_notice import done_path
from switchover.edges.console.form.fault import faults_of, without_doubles
from switchover.edges.console.form.field import FieldFault
from switchover.edges.console.form.upload import facts_of
from switchover.edges.console.numbered_diff import read_diff
from switchover.edges.console.page import path_word, render, see_other
from switchover.edges.console.posted_form import (
    contents,
    find_uploads,
    hidden_pairs,
    sent_files,
)
from switchover.edges.console.replaced_file import not_ticked, replaced_files
from switchover.errors import Conflict, InvalidInput, NotFound
from switchover.model.platform_file.edit import PutBlock, Section
from switchover.model.wording import is_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastapi import Request
    from fastapi.responses import Response

    from switchover.app import Switchover
    from switchover.balance.lint import Finding
    from switchover.balance.work.blocks import Basis, Change, Foresight
    from switchover.balance.work.revisions import Outcome
    from switchover.edges.console.access import Person
    from switchover.edges.console.form.field import FormField
    from switchover.edges.console.form.service_block import ReadBlock
    from switchover.edges.console.form.values import Values
    from switchover.edges.console.posted_form import SentFile
    from switchover.edges.console.replaced_file import ReplacedFile

MAX_REASON = 500
PLATFORM = "mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockForm:
    """The form of one server or service; ``old_name`` is None for a new one."""

    section: Section
    template: str
    fields: tuple[FormField, ...]
    old_name: str | None = None

    def read(self, values: Values) -> ReadBlock:
        """Return the block and what the form itself finds wrong."""
        raise NotImplementedError

    def faults(self, read: ReadBlock, basis: Basis) -> list[FieldFault]:
        """Return what the rules of the platform find wrong."""
        raise NotImplementedError

    def page_values(self, values: Values, basis: Basis) -> dict[str, Any]:
        """Return what the page shows besides fields and faults."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request of a person about a form."""

    form: BlockForm
    request: Request
    suite: Switchover
    person: Person
    values: Values

    def page(
        self,
        basis: Basis,
        *,
        faults: Iterable[FieldFault] = (),
        notice: str = "",
        status: int = 200,
    ) -> Response:
        """Return the form with what was typed, and what is wrong with it."""
        files, unusable = sent_files(
            find_uploads(self.request), self.person, self.values, self.form.fields
        )
        listed = without_doubles([*faults, *unusable])
        return render(
            self.request, self.person, self.form.template, block="content", status=status,
            form=self.form, values=self.values, parent=basis.number, is_first=basis.number == 0,
            notice=notice, all_faults=listed, faults=_by_field(listed), sent=files,
            **self.form.page_values(self.values, basis),
        )  # fmt: skip

    async def answer(self) -> Response:
        """Preview or apply what is asked for; show the form again for anything else."""
        basis = await load_basis(self.suite.balance)
        action = self.values.get("action")
        if action not in {"preview", "apply"}:
            return self.page(basis)
        read = self.form.read(self.values)
        files, unusable = sent_files(
            find_uploads(self.request), self.person, self.values, self.form.fields
        )
        faults = without_doubles([*read.faults, *self.form.faults(read, basis), *unusable])
        faults += reason_fault(self.values)
        if faults:
            return self.page(basis, faults=faults, status=422)
        try:
            if action == "apply":
                return await self._apply(basis, read, files)
            return await self._preview(basis, read, files)
        except InvalidInput as error:
            told = faults_of(error.problems, self.form.section, read.name, read.value)
            return self.page(
                basis, faults=told or [FieldFault(field="", message=str(error))], status=422
            )
        except (Conflict, NotFound) as error:
            return self.page(basis, notice=str(error), status=409)

    async def _apply(self, basis: Basis, read: ReadBlock, files: list[SentFile]) -> Response:
        if self.values.get("parent") != str(basis.number):
            return await self._preview(basis, read, files, is_other=True)
        if not_ticked(self._replaced(basis, files), self.values):
            return await self._preview(basis, read, files, status=409)
        reason = self.values.get("reason").strip()
        made = await self._change(read, files, reason=reason, parent=basis.number, dry_run=False)
        find_uploads(self.request).drop(self.person.account.id, [item.key for item in files])
        is_first_step = self.form.section is Section.SERVERS and not basis.plain.get("services")
        page = f"/{self.form.section.value}/{path_word(read.name)}"
        return see_other(self.request, done_path("/start" if is_first_step else page, made.outcome))

    def _replaced(self, basis: Basis, files: list[SentFile]) -> tuple[ReplacedFile, ...]:
        held = contents(find_uploads(self.request), self.person, files)
        return replaced_files(
            basis, held, section=self.form.section.value, own=self.form.old_name
        )  # fmt: skip

    async def _preview(
        self,
        basis: Basis,
        read: ReadBlock,
        files: list[SentFile],
        *,
        is_other: bool = False,
        status: int = 200,
    ) -> Response:
        done = await self._change(read, files, reason="", parent=basis.number, dry_run=True)
        ahead = await foresee_block(self.suite, basis, done)
        title = (
            f"Change {self.form.section.one}"
            if self.form.old_name
            else f"Add {self.form.section.one}"
        )
        warned = {"replaced": self._replaced(basis, files), "is_not_ticked": status == 409}
        return render(
            self.request, self.person, "change_preview.html", block="content", status=status,
            title=f"{title} {read.name}", path=self.request.url.path, parent=basis.number,
            crumbs=((self.form.section.value.capitalize(), f"/{self.form.section.value}"),),
            hidden=hidden_pairs(self.values), sent=files, is_other=is_other,
            reason=self.values.get("reason"), is_removal=False,
            **{**told(done.outcome, ahead, name=read.name, done=done), **warned},
        )  # fmt: skip

    async def _change(
        self, read: ReadBlock, files: list[SentFile], *, reason: str, parent: int, dry_run: bool
    ) -> BlockOutcome:
        change = PutBlock(
            section=self.form.section,
            name=read.name,
            value=read.value,
            old_name=self.form.old_name,
            is_new=self.form.old_name is None,
            platform=self.values.get("platform").strip() or PLATFORM,
        )
        held = contents(find_uploads(self.request), self.person, files)
        return await change_by_form(
            self.suite, self.person, change, held, reason=reason, parent=parent, dry_run=dry_run
        )


async def change_by_form(
    suite: Switchover,
    person: Person,
    change: Change,
    files: Mapping[str, bytes],
    *,
    reason: str,
    parent: int,
    dry_run: bool,
) -> BlockOutcome:
    intent = Intent(actor=person.actor, origin=Origin.CONSOLE, reason=reason)
    return await change_block(
        suite.balance, change, files, intent=intent, parent=parent, dry_run=dry_run
    )


def files_in_force(basis: Basis) -> dict[str, str]:
    """Return the files of the latest revision by name, with what can be told of certificates."""
    if basis.wish is None:
        return {}
    shown = {**basis.wish.assets.recorded, **basis.wish.assets.shown}
    return {
        name: facts_of(shown[name].leaf) if name in shown else ""
        for name in sorted(basis.wish.files)
    }


def reason_fault(values: Values) -> list[FieldFault]:
    """Return what is wrong with the reason of a change."""
    reason = values.get("reason").strip()
    if is_plain(reason) and len(reason) <= MAX_REASON:
        return []
    message = f"the reason must be one plain line of at most {MAX_REASON} characters"
    return [FieldFault(field="", message=message)]


async def foresee_block(suite: Switchover, basis: Basis, done: BlockOutcome) -> Foresight:
    """Return what a change of one block would mean."""
    return await foresee(
        suite.balance, basis, done.text, done.overrides, done.outcome.findings
    )  # fmt: skip


def told(
    outcome: Outcome | None,
    ahead: Foresight | None,
    *,
    name: str = "",
    done: BlockOutcome | None = None,
) -> dict[str, Any]:
    """Return what a preview tells: difference, effects, findings near to the change and all others.

    Near are those that come with it and those about the block of this name. Without an outcome the change
    was refused.
    """
    findings = outcome.findings if outcome else ()
    fresh = ahead.fresh if ahead else ()
    near = [item for item in findings if item in fresh or name in {item.service, item.server}]
    return {
        "diff": read_diff(outcome.diff if outcome else ""),
        "effects": ahead.effects if ahead else (),
        "near": sorted(near, key=_gravest_first),
        "far": sorted((item for item in findings if item not in near), key=_gravest_first),
        "fresh": fresh,
        "lost_comments": done.lost_comments if done else (),
        "written_out": done.written_out if done else (),
        "refusal": "",
        "users": (),
        "fault": "",
        "replaced": (),
        "is_not_ticked": False,
    }


def _gravest_first(finding: Finding) -> int:
    return finding.severity.rank


def _by_field(faults: Iterable[FieldFault]) -> dict[str, list[FieldFault]]:
    found: dict[str, list[FieldFault]] = {}
    for fault in faults:
        found.setdefault(fault.field, []).append(fault)
    return found
