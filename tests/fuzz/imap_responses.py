#!/usr/bin/env python3
"""Coverage-guided fuzzing of what reads a server's bytes.

``tests/fuzz/imap_responses.py FOUND tests/fuzz/corpus/imap -max_total_time=600`` with atheris installed (it is no
dependency of the project) and the project's Python first in the path. What reaches something new is
kept by ``... -use_counters=0 -set_cover_merge=1 tests/fuzz/corpus/imap FOUND``; unit tests replay it.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.unit.wire.imap.served import told

from switchover.wire.imap.failure import Failure
from switchover.wire.imap.reader import Limits
from switchover.wire.imap.responses import Fetch

LIMITS = Limits(
    line_bytes=400, literal_bytes=80, kept_bytes=20, literals=4, depth=8, unparsed_in_row=8
)


def one_input(data: bytes) -> None:
    """Check all that must hold for any stream; the first byte says in which portions it comes."""
    if not data:
        return
    size, stream = data[0] % 40 + 1, data[1:]
    for limits in (None, LIMITS):
        whole = told([stream], limits)
        portions = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert told(portions, limits) == whole
        assert told([stream], limits, whole=True) == told(portions, limits, whole=True) == whole
        assert not any(isinstance(event, Failure) for event in whole[:-1])
        for event in whole:
            if isinstance(event, Fetch):  # dates are read when they are asked for
                assert event.items[0].internal_date is None or event.items[0].date


def main() -> None:
    """Fuzz until told to stop."""
    import atheris  # noqa: PLC0415 - only the fuzzing itself needs it, the replay does not

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
