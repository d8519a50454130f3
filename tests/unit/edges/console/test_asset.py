from __future__ import annotations

import json
from pathlib import Path

import pytest

from switchover.edges.console.asset import read_assets
from switchover.errors import Corrupt


def built(directory: Path, **files: bytes) -> Path:
    names = {name.replace("_", "."): f"made.{name.replace('_', '.')}" for name in files}
    for name, content in files.items():
        (directory / f"made.{name.replace('_', '.')}").write_bytes(content)
    (directory / "manifest.json").write_text(json.dumps({"files": names}))
    return directory


def test_assets_are_found_by_the_name_templates_use(tmp_path: Path) -> None:
    assets = read_assets(built(tmp_path, console_css=b"a {}"))
    assert assets.url("console.css") == "/assets/made.console.css"
    found = assets.files["made.console.css"]
    assert (found.content, found.squeezed) == (b"a {}", None)
    assert found.media_type.startswith("text/css")


def test_the_squeezed_file_beside_one_is_kept_too(tmp_path: Path) -> None:
    (tmp_path / "made.console.js.gz").write_bytes(b"small")
    assets = read_assets(built(tmp_path, console_js=b"large"))
    assert assets.files["made.console.js"].squeezed == b"small"


def test_an_asset_that_was_not_built_is_named(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match=r"no asset 'map\.js'"):
        read_assets(built(tmp_path)).url("map.js")


@pytest.mark.parametrize("manifest", [None, "not json", "{}"])
def test_assets_that_were_never_built_say_what_to_do(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(Corrupt, match=r"not built .*run script/setup"):
        read_assets(tmp_path)
