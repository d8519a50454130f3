"""Starts the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; imported late so that ``--help`` stays quick."""
    try:
        from switchover.edges.cli.main import run  # noqa: PLC0415 - start-up time

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
