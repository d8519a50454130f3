"""Virtual services in front of mail servers, with the health of every workload.

Flow of a change: platform file -> ``resolve`` (names to things, faults with places) -> ``compile``
(engine configuration) -> ``work`` (check that very file, then runtime command or reload, record the
revision). Flow of a cycle: ``work.run_cycle`` loads what should be and what is, ``drift`` compares,
the engine is put right or the difference reported.

Pure files: ``virtual_service`` (the types), ``shipped`` and ``templates/`` (server products as data),
``resolve``, ``checks`` (health conversations), ``compile``, ``lint``, ``what_if``, ``drift``,
``overrides``, ``statistics`` (what is counted, with its own ``queries``). Impure by name: ``queries``,
``work``, ``tasks``.
"""

from __future__ import annotations
