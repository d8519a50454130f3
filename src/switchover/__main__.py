"""Starts the command line."""

from __future__ import annotations

import sys
import traceback

OUR_FAULT = 70
"""Exit code of what nobody foresaw (EX_SOFTWARE of sysexits.h)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells give it (128 + SIGINT)."""


def main() -> None:
    """Run the command line; imported late so that ``--help`` stays quick."""
    try:
        from switchover.edges.cli.main import run  # noqa: PLC0415 - start-up time

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception:  # noqa: BLE001 - the end of the process: scripts tell our faults by the code
        traceback.print_exc()
        sys.exit(OUR_FAULT)


if __name__ == "__main__":
    main()
