"""Virtual services in families: the members of one differ in their layout and in nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.integration.platform_file import l4, l4_names, l7
from tests.integration.practice_farm import NAME, PORTS
from tests.integration.processes import loopback

SERVERS = ("cas1", "cas2", "cas3")
APOLOGY = "apology"
OFFICE = ("owa", "ecp", "activesync", "ews", "mapi")
OTHERS = ("rpc", "oab", "autodiscover", "api", "powershell")
MAIL = ("imaps", "smtp", "submission", "pop3s", "imap")
TWO = ("owa", "ews")
PAGE = "<h1>Mail is taking a rest</h1>"
HEALTH = {"profile": "fast"}


class Families:
    """Services by family, each on a port of its own."""

    def __init__(self, address: str, apology: str) -> None:
        self.address = address
        self.specs: dict[str, dict[str, Any]] = {}
        self.family_of: dict[str, str] = {}
        equal = {"scheduler": "round-robin"}
        for family, carried in (("office", OFFICE), ("others", OTHERS)):
            self.l7(family, carried, **equal)
            self.l4_names(family, carried, **equal)
            self.l4(family, carried, **equal)
        self.l4("office", OFFICE, health={**HEALTH, "workload": OFFICE[0]}, **equal)
        sorry = {"page": "sorry.html"}
        self.l7("page", TWO, sorry=sorry)
        self.l4_names("page", TWO, sorry={**sorry, "certificate": "front.pem"})
        self.l4("page", TWO, sorry={**sorry, "certificate": "front.pem"})
        self.l7("sorry-server", TWO, sorry={"address": apology, "port": PORTS["http"][1]})
        self.l4("sorry-server", TWO, sorry={"address": apology, "port": PORTS["https"][1]})
        spare = ["cas1", {"name": "cas2", "backup": True}, {"name": "cas3", "backup": True}]
        self.l7("backups", TWO, servers=spare, sorry=sorry)
        self.l4("backups", TWO, servers=spare, sorry={**sorry, "certificate": "front.pem"})
        uneven = ["cas1", {"name": "cas2", "weight": 50}, {"name": "cas3", "weight": 50}]
        by_first = {**HEALTH, "workload": TWO[0]}
        self.l4("weights", TWO, servers=uneven, scheduler="weighted", health=by_first)
        self.l7("weights", TWO, servers=uneven, scheduler="weighted")
        self.l7("first", TWO, scheduler="first-available")
        self.l4("first", TWO, scheduler="first-available")
        self.l4("imaps", ("imaps",))
        self.l7("imaps", ("imaps",))
        for item in MAIL[1:]:
            self.l4(item, (item,))
        # SMTP begins in the clear, where no name can be seen: it gets an address of its own.
        mail = {"imaps": NAME, "smtp": {"name": host("smtp"), "address": loopback()}}
        self._add("mail-names", "l4-names", l4_names(address, SERVERS, names=mail), {})

    def l7(self, family: str, carried: Sequence[str], **keys: Any) -> None:
        spec = l7(self.address, SERVERS, names=[NAME], workloads=list(carried))
        self._add(family, "l7", spec, keys)

    def l4_names(self, family: str, carried: Sequence[str], **keys: Any) -> None:
        names = {item: host(item) for item in carried}
        self._add(family, "names", l4_names(self.address, SERVERS, names=names), keys)

    def l4(self, family: str, carried: Sequence[str], **keys: Any) -> None:
        spec = l4(self.address, SERVERS, workloads=list(carried))
        self._add(family, "l4", spec, keys)

    def _add(self, family: str, layout: str, spec: dict[str, Any], keys: dict[str, Any]) -> None:
        name = f"{family}-{layout}-{len(self.specs)}"
        self.family_of[name] = family
        self.specs[name] = {**spec, "port": 11000 + len(self.specs), "health": HEALTH, **keys}


def host(workload: str) -> str:
    return f"{workload}.contoso.example"
