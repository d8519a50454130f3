"""What the balancer asks of the world outside its own configuration: this machine, names, servers.

Impure by name. ``machine`` (addresses, limits, whether ports are free), ``interfaces`` and ``listeners``
(how the system is asked), ``live_facts`` (name service and certificates, only with ``--live``). Answers
are values of ``balance.lint.facts``, errors included; nothing here decides anything.
"""

from __future__ import annotations
