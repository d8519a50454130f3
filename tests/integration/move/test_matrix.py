"""``switchover copy`` between every two kinds of servers: 10,000 mails with every oddity, compared one by one.

Each kind of server gets the same mailbox without the help of the product, so it delivers it in its own form.
From there the mailbox is copied to every kind, and what arrives must be that, in the form that the target is
known to keep (``server_forms``): no mail less, none more, with its flags, keywords, date and folder; what the
target refuses must be reported by name. A second run must leave both sides as they are.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.integration.imap_servers import ImapServer, Kind, imap_server
from tests.integration.move.copy_command import copy_mailbox
from tests.integration.move.mailbox_reading import (
    Kept,
    Mailbox,
    digest,
    epoch_seconds,
    footprint,
    load_mailbox,
    read_mailbox,
)
from tests.integration.move.server_forms import (
    CYRUS_LARGEST_BYTES,
    NOW,
    body_kept,
    date_copied,
    date_kept,
    name_kept,
    name_of,
    path_of,
)
from tests.integration.processes import short_directory
from tests.move_corpus import Corpus, make_corpus

MAILS, SEED = 10_000, 2013
SOURCE = "source"
COPIES = {kind: f"from-{kind}" for kind in Kind}
Content = Counter[tuple[Any, ...]]


@dataclass(kw_only=True)
class Site:
    """All five servers, each started when it is first needed, with the mailboxes of the tests."""

    directory: Path
    corpus: Corpus
    stack: contextlib.ExitStack
    servers: dict[Kind, ImapServer] = field(default_factory=dict)
    sources: dict[Kind, Mailbox] = field(default_factory=dict)
    started_at: float = field(default_factory=time.time)

    def server(self, kind: Kind) -> ImapServer:
        if kind not in self.servers:
            users = (SOURCE, *COPIES.values())
            more = f"maxmessagesize: {CYRUS_LARGEST_BYTES}" if kind is Kind.CYRUS else ""
            self.servers[kind] = self.stack.enter_context(imap_server(kind, users, more=more))
        return self.servers[kind]

    def source(self, kind: Kind) -> Mailbox:
        """Return the mailbox to copy from a kind of server, which is put there first."""
        if kind not in self.sources:
            server = self.server(kind)
            load_mailbox(server, SOURCE, self.corpus)
            self.sources[kind] = read_mailbox(server, SOURCE, bodies=True)
        return self.sources[kind]

    def copy(self, source: Kind, target: Kind) -> dict[str, Any]:
        """Copy, and return the report."""
        ends = (self.server(source), SOURCE), (self.server(target), COPIES[source])
        return copy_mailbox(self.directory, *ends)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(short_directory())
        yield Site(directory=directory, corpus=make_corpus(MAILS, SEED), stack=stack)


def when(seconds: int, site: Site) -> int | str:
    """Return a date, and ``NOW`` for one that lies within this test."""
    return NOW if site.started_at - 2 <= seconds <= time.time() + 2 else seconds


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.xdist_group(f"matrix-{kind}")) for kind in Kind]
)
def test_a_server_delivers_what_it_was_given_in_its_declared_form(site: Site, kind: Kind) -> None:
    mailbox = site.source(kind)
    wanted: dict[str, Content] = {
        name_of(kind, name_kept(kind, path)): Counter() for path in site.corpus.folders
    }
    for mail in site.corpus.mails:
        body = body_kept(kind, mail.body)
        date = date_kept(kind, epoch_seconds(mail.date), site.started_at)
        if body is not None and date is not None:
            flags = frozenset(flag.lower() for flag in mail.flags)
            wanted[name_of(kind, name_kept(kind, mail.path))][digest(body), flags, date] += 1
    assert differences(wanted, content(mailbox, site, wanted)) == {}


def content(mailbox: Mailbox, site: Site, names: Any) -> dict[str, Content]:
    """Return the mails of folders as multisets; folders that hold nothing only if they are in ``names``."""
    return {
        name: Counter((mail.digest, mail.flags, when(mail.seconds, site)) for mail in mails)
        for name, mails in mailbox.folders.items()
        if mails or name in names
    }


def differences(wanted: dict[str, Content], found: dict[str, Content]) -> dict[str, Any]:
    """Return by folder what is missing and what is too much, shortened for people."""
    return {
        name: (shown(wanted.get(name, Counter()) - found.get(name, Counter())), "missing; too much:",
               shown(found.get(name, Counter()) - wanted.get(name, Counter())), name in found)
        for name in wanted.keys() | found.keys()
        if wanted.get(name) != found.get(name)
    }  # fmt: skip


def shown(mails: Content) -> list[Any]:
    return [(key[0].hex()[:8], sorted(key[1]), key[2]) for key in list(mails.elements())[:3]] + (
        [f"{mails.total()} in all"] if mails else []
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param(source, target, marks=pytest.mark.xdist_group(f"matrix-{source}"))
        for source in Kind
        for target in Kind
    ],
)
def test_a_mailbox_arrives_as_it_was(site: Site, source: Kind, target: Kind) -> None:
    there = site.source(source)
    before = time.monotonic()
    report = site.copy(source, target)
    seconds = time.monotonic() - before
    user = COPIES[source]
    here = read_mailbox(site.server(target), user)
    names = {name: target_name(source, target, name) for name in there.folders}
    assert {one["source"]: one["target"] for one in report["mapping"]} == names
    assert (report["problems"], report["left"]) == ([], {})
    assert report["complete"] == (not report["skipped"])
    wanted, refused = expected(there, names, target, site)
    assert differences(wanted, content(here, site, wanted)) == {}
    assert {(name, uid) for name, uid, _ in skips(report)} == refused
    assert {reason for _, _, reason in skips(report)} <= {
        "refused by the target", "larger than the target takes", "has no bytes at all",
    }  # fmt: skip
    assert folders_beside(here, wanted) == set()
    assert here.subscribed == {names.get(one, one) for one in there.subscribed}
    marks = footprint(site.server(target), user)
    again = site.copy(source, target)
    assert (again["left"], again["created"]) == ({}, [])
    assert {one["source"]: one["target"] for one in again["mapping"]} == names
    assert [
        one for one in again["folders"] if one["copied"] or one["reflagged"] or one["left"]
    ] == []
    assert footprint(site.server(target), user) == marks
    print(
        f"{source} -> {target}: {report_total(report)} mails, {len(refused)} refused, {seconds:.1f} s"
    )


def target_name(source: Kind, target: Kind, name: str) -> str:
    return name_of(target, name_kept(target, path_of(source, name)))


def expected(
    there: Mailbox, names: dict[str, str], target: Kind, site: Site
) -> tuple[dict[str, Content], set[tuple[str, int]]]:
    """Return what the target must hold, and which mails it must have refused."""
    wanted: dict[str, Content] = {}
    refused = set()
    for name, there_on in names.items():
        mails, folder = there.folders[name], Counter[tuple[Any, ...]]()
        wanted[there_on] = folder
        for mail in mails:
            kept = kept_by(target, mail, site)
            if kept is None:
                refused.add((name, mail.uid))
            else:
                folder[kept] += 1
    return wanted, refused


def kept_by(target: Kind, mail: Kept, site: Site) -> tuple[Any, ...] | None:
    body = body_kept(target, mail.body)
    date = date_copied(target, mail.seconds, site.started_at)
    if body is None or date is None:
        return None
    kept = mail.digest if body == mail.body else digest(body)
    return kept, mail.flags, when(date, site) if isinstance(date, int) else date


def skips(report: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(one["folder"], one["uid"], one["reason"]) for one in report["skipped"]]


def folders_beside(here: Mailbox, wanted: dict[str, Content]) -> set[str]:
    """Return folders that nobody asked for; Cyrus makes the parents of a folder real ones."""
    return {
        name
        for name in here.folders.keys() - wanted.keys()
        if here.folders[name] or not any(one.startswith(name) for one in wanted)
    }


def report_total(report: dict[str, Any]) -> int:
    return sum(folder["copied"] for folder in report["folders"])
