"""Who may do what with switchover: roles and bearer tokens.

``role`` and ``token`` are pure. ``queries`` and ``work`` keep tokens in the database: only a SHA-256 of
each (they are random, so no slow hash is needed), shown once, expiring, revocable.
"""

from __future__ import annotations
