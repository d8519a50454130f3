"""What ``switchover verify`` prints of a proof can be read, however much differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.edges.cli.output import Format
from switchover.edges.cli.verify import show
from switchover.move.difference import Difference, DifferenceKind, Level
from switchover.move.manifest import Manifest
from switchover.move.proof import FolderProof, MailboxProof

PROOF = Manifest(
    source="imaps://a", target="imaps://b", proved_at="2026-01-01T00:00:00Z", program="switchover",
    form="exact",
    proof=MailboxProof(level=Level.PAIRS, folders=(), differences=(), source_root="", target_root=""),
)  # fmt: skip


def said(
    capsys: pytest.CaptureFixture[str],
    *differences: Difference,
    folders: tuple[FolderProof, ...] = (),
) -> str:
    proof = replace(PROOF.proof, differences=differences, folders=folders)
    show(replace(PROOF, proof=proof), "", Format.TABLE)
    return " ".join(capsys.readouterr().out.split())


def missing(folder: str, uid: int, **words: object) -> Difference:
    return Difference(kind=DifferenceKind.MISSING, folder=folder, source_uid=uid, **words)  # type: ignore[arg-type] # tests


def test_of_each_folder_only_the_first_twenty_differences_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(
        capsys, *(missing("a", uid) for uid in range(1, 2221)), missing("b", 7),
        folders=(FolderProof(folder="a", source_mails=4400, target_mails=2180, faults=2220),),
    )  # fmt: skip
    assert text.count("mail missing a:") == 20
    assert "and 2,200 more of a: --page FILE and --manifest FILE have all" in text
    assert "mail missing b: UID 7" in text
    assert "a 4,400 2,180 2,220" in text


def test_what_is_explained_or_left_begins_with_that_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(
        capsys,
        missing("a", 1, explanation="too large"),
        missing("a", 2, hint="no room", is_left=True),
    )
    assert "explained mail missing a: UID 1 on the source: too large" in text
    assert "left mail missing a: UID 2 on the source: no room" in text
    assert text.index("left mail") < text.index("explained mail")
    assert "not finished" in text
