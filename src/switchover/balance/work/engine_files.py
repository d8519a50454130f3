"""The engine's files on disk: one folder for each configuration, and what is noted about them.

Each configuration is a folder of its own below ``trees``, named by its digest; ``current`` is a symbolic
link that is flipped in one step, and is what the engine reads. So what was checked is byte for byte what
is loaded, the previous one is still there, and failed ones are kept for inspection.

``loaded`` names the folder that the engine took up last, and the drains that go with it. It is removed
before each change and written after it, so a start after a death in the middle knows that the engine may
run anything. ``accepted`` holds the digest of files that somebody edited by hand and an operator accepted.
``advised`` lists the targets that our agent gave advice on. All are files because they must be known
before the database answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

from switchover import clock
from switchover.wire.haproxy.render import MAIN_FILE, digest_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from switchover.balance.compile import Compiled

KEPT_TREES = 10
SETTLED_SECONDS = 1.0

_Look = tuple[str, int, int, int, int]


class EngineFiles:
    """The engine's folder in the data directory."""

    def __init__(self, directory: Path) -> None:
        """Make what is missing; nothing is looked at yet but ``accepted``."""
        self.directory = directory
        self.accepted: str | None = _read(directory / "accepted")
        self.advised: frozenset[str] = frozenset((_read(directory / "advised") or "").split())
        self._seen: tuple[tuple[Path, tuple[_Look, ...]], str] | None = None
        (directory / "trees").mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def current(self) -> Path:
        """The link to the folder that the engine reads."""
        return self.directory / "current"

    @property
    def main_file(self) -> Path:
        """The file the engine was started with."""
        return self.current / MAIN_FILE

    def current_name(self) -> str | None:
        """Return the name of the folder ``current`` leads to, None before the first."""
        try:
            return self.current.readlink().name
        except OSError:
            return None

    def digest(self) -> str | None:
        """Return the digest of the files as they are on disk now; None when there are none.

        Files that look just as they did last time (size, change times, number) are not read again.
        """
        root = self.current.resolve()
        looks = tuple(sorted(_looks(root)))
        if not any(name == MAIN_FILE for name, *_ in looks):
            return None
        if self._seen is not None and self._seen[0] == (root, looks):
            return self._seen[1]
        digest = digest_files({name: (root / name).read_bytes() for name, *_ in looks})
        newest = max(changed for *_, changed in looks)
        # A file that changed just now may change again within the resolution of its times.
        is_settled = newest < (clock.now().timestamp() - SETTLED_SECONDS) * 1e9
        self._seen = ((root, looks), digest) if is_settled else None
        return digest

    def tree(self, digest: str) -> Path:
        """Return the folder of a configuration."""
        return self.directory / "trees" / digest[:24]

    def has_loaded(self, wanted: Compiled, digest: str) -> bool:
        """True when ``wanted``, whose files have this digest, is what the engine took up last."""
        noted = _read(self.directory / "loaded")
        return self.current_name() == digest[:24] and noted == _note(wanted, digest[:24])

    def accept(self) -> None:
        """Take the files on disk, as somebody edited them, for wanted until the next change."""
        self.accepted = self.digest()
        if self.accepted is not None:
            _write(self.directory / "accepted", self.accepted)

    def note_loaded(self, wanted: Compiled) -> None:
        """Note what the engine has taken up; accepted files end where others took their place."""
        _write(self.directory / "loaded", _note(wanted, self.current_name() or ""))
        if self.accepted is not None and self.accepted != self.digest():
            self.accepted = None
            (self.directory / "accepted").unlink(missing_ok=True)

    def note_advised(self, targets: Iterable[str]) -> None:
        """Note which targets our agent told something that must be taken back, if only by the next start."""
        advised = frozenset(targets)
        if advised != self.advised:
            _write(self.directory / "advised", "\n".join(sorted(advised)))
            self.advised = advised

    def forget_loaded(self) -> None:
        """Note that a change is under way and nobody knows what the engine runs."""
        (self.directory / "loaded").unlink(missing_ok=True)

    def write_draft(self, files: Mapping[str, bytes]) -> Path:
        """Write files, readable by their owner only, into a folder without a name and return it.

        One that ``current`` has just so gets a second name: it need not be brought to the disk again.
        """
        draft = self.directory / "trees" / f"draft-{clock.new_id()[:8]}"
        for folder in {(draft / name).parent for name in files}:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in files.items():
            if _share(self.current / name, draft / name, content):
                continue
            descriptor = os.open(f"{draft}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        return draft

    def settle(self, draft: Path) -> None:
        """Return once a folder that becomes current would survive a power cut."""
        for folder, _, names in os.walk(draft, topdown=False):
            for path in (draft / folder / name for name in names):
                if path.stat().st_nlink == 1:
                    _sync(path)
            _sync(folder)

    def place(self, draft: Path, digest: str) -> None:
        """Give a folder the name of its digest; one that stands there may have been edited by hand."""
        tree = self.tree(digest)
        if tree.exists():
            replaced = tree.with_name(f"draft-{clock.new_id()[:8]}")
            tree.rename(replaced)
            draft.rename(tree)
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            draft.rename(tree)
        _sync(tree.parent)

    def activate(self, digest: str) -> str | None:
        """Make the engine read this configuration from now on; return the folder it read before."""
        previous = self.current_name()
        self.forget_loaded()
        self.restore(digest[:24])
        return previous

    def restore(self, name: str | None) -> None:
        """Flip the link to another folder, or remove it, in one step."""
        if name is None:
            self.current.unlink(missing_ok=True)
            return
        link = self.directory / f"current-{clock.new_id()[:8]}"
        link.symlink_to(f"trees/{name}")
        link.replace(self.current)

    def keep_failed(self, tree: Path, digest: str) -> None:
        """Move a configuration that the engine would not take aside, for inspection."""
        failed = self.directory / "failed"
        failed.mkdir(exist_ok=True, mode=0o700)
        target = failed / f"{clock.now():%Y%m%dT%H%M%SZ}-{digest[:24]}"
        with contextlib.suppress(OSError):
            tree.rename(target)
        for old in sorted(failed.iterdir())[:-KEPT_TREES]:
            shutil.rmtree(old, ignore_errors=True)

    def prune(self) -> None:
        """Delete all but the newest configurations and the one in use."""
        trees = sorted(
            (path for path in (self.directory / "trees").iterdir() if path.is_dir()),
            key=lambda path: path.stat().st_mtime,
        )
        kept = self.current_name()
        for old in trees[:-KEPT_TREES]:
            if old.name != kept:
                shutil.rmtree(old, ignore_errors=True)


def _looks(root: Path) -> Iterator[_Look]:
    """Yield name, inode, size, and times of change of every file below a folder.

    Nobody can set the last of them, ``ctime``, to a moment of the past.
    """
    for path in root.rglob("*"):
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            name = str(path.relative_to(root))
            yield name, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _note(wanted: Compiled, name: str) -> str:
    """Return what is noted of a loaded configuration: its folder, and the drains no file shows."""
    lines = sorted(f"{target} {state}" for target, state in wanted.states.items())
    return f"{name} {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:24]}"


def _read(path: Path) -> str | None:
    """Return a note; one that is damaged counts as not there."""
    try:
        return path.read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _share(old: Path, new: Path, content: bytes) -> bool:
    """Name an old file anew if it holds this content and nobody else may read it; False if not."""
    try:
        found = old.lstat().st_mode
        if found != stat.S_IFREG | 0o600 or old.read_bytes() != content:
            return False
        new.hardlink_to(old)
    except OSError:
        return False
    return True


def _sync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, "ascii")
    draft.replace(path)
