"""What operators changed on single servers: drain, maintenance, weight.

Overrides stand beside the platform file and are part of each revision, so that a drain can be seen
in the history and undone like any other change. They are keyed by service, pool and server; a command
for a whole server is expanded to every pool it is in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from switchover.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchover.balance.virtual_service import Balance


class AdminState(StrEnum):
    """What an operator wants of a server in a pool."""

    READY = "ready"
    DRAIN = "drain"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Target:
    """One server in one pool."""

    service: str
    pool: str
    server: str

    def __str__(self) -> str:
        """``mail.owa/cas1``, as the engine writes it."""
        return f"{self.service}.{self.pool}/{self.server}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What differs from the file for one target; ``weight`` is None where the file decides."""

    state: AdminState = AdminState.READY
    weight: int | None = None

    @property
    def is_nothing(self) -> bool:
        """True when the file alone would say the same."""
        return self.state is AdminState.READY and self.weight is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """All overrides of a revision, by target."""

    by_target: Mapping[Target, Override] = field(default_factory=dict)

    def get(self, service: str, pool: str, server: str) -> Override:
        """Return the override of a target; one that changes nothing where there is none."""
        return self.by_target.get(Target(service=service, pool=pool, server=server), Override())

    def changed(
        self,
        targets: Iterable[Target],
        *,
        state: AdminState | None = None,
        weight: int | None = None,
        reset_weight: bool = False,
    ) -> Overrides:
        """Return overrides with ``state`` or ``weight`` set for ``targets``; the rest untouched."""
        result = dict(self.by_target)
        for target in targets:
            current = result.get(target, Override())
            if state is not None:
                current = replace(current, state=state)
            if weight is not None or reset_weight:
                current = replace(current, weight=weight)
            result.pop(target, None)
            if not current.is_nothing:
                result[target] = current
        return Overrides(by_target=result)

    def renamed(self, key: Literal["service", "server"], old: str, new: str) -> Overrides:
        """Return overrides of a service or server under its new name; the rest untouched."""
        return Overrides(
            by_target={
                replace(target, **{key: new}) if getattr(target, key) == old else target: override
                for target, override in self.by_target.items()
            }
        )

    def kept_for(self, balance: Balance) -> Overrides:
        """Return only the overrides whose target still exists in ``balance``."""
        existing = {
            Target(service=service.name, pool=pool.label, server=server.name)
            for service in balance.services
            for pool in service.pools()
            for server in service.servers
        }
        return Overrides(
            by_target={key: value for key, value in self.by_target.items() if key in existing}
        )

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return plain mappings by target (``mail.owa/cas1``), for the revision row."""
        return {
            str(target): {"state": override.state.value, "weight": override.weight}
            for target, override in sorted(self.by_target.items())
        }

    @staticmethod
    def from_json(rows: Mapping[str, Mapping[str, Any]]) -> Overrides:
        """Return what ``to_json`` wrote; raises Corrupt for anything else."""
        try:
            return Overrides(
                by_target={
                    parse_target(key): Override(
                        state=AdminState(row["state"]), weight=_weight(row["weight"])
                    )
                    for key, row in rows.items()
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Corrupt(f"stored overrides can not be read: {error}") from error


def parse_target(text: str) -> Target:
    """Return the target written as ``service.pool/server``; raises ValueError for anything else."""
    backend, _, server = text.partition("/")
    service, _, pool = backend.partition(".")
    if not (service and pool and server):
        raise ValueError(f"{text!r} is not SERVICE.POOL/SERVER")
    return Target(service=service, pool=pool, server=server)


def _weight(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 256:
        raise ValueError(f"{value!r} is not a weight from 0 to 256")
    return value
