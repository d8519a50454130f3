"""What the documentation says is there, is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from switchover.balance.resolve import resolve
from switchover.model.platform_file.read import read_platform_file

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|XXX|TBD|[A-Z]*TABLE[A-Z]*|APPLY[A-Z])\b")
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_every_relative_link_leads_to_a_file() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in _LINK.findall(page.read_text("utf-8"))
        if not target.startswith(("http", "#", "mailto:"))
        and not (page.parent / target.partition("#")[0]).exists()
    ]
    assert broken == []


def test_nothing_is_left_to_be_filled_in() -> None:
    left = [
        f"{page.relative_to(ROOT)}: {word}"
        for page in PAGES
        for word in _PLACEHOLDER.findall(page.read_text("utf-8"))
    ]
    assert left == []


def test_every_platform_file_in_the_pages_is_one() -> None:
    found = [
        (page, text)
        for page in PAGES
        for text in _YAML.findall(page.read_text("utf-8"))
        if text.startswith("platform:")
    ]
    assert len(found) >= 2
    for page, text in found:
        resolve(read_platform_file(text, source=str(page.relative_to(ROOT))))


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "build_reference.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_decision_has_its_number_and_title() -> None:
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        number = page.name.partition("-")[0]
        title = page.read_text("utf-8").splitlines()[0]
        assert re.match(rf"# (Decision )?{number}", title), f"{page.name}: {title}"


def test_the_tutorial_shows_summaries_as_the_program_prints_them() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    shown = re.findall(r"^revision \d+ (.*); engine: ", text, re.MULTILINE)
    assert len(shown) >= 6
    of_lines = r"(apply|rollback): (1 line|(?!1 )\d+ lines) added, \d+ removed"
    of_servers = r"(drain|resume|weight) \w+ \(.+\)"
    assert [one for one in shown if not re.fullmatch(f"{of_lines}|{of_servers}", one)] == []
    assert not re.search(r"\b1 (differences|services|servers|faults|findings|lines)\b", text)
