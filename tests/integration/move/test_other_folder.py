"""A folder that is sent into another one than before: what the former one holds is not in it."""

from __future__ import annotations

import pytest
from tests.integration.move.copying import Copy, append, digests, mails

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("in_use", [False, True], ids=["ours", "in use"])
def test_a_folder_mapped_onto_another_is_copied_there_though_both_have_one_uidvalidity(
    pair: Copy, in_use: bool
) -> None:
    for name in ("Old", "Other"):
        append(pair.target, name, mails(2, first=500))
        pair.target.doveadm(
            "mailbox", "update", "-u", pair.target.user, "--uid-validity", "7", name
        )
    chosen = ("--folder", "Sent", *(("--target-in-use",) if in_use else ()))
    pair.run(*chosen, "--map", "Sent=Old")
    pair.run(*chosen, "--map", "Sent=Other")
    there = digests(pair.target)
    assert there["Other"] == there["Old"]
    assert there["Other"].total() == 12
    again = pair.run(*chosen, "--map", "Sent=Other", "-o", "json").json
    assert (again["copied"], again["unchanged_folders"]) == (0, 1)
