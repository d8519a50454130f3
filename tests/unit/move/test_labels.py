"""A source whose folders are labels shows mails more than once, and a person is told so."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.move.folder_planning import plan, source

from switchover.move.work.inventory import Folder, Inventory
from switchover.move.work.planning import label_notes
from switchover.wire.imap.quirks import GENERIC, Quirk

ALL = frozenset({"\\All"})
THERE = Inventory(
    folders=(
        Folder(raw=b"INBOX", name="INBOX", separator="/"),
        Folder(raw=b"Every", name="Every", separator="/", special_use=ALL),
    )
)
LABELLED = replace(GENERIC, quirks=frozenset({Quirk.LABELS_ARE_FOLDERS}))


def test_all_mail_beside_labels_is_told_before_anything_is_copied() -> None:
    both = plan(source("INBOX", "Every"))
    (note,) = label_notes(both, THERE, LABELLED)
    assert "--exclude 'Every'" in note
    assert label_notes(both, THERE, GENERIC) == []


def test_all_mail_alone_is_copied_once_and_nothing_is_said() -> None:
    assert label_notes(plan(source("Every")), THERE, LABELLED) == []
    assert label_notes(plan(source("INBOX", "Work")), THERE, LABELLED) == []
