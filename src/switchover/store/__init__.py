"""What switchover remembers: PostgreSQL, the data directory around it, and sealed secrets.

``data_directory`` makes the directories and ``lock`` keeps a second process out. ``embedded`` runs
our own PostgreSQL when no other was named; ``migrate`` brings its tables up to date; ``pool`` gives
transactions that fail with one clear error while the database is away; ``rows`` turns rows into
dataclasses. ``seal`` encrypts what must not lie in the database readable, ``retention`` deletes what
is older than promised.
"""

from __future__ import annotations
