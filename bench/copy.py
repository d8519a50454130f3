"""Measures `switchover copy` against its bars and against its peers, in one run.

    .venv/bin/python bench/copy.py                    a first copy, against mbsync and doveadm
    .venv/bin/python bench/copy.py --imapsync PATH    against imapsync too
    .venv/bin/python bench/copy.py --ceiling          against what the target can take
    .venv/bin/python bench/copy.py --delta            run again: nothing has changed, or 1 %
    .venv/bin/python bench/copy.py --memory           peak memory
    .venv/bin/python bench/copy.py --quick ...        short, to see that everything works

It needs root and Debian with Dovecot 2.3, and installs its peers. Servers are throw-away Dovecots on
127.18.0.0/16. The last line is one JSON object of figures. docs/benchmarks.md says what is measured how.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from pathlib import Path

if __name__ == "__main__":
    from copying.command import main

    main(__doc__ or "")
else:
    # The directory of a script stands before the standard library, which has a module of this name.
    spec = importlib.util.spec_from_file_location(
        __name__, Path(sysconfig.get_path("stdlib")) / "copy.py"
    )
    assert spec is not None
    assert spec.loader is not None
    standard = importlib.util.module_from_spec(spec)
    sys.modules[__name__] = standard
    spec.loader.exec_module(standard)
