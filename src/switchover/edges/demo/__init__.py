"""The demo: a practice farm, switchover in front of it, clients, and a live picture of all three.

``place`` holds the directory (one demo for each user) and takes away what an earlier one left, found by
``remains``. ``plan`` says what is built, ``stage`` builds it and takes it down again, ``child`` runs the
farm and the traffic as processes of their own. What is shown is gathered by ``watch`` into one
``scene``, drawn by ``view``. Four ways to look at it: ``live`` (a terminal, with ``keys``), ``plain``
(no terminal), ``story`` (``--once``: steps that say what must hold, judged by ``claims``), ``picture``.

pure:     ``plan``, ``scene``, ``happenings``, ``view``, ``claims``, and the table of ``keys``
"""

from __future__ import annotations
