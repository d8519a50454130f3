"""Which folders are copied together over one pair of connections, in one flight of commands. Pure.

Over a distance each folder alone costs some round trips, however small it is; many together cost the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from switchover.move.lane_count import amount

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTANT_SECONDS: Final = 0.01
"""Round trips from here on are worth saving; nearer, more lanes keep both servers busier."""
FLIGHT_OCTETS: Final = 40 << 20
FLIGHT_MAILS: Final = 4000
"""What one flight takes: more is better spread over connections, and a break costs less."""
_LIKELY_OCTETS: Final = 40_000  # of a mail, where the server does not tell the size of a folder


class Load(NamedTuple):
    """What a folder holds; ``octets`` None where that is not told. ``is_fresh``: nobody copied it yet."""

    mails: int
    octets: int | None
    is_fresh: bool

    @property
    def weight(self) -> int:
        """Of what is to be done, by ``amount``."""
        octets = self.mails * _LIKELY_OCTETS if self.octets is None else self.octets
        return amount(self.mails, octets)


def plan_flights(loads: Sequence[Load]) -> list[list[int]]:
    """Return the places of ``loads`` in groups, the heaviest group first.

    Folders that were copied before stand alone, and so do those that fill half a flight.
    """
    heaviest_first = sorted(range(len(loads)), key=lambda at: loads[at].weight, reverse=True)
    alone = [[at] for at in heaviest_first if not _is_light(loads[at])]
    groups: list[list[int]] = []
    mails = weight = 0
    for at in heaviest_first:
        load = loads[at]
        if not _is_light(load):
            continue
        is_full = weight + load.weight > FLIGHT_OCTETS or mails + load.mails > FLIGHT_MAILS
        if is_full or not groups:
            groups.append([])
            mails = weight = 0
        groups[-1].append(at)
        mails, weight = mails + load.mails, weight + load.weight
    return sorted(
        [*alone, *groups], key=lambda group: sum(loads[at].weight for at in group), reverse=True
    )


def _is_light(load: Load) -> bool:
    return load.is_fresh and load.weight <= FLIGHT_OCTETS // 2 and load.mails <= FLIGHT_MAILS // 2
