"""The build hook: what it makes of sources and packages, and when it does nothing."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "hatch_build.py"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The hook with packages from nowhere: one with a licence, one without."""
    spec = importlib.util.spec_from_file_location("hatch_build", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "_fetch_packages", fetch)
    return module


def fetch(work: Path) -> None:
    for name, licence in (("swapper", "MIT"), ("plotter", "0BSD")):
        home = work / "node_modules" / name
        (home / "dist").mkdir(parents=True)
        about = {"name": name, "version": "1.0.0", "license": licence}
        (home / "package.json").write_text(json.dumps(about))
        (home / "dist" / f"{name}.js").write_text(f"{name}();\n//# sourceMappingURL={name}.js.map")
    (work / "node_modules" / "swapper" / "LICENSE").write_text("Permission is granted.")


@pytest.fixture
def root(tmp_path: Path, hook: ModuleType) -> Path:
    assets = tmp_path / hook.CONSOLE / "assets"
    assets.mkdir(parents=True)
    (assets / "own.js").write_text("own();\n")
    (assets / "bundles.json").write_text(
        json.dumps(
            {
                "all.js": [
                    "node_modules/swapper/dist/swapper.js",
                    "node_modules/plotter/dist/plotter.js",
                    "own.js",
                ]
            }
        )
    )
    return tmp_path


def built(hook: ModuleType, root: Path) -> dict[str, bytes]:
    """Build, and return contents by the name templates use."""
    hook.build(root)
    static = root / hook.CONSOLE / "static"
    names = json.loads((static / "manifest.json").read_text())["files"]
    return {name: (static / file).read_bytes() for name, file in names.items()}


def test_files_stand_one_behind_the_other_without_their_maps(hook: ModuleType, root: Path) -> None:
    assert built(hook, root)["all.js"].split() == [b"swapper();", b"plotter();", b"own();"]


def test_the_licence_of_each_package_is_told(hook: ModuleType, root: Path) -> None:
    told = built(hook, root)["third-party.txt"].decode()
    assert "swapper 1.0.0, MIT\n\nPermission is granted." in told
    assert "plotter 1.0.0, 0BSD" in told


def test_a_name_changes_with_the_content_and_only_then(hook: ModuleType, root: Path) -> None:
    static = root / hook.CONSOLE / "static"
    built(hook, root)
    before = {file.name for file in static.glob("all.*.js")}
    (root / hook.CONSOLE / "assets" / "unused.txt").write_text("x")
    built(hook, root)
    assert {file.name for file in static.glob("all.*.js")} == before
    (root / hook.CONSOLE / "assets" / "own.js").write_text("other();\n")
    built(hook, root)
    after = {file.name for file in static.glob("all.*.js")}
    assert len(after) == 1
    assert after != before


def test_each_file_lies_there_squeezed_too(hook: ModuleType, root: Path) -> None:
    content = built(hook, root)["all.js"]
    (squeezed,) = (root / hook.CONSOLE / "static").glob("all.*.js.gz")
    assert gzip.decompress(squeezed.read_bytes()) == content


def test_npm_is_asked_for_only_while_there_is_something_to_build(
    hook: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = hook.AssetHook(str(root), {}, None, None, str(root), "wheel")
    assert door.dependencies() == [hook.NPM_PACKAGE]
    data: dict[str, list[str]] = {"artifacts": []}
    door.initialize("standard", data)
    assert data["artifacts"] == [f"/{hook.CONSOLE}/static/"]
    assert door.dependencies() == []
    monkeypatch.setattr(hook, "_fetch_packages", lambda _work: pytest.fail("nothing has changed"))
    hook.build(root)


@pytest.mark.parametrize("damage", ["manifest.json", "all.*.js"])
def test_what_is_missing_is_built_again(hook: ModuleType, root: Path, damage: str) -> None:
    built(hook, root)
    (lost,) = (root / hook.CONSOLE / "static").glob(damage)
    lost.unlink()
    assert not hook.is_built(root)
    assert built(hook, root)
