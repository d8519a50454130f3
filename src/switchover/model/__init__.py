"""The platform's vocabulary: frozen types without I/O.

``server`` and ``workload`` say what a mail platform consists of, ``platform_file`` reads it from
YAML. Every other room speaks in these types; none of them knows a database, a socket or a screen.
"""

from __future__ import annotations
