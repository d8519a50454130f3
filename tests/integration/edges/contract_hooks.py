"""What schemathesis is told of our API: names that exist, files that are right, tokens it must not end.

Run by schemathesis itself, in its own process (``hooks`` in its configuration). Without it every name is
invented and every platform file wrong, so nothing behind the first look-up would be reached.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import schemathesis

# What a parameter or key of this name may be, whatever it stands in. The first of each is in force.
KNOWN: Mapping[str, tuple[Any, ...]] = {
    "server": ("cas1", "cas2"),
    "service": ("web", "names", "imap"),
    "workload": ("owa", "imaps", "all"),
    "number": (0, 1, 2),
    "older": (0, 1, 2),
    "newer": (0, 1, 2),
    "down": (["cas1"], ["cas1/owa", "cas2"]),
}
IN_BODIES: Mapping[str, tuple[Any, ...]] = {
    **KNOWN,
    "service": (None, None, "web"),
    "workload": (None, None, "owa"),
}
"""In a body both may be left out: then a change is for the whole server."""
SHARE = 3
"""One in so many values stays as it was invented."""


@schemathesis.hook
def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    """Put known values in the place of most invented ones, and keep our own token alive."""
    whole = repr((case.method, case.path, case.path_parameters, case.query, case.body))
    for values, known in (
        (case.path_parameters, KNOWN), (case.query, KNOWN), (case.body, IN_BODIES)
    ):  # fmt: skip
        if isinstance(values, dict):
            _make_known(values, known, whole)
    if isinstance(case.body, dict) and "text" in case.body and _number(whole) % 2:
        case.body["text"] = Path(os.environ["CONTRACT_FILE"]).read_text("utf-8")
    own = os.environ["CONTRACT_TOKENS"].split()
    if case.path_parameters and case.path_parameters.get("token_id") in own:
        case.path_parameters["token_id"] = "none"


def _make_known(values: dict[str, Any], known: Mapping[str, tuple[Any, ...]], whole: str) -> None:
    for name, choices in known.items():
        # By the whole request: most of them have the same value in the same place.
        if name in values and (chosen := _number(name + whole)) % SHARE:
            values[name] = choices[chosen % len(choices)]


def _number(text: str) -> int:
    # Not hash(): it differs from process to process, and a failure must come again.
    return zlib.crc32(text.encode("utf-8", "replace")) >> 3
