"""HAProxy as a part we drive: what it is told, what it answers.

``config`` holds the types of the subset that we emit and ``render`` turns them into text; ``change``
says which differences a running engine can take without a reload. ``runtime``, ``statistics``,
``state`` and ``log`` are pure too: commands out, answers in. ``socket``, ``process`` and ``binary``
are the shells. Nothing here knows what a workload is.

Source for every keyword: HAProxy 2.8 configuration manual (doc/configuration.txt) and management
guide (doc/management.txt).
"""

from __future__ import annotations
