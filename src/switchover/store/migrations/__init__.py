"""The schema of the database as a chain of SQL files; ``switchover.store.migrate`` runs it.

A new step is a pair ``versions/vNNNN_name.py`` and ``vNNNN_name.sql``. Steps that are released never
change. A step first expands (new columns, new tables); what it replaces goes one release later.
"""

from __future__ import annotations
