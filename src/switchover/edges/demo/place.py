"""Where the running demo keeps its farm, so that a second terminal finds it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def demo_directory() -> Path:
    """Return the demo's own directory, one for each user: ``/tmp/switchover-demo-UID``."""
    return Path(tempfile.gettempdir()) / f"switchover-demo-{os.geteuid()}"


def demo_farm_directory() -> Path:
    """Return the directory of the demo's practice farm."""
    return demo_directory() / "farm"
