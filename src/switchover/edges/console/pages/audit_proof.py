"""The proof of the audit log: what the last one found, how far the next one is, accepting what is wrong."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from switchover.edges.console.access import Admin, AdminWatcher
from switchover.edges.console.page import render, see_other
from switchover.edges.console.proof import Proof
from switchover.errors import Conflict
from switchover.model.wording import is_plain

router = APIRouter(include_in_schema=False)
PATH = "/audit/proof"


def find_proof(request: Request) -> Proof:
    """Return what keeps the proofs of this process."""
    found: Proof = request.app.state.proof
    return found


AuditProof = Annotated[Proof, Depends(find_proof)]


@router.get("/audit/proof", response_class=HTMLResponse)
async def show_proof(request: Request, proof: AuditProof, person: Admin) -> HTMLResponse:
    """Show what the last proof found and when, and how far one is that is under way; reads nothing."""
    return render(request, person, "audit_proof.html", proof=proof, fault="", reason="")


@router.get("/audit/proof/progress", response_class=Response)
async def show_progress(request: Request, proof: AuditProof, person: AdminWatcher) -> Response:
    """Return the same for the page itself, which asks again and again: that keeps no session open."""
    return render(request, person, "audit_proof.html", proof=proof, fault="", reason="")


@router.post("/audit/proof")
async def begin(request: Request, proof: AuditProof, person: Admin) -> Response:  # noqa: ARG001 - names the role
    """Begin to read the whole log; whoever asks while that goes on sees the same one."""
    proof.begin()
    return see_other(request, PATH)


@router.post("/audit/proof/accept")
async def accept(
    request: Request,
    proof: AuditProof,
    person: Admin,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Accept what is wrong now, for a reason; the log is read again for that."""
    if not (reason.strip() and is_plain(reason)):
        fault = "say in one plain line why the log is as it is: nobody can tell later"
        return render(
            request, person, "audit_proof.html", status=422, proof=proof, fault=fault, reason=reason
        )
    if not proof.begin(actor=person.actor, reason=reason):
        raise Conflict("the log is being read just now; accept what is found when that has ended")
    return see_other(request, PATH)
