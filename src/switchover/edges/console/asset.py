"""The built assets, held in memory: names with a digest of their content, so that they never go stale."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from switchover.errors import Corrupt

STATIC = Path(__file__).parent / "static"
MANIFEST = "manifest.json"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is sent; ``squeezed`` is the same by gzip."""

    content: bytes
    squeezed: bytes | None
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """All files by the name in their address, and those names by what templates call them."""

    files: dict[str, Asset]
    names: dict[str, str]

    def url(self, name: str) -> str:
        """Return the address of ``console.css``; raises Corrupt for what was not built."""
        if name not in self.names:
            raise Corrupt(f"the console has no asset {name!r}; run script/setup, or install anew")
        return f"/assets/{self.names[name]}"


def read_assets(directory: Path) -> Assets:
    """Read what the build hook has written; raises Corrupt when it never ran here."""
    try:
        names: dict[str, str] = json.loads((directory / MANIFEST).read_text("utf-8"))["files"]
        files = {built: _read(directory, built) for built in names.values()}
    except (OSError, ValueError, KeyError) as error:
        raise Corrupt(
            f"the console's assets are not built ({error}); run script/setup, or install anew"
        ) from error
    return Assets(files=files, names=names)


def _read(directory: Path, name: str) -> Asset:
    file = directory / name
    squeezed = file.with_name(f"{name}.gz")
    return Asset(
        content=file.read_bytes(),
        squeezed=squeezed.read_bytes() if squeezed.is_file() else None,
        media_type=TYPES[file.suffix],
    )


@functools.cache
def shipped_assets() -> Assets:
    """Return the assets of this installation."""
    return read_assets(STATIC)
