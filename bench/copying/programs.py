"""The C programs of this directory, compiled at run time."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parent


def build(name: str, directory: Path) -> Path:
    """Return the program made from ``name``.c, compiled into the directory if it is not newer there."""
    source, program = SOURCES / f"{name}.c", directory / name
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    directory.mkdir(parents=True, exist_ok=True)
    command = ["cc", "-O2", "-Wall", "-o", str(program), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr[-800:]}")
    return program
