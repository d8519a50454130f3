"""A PostgreSQL of our own, for the platform that has none to offer.

``server`` starts, attaches to and stops it. ``postmaster`` finds out from /proc and the lock file who
serves the directory, ``account`` which user it runs as, ``binaries`` where the programs are, and
``configuration`` renders its files. Why it is done this way: ``docs/decisions/0002``.
"""

from __future__ import annotations

from switchover.store.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
