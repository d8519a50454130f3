"""``show stat`` as typed rows, and what was counted between two samples.

A worker counts from zero, so every reload restarts the counters while the old worker goes on
counting the sessions it still has. A sample is therefore kept for each worker, and what happened in
between is the sum over the workers. What an old worker counts after its last sample is lost.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import IntEnum
from operator import add, itemgetter, sub
from typing import TYPE_CHECKING, NamedTuple

from switchover.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class RowKind(IntEnum):
    """What a row of ``show stat`` is about (column ``type``)."""

    FRONTEND = 0
    BACKEND = 1
    SERVER = 2
    LISTENER = 3


class Counters(NamedTuple):
    """What only grows while a worker lives.

    A NamedTuple, not a dataclass: 5,000 rows are read in each cycle, and tuples subtract and build
    several times faster. ``sessions`` are connections in TCP mode; ``downtime_seconds`` and
    ``checks_failed`` stay 0 for frontends.
    """

    sessions: int
    requests: int
    bytes_in: int
    bytes_out: int
    denied: int
    request_errors: int
    connect_errors: int
    response_errors: int
    retries: int
    redispatches: int
    client_aborts: int
    server_aborts: int
    checks_failed: int
    went_down: int
    downtime_seconds: int
    answers_1xx: int
    answers_2xx: int
    answers_3xx: int
    answers_4xx: int
    answers_5xx: int

    @property
    def errors(self) -> int:
        """Connections and answers that failed, and answers with status 5xx, of a server."""
        return self.connect_errors + self.response_errors + self.answers_5xx

    def since(self, earlier: Counters) -> Counters:
        """Return what was counted after ``earlier`` by the same worker.

        If any number fell, somebody cleared the counters: then all of this sample is new.
        """
        differences = Counters._make(map(sub, self, earlier))
        return self if min(differences) < 0 else differences

    def plus(self, other: Counters) -> Counters:
        """Return the sum, field by field."""
        return Counters._make(map(add, self, other))


NOTHING = Counters(*[0] * len(Counters._fields))


class Row(NamedTuple):
    """One row of ``show stat``: a frontend, backend, server or listener.

    Times are milliseconds averaged by HAProxy over the last 1,024 sessions, except
    ``changed_seconds_ago``. ``status`` is HAProxy's word, for a server UP, DOWN, "UP 1/2", MAINT,
    DRAIN or "no check"; ``check`` is its code for the last check (L7OK, L4CON ...), with "* " before
    it while the next one runs. ``row_id`` and ``backend_id`` are HAProxy's numbers.
    """

    proxy: str
    name: str
    status: str
    check: str
    check_text: str
    agent: str
    kind: RowKind
    sessions_now: int
    queued_now: int
    weight: int
    active: int
    backups: int
    changed_seconds_ago: int
    check_code: int
    check_milliseconds: int
    queue_milliseconds: int
    connect_milliseconds: int
    response_milliseconds: int
    total_milliseconds: int
    counters: Counters

    @property
    def key(self) -> tuple[str, str]:
        """The names of proxy and row, unique in a configuration of ours."""
        return (self.proxy, self.name)


_TEXT_COLUMNS = ("pxname", "svname", "status", "check_status", "last_chk", "agent_status")
_GAUGE_COLUMNS = (
    "scur",
    "qcur",
    "weight",
    "act",
    "bck",
    "lastchg",
    "check_code",
    "check_duration",
    "qtime",
    "ctime",
    "rtime",
    "ttime",
)
_GAUGES = len(_GAUGE_COLUMNS)
_COUNTER_COLUMNS = (
    "stot",
    "req_tot",
    "bin",
    "bout",
    "dreq",
    "ereq",
    "econ",
    "eresp",
    "wretr",
    "wredis",
    "cli_abrt",
    "srv_abrt",
    "chkfail",
    "chkdown",
    "downtime",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
)
_KINDS = {str(int(kind)): kind for kind in RowKind}


class _Numbers(dict[str, int]):
    """Cells to numbers, each spelling read once: most cells of a farm are empty or 0."""

    def __missing__(self, cell: str) -> int:
        """Read and remember a number; an empty cell is 0."""
        number = self[cell] = int(cell or 0)
        return number


def parse_statistics(text: str) -> tuple[Row, ...]:
    """Return the rows of ``show stat`` in order; raises Corrupt for anything else or a cut row.

    Columns are found by the names in the header, so newer engines with more of them read the same.
    """
    header, _, body = text.partition("\n")
    names = header.removeprefix("# ").split(",")
    try:
        texts = itemgetter(*map(names.index, _TEXT_COLUMNS))
        numbers = itemgetter(*map(names.index, (*_GAUGE_COLUMNS, *_COUNTER_COLUMNS)))
        kind = names.index("type")
        last = max(map(names.index, (*_TEXT_COLUMNS, *_GAUGE_COLUMNS, *_COUNTER_COLUMNS)))
        number = _Numbers()
        rows = []
        for cells in _cells(body, last + 1):
            found = [number[cell] for cell in numbers(cells)]
            counters = Counters._make(found[_GAUGES:])
            rows.append(Row._make((*texts(cells), _KINDS[cells[kind]], *found[:_GAUGES], counters)))
    except (ValueError, IndexError, KeyError) as error:
        raise Corrupt(f"not an engine's 'show stat' ({error}): {header[:80]!r}") from error
    return tuple(rows)


def _cells(body: str, wanted: int) -> Iterator[list[str]]:
    for line in body.splitlines():
        if '"' in line:  # only a check's text is ever quoted, and csv is slower than split
            yield next(csv.reader([line]))
        elif line:
            yield line.split(",", wanted)  # half of the 139 columns lie behind those we want


class WorkerId(NamedTuple):
    """What names a worker for ever: a process id alone comes back one day."""

    pid: int
    started_at_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The counters of one worker at one moment, by (proxy, name)."""

    worker: WorkerId
    counters: Mapping[tuple[str, str], Counters]


def take_sample(worker: WorkerId, rows: tuple[Row, ...]) -> Sample:
    """Return the sample of ``worker`` in ``rows``."""
    return Sample(worker=worker, counters={row.key: row.counters for row in rows})


def count_between(
    earlier: Mapping[WorkerId, Sample], now: Mapping[WorkerId, Sample]
) -> dict[tuple[str, str], Counters]:
    """Return what was counted between two rounds of samples, over all workers, by (proxy, name).

    A worker that is not in ``earlier`` counts in full: it started since. So after a pause of ours
    pass the last round that was stored, not an empty one. Rows without any count are left out.
    """
    totals: dict[tuple[str, str], Counters] = {}
    for worker, sample in now.items():
        before = earlier[worker].counters if worker in earlier else {}
        for key, counters in sample.counters.items():
            then = before.get(key, NOTHING)
            if counters == then:
                continue
            counted = counters.since(then)
            if any(counted):
                totals[key] = totals[key].plus(counted) if key in totals else counted
    return totals
