"""What the console works out when somebody asks for it, and what the pages of others feel of that.

A change of a whole platform of 2,000 servers is read, compared, linted and given to the engine before anybody
sees what it would do: that takes longer than a page may, so it is asked for apart, and shows that it goes on.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from console_visit import Visitor, hidden
from figures import percentile, table, verdict

BAR_MS = 100.0
PROOF = "/audit/proof"
POLL_SECONDS = 0.1
LONGEST_PROOF_SECONDS = 120.0
MEANWHILE = ("/", "/services", "/servers", "/events", "/history", "/help")
"""Pages of others that are asked for while something is worked out."""


def measure_work(visitor: Visitor, examples: Mapping[str, str], rounds: int) -> dict[str, Any]:
    """Ask for each preview and for the proof of the audit log; print the table, return the figures."""
    works: dict[str, Callable[[], None]] = {
        f"remove {one}": lambda path=path: _preview(visitor, path)  # type: ignore[misc]
        for one, path in _removals(examples).items()
    }
    works["roll back"] = lambda: _preview(visitor, f"/history/{examples['number']}", "/rollback")
    works["prove the audit log"] = lambda: _prove(visitor)
    times = {name: [_milliseconds(work) for _ in range(rounds)] for name, work in works.items()}
    table(
        "Work on request: milliseconds to the result; the page before it is above",
        ("work", "p50", "worst"),
        [(name, f"{statistics.median(spent):.0f}", f"{max(spent):.0f}") for name, spent in times.items()],
    )  # fmt: skip
    return {"work_ms": {name: round(statistics.median(spent)) for name, spent in times.items()}}


def measure_meanwhile(
    visitor: Visitor, other: Visitor, examples: Mapping[str, str], rounds: int
) -> dict[str, Any]:
    """Ask for pages while somebody else has one preview after another worked out."""
    times: dict[str, list[float]] = {address: [] for address in MEANWHILE}
    with _busy(other, list(_removals(examples).values())):
        for _ in range(rounds):
            for address in MEANWHILE:
                times[address].append(_milliseconds(lambda path=address: visitor.get(path)))  # type: ignore[misc]
    rows = [
        (address, f"{statistics.median(spent):.1f}", f"{percentile(spent, 0.95):.1f}",
         f"{max(spent):.1f}", verdict(percentile(spent, 0.95), BAR_MS))
        for address, spent in times.items()
    ]  # fmt: skip
    table(
        f"Pages while somebody else has previews worked out without a pause (p95 {BAR_MS:.0f})",
        ("page", "p50", "p95", "worst", ""),
        rows,
    )
    slowest = max(percentile(spent, 0.95) for spent in times.values())
    return {"page_p95_ms_meanwhile": round(slowest, 1)}


def _removals(examples: Mapping[str, str]) -> dict[str, str]:
    return {
        "a service": f"/services/{examples['service']}",
        "a server": f"/servers/{examples['server']}",
    }


def _preview(visitor: Visitor, path: str, page: str = "/remove") -> None:
    token = hidden(visitor.get(f"{path}{page}").decode(), "csrf")
    at = f"{path}/preview" if page == "/rollback" else f"{path}{page}"
    visitor.post(at, {"csrf": token, "action": "preview"})


def _prove(visitor: Visitor) -> None:
    visitor.post(PROOF, {"csrf": hidden(visitor.get(PROOF).decode(), "csrf")})
    deadline = time.monotonic() + LONGEST_PROOF_SECONDS
    while b"The log is being read" in (page := visitor.get(f"{PROOF}/progress")):
        if time.monotonic() > deadline:
            raise SystemExit("the proof of the audit log does not end")
        time.sleep(POLL_SECONDS)
    if b"The log is whole" not in page:
        raise SystemExit("the proof of the audit log found a fault")


@contextmanager
def _busy(visitor: Visitor, paths: Sequence[str]) -> Iterator[None]:
    """Have previews worked out one after the other until the block ends."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            for path in paths:
                _preview(visitor, path)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
