"""A small platform for tests of forms."""

from __future__ import annotations

from typing import Any

from switchover.balance.resolve import resolve
from switchover.balance.virtual_service import Balance
from switchover.edges.console.form.values import Values
from switchover.model.platform_file.read import read_plain

SERVERS = {
    "cas1": {"address": "192.0.2.11", "site": "brussels", "runs": ["exchange"]},
    "cas2": {"address": "192.0.2.12", "runs": ["exchange"]},
    "mx1": {"address": "192.0.2.21", "runs": ["dovecot", "postfix"]},
}
MAIL = {
    "address": "203.0.113.10",
    "port": 443,
    "layout": "l7",
    "names": ["mail.contoso.example"],
    "workloads": ["owa", "ews"],
    "servers": ["cas1", {"name": "cas2", "weight": 50}],
    "tls": {"certificate": "mail.pem"},
}


def farm(**services: Any) -> Balance:
    """The platform with these services."""
    return resolve(read_plain({"platform": "contoso", "servers": SERVERS, "services": services}))


def values(**texts: Any) -> Values:
    """Values with these texts; ``__`` in a name is a dot."""
    return Values.of(
        (name.replace("__", "."), text)
        for name, given in texts.items()
        for text in (given if isinstance(given, list) else [given])
    )
