"""A target that its user works with already: late mail comes over, and what they did stays."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.imap_servers import Dovecot, dovecot
from tests.integration.move.copying import Copy, append, mails, sign_in

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def own(target: Dovecot, data: Path) -> Iterator[Copy]:
    """A pair with a source of its own, where six mails of INBOX were copied."""
    with dovecot() as source:
        append(source, "INBOX", mails(6))
        pair = Copy(source=source, target=target, data=data)
        pair.run()
        yield pair


def edit(server: Dovecot, *commands: tuple[str, ...]) -> None:
    connection = sign_in(server)
    connection.select("INBOX")
    for command in commands:
        assert connection.uid(*command)[0] == "OK"
    connection.expunge()
    connection.logout()


def flags(server: Dovecot) -> dict[str, set[str]]:
    """Return the flags of each mail by its subject."""
    connection = sign_in(server)
    connection.select("INBOX", readonly=True)
    parts = connection.uid("fetch", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    connection.logout()
    found = {}
    for part in parts:
        if isinstance(part, tuple):
            names = {flag.decode() for flag in imaplib.ParseFlags(part[0])} - {"\\Recent"}
            found[re.sub(r"Subject: |\s+$", "", part[1].decode())] = names
    return found


def test_late_mail_comes_and_what_the_targets_user_did_stays(own: Copy) -> None:
    both_sides = ("store", "1", "+FLAGS", r"(\Answered)")
    edit(own.target, ("store", "1", "FLAGS", r"(\Flagged mine)"))
    edit(own.target, ("store", "2", "+FLAGS", r"(\Seen)"), ("store", "3", "+FLAGS", r"(\Deleted)"))
    append(own.target, "INBOX", mails(1, first=90))
    edit(own.source, both_sides, ("store", "2", "+FLAGS", r"(\Flagged)"))
    edit(own.source, ("store", "5", "+FLAGS", r"(\Deleted)"), ("store", "3", "+FLAGS", r"(\Seen)"))
    append(own.source, "INBOX", mails(1, first=50))
    done = own.run("--target-in-use", "-o", "json").json
    assert sum(one["copied"] for one in done["folders"]) == 1
    assert flags(own.target) == {
        "mail 0": {"\\Flagged", "mine", "\\Answered"},
        "mail 1": {"\\Seen", "\\Flagged"},
        "mail 3": set(),
        "mail 4": set(),
        "mail 5": set(),
        "mail 90": set(),
        "mail 50": set(),
    }
    again = own.run("--target-in-use", "-o", "json").json
    assert sum(one["copied"] + one["reflagged"] for one in again["folders"]) == 0


def test_asked_to_delete_it_takes_only_copies_that_nobody_touched(own: Copy) -> None:
    edit(
        own.target, ("store", "2", "+FLAGS", r"(\Flagged)"), ("store", "6", "+FLAGS", r"(\Deleted)")
    )
    append(own.target, "INBOX", mails(1, first=90))
    edit(own.source, ("store", "1:2", "+FLAGS", r"(\Deleted)"))
    done = own.run("--target-in-use", "--delete", "-o", "json").json
    assert sum(one["deleted"] for one in done["folders"]) == 1
    assert sorted(flags(own.target)) == ["mail 1", "mail 2", "mail 3", "mail 4", "mail 90"]


def test_what_they_filled_themselves_is_adopted_with_their_flags(own: Copy) -> None:
    append(own.source, "Work", mails(3, first=20))
    append(own.target, "Work", mails(2, first=20), "17-Jul-2019 02:44:25 +0200")
    done = own.run("--target-in-use", "-o", "json").json
    (work,) = [one for one in done["folders"] if one["name"] == "Work"]
    assert (work["copied"], work["adopted"], work["adopted_redated"]) == (1, 2, 2)


def test_dsync_is_refused_because_it_asks_nobody(own: Copy) -> None:
    way = ("--lane", "dsync", "--doveadm", f"local:{own.target.directory}/dovecot.conf")
    refused = replace(own).run(*way, "--target-in-use", code=2)
    assert "leave out --target-in-use" in refused.words
