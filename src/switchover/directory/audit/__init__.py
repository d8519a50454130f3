"""The audit log: who did what, when, from where and why, with what was before and after.

``entry`` is what there is to say, ``chain`` how entries hold each other and how that is proved, ``flood`` how
many refused attempts are written down; all three are pure. ``work.record`` is called inside the transaction of
a change, last before its commit: without the entry there is no change.
"""

from __future__ import annotations
