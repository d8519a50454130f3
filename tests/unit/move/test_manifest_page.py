"""The page says what the manifest says, loads nothing, and runs nothing."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.unit.move.test_manifest import KEY, MAIL, MANIFEST, proof_of

from switchover.move.difference import Level
from switchover.move.manifest import Manifest, SkippedMail, sign
from switchover.move.manifest_page import manifest_page
from switchover.move.proof import FolderContents
from switchover.move.proof_root import ProofMail

HOSTILE = "<script>alert(1)</script>\"'&\u202e\n\udcff"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(manifest: Manifest) -> str:
    return manifest_page(manifest, sign(manifest, KEY), "abcd 1234")


def parsed(manifest: Manifest) -> Tags:
    tags = Tags()
    tags.feed(page(manifest))
    return tags


def proved(*contents: FolderContents, level: Level = Level.BODIES) -> Manifest:
    proof = proof_of(*contents, level=level)
    return replace(
        MANIFEST,
        proof=proof,
        skipped=(),
        sampled=None,
        left_out=(),
        unfinished=(),
        has_ledger=False,
    )


def test_nothing_is_loaded_and_nothing_runs() -> None:
    tags = parsed(MANIFEST)
    assert {"script", "img", "link", "iframe", "form", "object"}.isdisjoint(
        tag for tag, _ in tags.tags
    )
    assert not any({"src", "href", "action"} & attributes.keys() for _, attributes in tags.tags)
    policy = next(a["content"] for tag, a in tags.tags if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    mail = MAIL._replace(flags=("<b>",))
    manifest = replace(
        proved(FolderContents(folder=HOSTILE, source=[mail], target=[MAIL])),
        source=HOSTILE,
        skipped=(SkippedMail(folder=HOSTILE, source_uid=1, reason=HOSTILE),),
    )
    text = page(manifest)
    assert "<script>" not in text
    assert "<b>" not in text
    assert "\u202e" not in text
    text.encode()


@pytest.mark.parametrize(
    ("manifest", "verdict"),
    [
        (MANIFEST, "Not the same."),
        (proved(FolderContents(folder="a", source=[MAIL], target=[MAIL])), "Nothing differs."),
        (
            proved(FolderContents(folder="a", source=[MAIL], target=[], skipped={1: "refused"})),
            "1 difference explained below.",
        ),
    ],
)
def test_the_verdict_comes_first(manifest: Manifest, verdict: str) -> None:
    words = " ".join(parsed(manifest).words)
    assert verdict in words
    assert words.index(verdict) < words.index("Folders")


def test_every_difference_and_skipped_mail_is_on_the_page() -> None:
    words = parsed(MANIFEST).words
    for wanted in (
        "mail missing",
        "mail extra",
        "refused",
        "Gr\u00fc\u00dfe \\udcff",
        "abcd 1234",
        "in a sample of 100 mails",
        "excluded",
        "no answer",
    ):
        assert any(wanted in word for word in words), wanted


def test_counts_alone_have_no_roots() -> None:
    contents = FolderContents(folder="a", source=[], target=[], source_mails=3, target_mails=3)
    words = parsed(proved(contents, level=Level.COUNTS)).words
    assert words.count("none at this level") == 2
    assert "the same" in words


def test_uids_that_a_side_does_not_have_stay_empty() -> None:
    extra = proved(FolderContents(folder="a", source=[], target=[ProofMail(77, b"y" * 16, 1)]))
    assert "77" in parsed(extra).words
    assert "None" not in parsed(extra).words
