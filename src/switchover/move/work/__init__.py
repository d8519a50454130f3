"""The copying of one mailbox: what talks to servers and to the database.

``mailbox`` opens and lists one side, ``ledger_store`` keeps the ledger, ``append`` moves one batch from
reader to writer, ``folder`` brings one folder up to date, ``copying`` the whole mailbox.
"""

from __future__ import annotations
