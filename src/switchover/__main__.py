"""Starts the command line."""

from __future__ import annotations


def main() -> None:
    """Run the command line; imported late so that ``--help`` stays quick."""
    from switchover.edges.cli.main import run  # noqa: PLC0415 - start-up time

    run()


if __name__ == "__main__":
    main()
