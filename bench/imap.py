"""How fast an IMAP server's answers are read, and that hostile ones take time in proportion.

``.venv/bin/python bench/imap.py [--lines 100000] [--rounds 9] [--quick]``. Listings come in portions of 64 KiB as
from a socket and end as items. imapclient and imap-codec are measured beside if they are installed
(``pip install imapclient imap-codec``): their parsers alone, with lines cut beforehand. The last line is
one JSON object; times are processor time and the best of the rounds, so that neighbours on the machine
count little.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import resource
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from figures import table
from switchover.wire.imap.number_ranges import NumberRanges
from switchover.wire.imap.reader import Limits, Reader
from switchover.wire.imap.responses import BodyChunk, Fetch

PORTION = 65536
BODY_BYTES = 4096
FLAGS = (
    b"\\Seen",
    b"\\Seen \\Answered",
    b"",
    b"\\Seen $Forwarded",
    b"\\Flagged \\Seen",
    b"NonJunk \\Seen",
)
MONTHS = (
    b"Jan",
    b"Feb",
    b"Mar",
    b"Apr",
    b"May",
    b"Jun",
    b"Jul",
    b"Aug",
    b"Sep",
    b"Oct",
    b"Nov",
    b"Dec",
)


def _date() -> bytes:
    pick = random.randint
    return b"%02d-%s-20%02d %02d:%02d:%02d +0%d00" % (
        pick(1, 28), random.choice(MONTHS), pick(10, 24), pick(0, 23), pick(0, 59), pick(0, 59), pick(0, 2),
    )  # fmt: skip


def _uid_flags(number: int) -> bytes:
    return b"UID %d FLAGS (%b)" % (2 * number, random.choice(FLAGS))


def _uid_flags_modseq(number: int) -> bytes:
    return _uid_flags(number) + b" MODSEQ (%d)" % (10**9 + number)


def _uid_flags_date_size(number: int) -> bytes:
    size = random.randint(500, 99_999)
    return _uid_flags(number) + b' INTERNALDATE "%b" RFC822.SIZE %d' % (_date(), size)


def _other_order(number: int) -> bytes:
    size = random.randint(500, 99_999)
    return b'RFC822.SIZE %d INTERNALDATE "%b" ' % (size, _date()) + _uid_flags(number)


def _gmail(number: int) -> bytes:
    labels = random.choice((b'"\\\\Inbox" work', b'"\\\\Sent" "two words"', b""))
    return b"X-GM-MSGID %d X-GM-LABELS (%b) " % (10**18 + number, labels) + _uid_flags(number)


def _general(number: int) -> bytes:
    return _uid_flags(number) + b' SAVEDATE "01-Jan-2024 00:00:00 +0000" PREVIEW ("text")'


def _with_body(number: int) -> bytes:
    return _uid_flags_date_size(number) + b" BODY[] {%d}\r\n%b" % (BODY_BYTES, b"x" * BODY_BYTES)


SHAPES: dict[str, Callable[[int], bytes]] = {
    "uid_flags": _uid_flags,
    "uid_flags_modseq": _uid_flags_modseq,
    "uid_flags_date_size": _uid_flags_date_size,
    "other_order": _other_order,
    "gmail_labels": _gmail,
    "general": _general,
    "with_body_4k": _with_body,
}


def listing(shape: Callable[[int], bytes], count: int) -> list[bytes]:
    """Return FETCH lines, each with its end."""
    return [b"* %d FETCH (%b)\r\n" % (number, shape(number)) for number in range(1, count + 1)]


def portions(stream: bytes) -> list[bytes]:
    return [stream[at : at + PORTION] for at in range(0, len(stream), PORTION)]


def read(some: list[bytes], *, dates: bool = False) -> int:
    """Read a listing to its items; return how many."""
    reader, count = Reader(), 0
    for portion in some:
        reader.receive(portion)
        while (event := reader.next_event()) is not None:
            if isinstance(event, Fetch):
                count += len(event.items)
                if dates:
                    for item in event.items:
                        item.internal_date  # noqa: B018 - working it out is what is measured
    return count


def best_seconds(rounds: int, work: Callable[[], object]) -> float:
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def peers() -> dict[str, Callable[[list[bytes]], object]]:
    """Return the peers' parsers that are installed, each for lines with their ends."""
    found: dict[str, Callable[[list[bytes]], object]] = {}
    for name, make in (("imapclient.response_parser", _imapclient), ("imap_codec", _imap_codec)):
        try:
            found[name.partition(".")[0]] = make(importlib.import_module(name))
        except ImportError:
            print(f"{name.partition('.')[0]} is not installed: not measured")
    return found


def _imapclient(module: Any) -> Callable[[list[bytes]], object]:
    def parse(lines: list[bytes]) -> object:
        # imaplib gives what stands behind "FETCH", a literal apart from its line.
        given: list[Any] = []
        for line in lines:
            text = line[2:-2].replace(b"FETCH ", b"", 1)
            head, brace, body = text.partition(b"}\r\n")
            given += [(head + b"}", body[:-1]), b")"] if brace else [text]
        return module.parse_fetch_response(given, normalise_times=False)

    return parse


def _imap_codec(module: Any) -> Callable[[list[bytes]], object]:
    decode = module.ResponseCodec.decode
    return lambda lines: [decode(line) for line in lines]


def measure_speed(count: int, rounds: int) -> dict[str, float]:
    """Return lines a second by shape, ours and the peers'."""
    figures: dict[str, float] = {}
    rows = []
    others = peers()
    for name, shape in SHAPES.items():
        lines = listing(shape, count // 20 if shape is _with_body else count)
        some = portions(b"".join(lines))
        assert read(some) == len(lines)
        figures[f"{name}_lines_per_s"] = ours = len(lines) / best_seconds(
            rounds, partial(read, some)
        )
        row = [name, f"{ours:,.0f}"]
        few = lines[: len(lines) // 10]
        for peer, parse in others.items():
            try:
                speed = len(few) / best_seconds(3, partial(parse, few))
            except Exception as error:  # noqa: BLE001 - a peer that can not read it says so in its own way
                row.append(f"can not: {type(error).__name__}")
                continue
            figures[f"{name}_vs_{peer}"] = ours / speed
            row.append(f"{speed:,.0f} ({ours / speed:.1f} x)")
        rows.append(row)
    some = portions(b"".join(listing(_uid_flags_date_size, count)))
    dated = count / best_seconds(rounds, partial(read, some, dates=True))
    figures["uid_flags_date_size_dates_read_lines_per_s"] = dated
    rows.append(["... every date worked out", f"{dated:,.0f}", *["-"] * len(others)])
    table("FETCH lines a second", ("shape", "ours", *others), rows)
    return figures


def measure_search(count: int, rounds: int) -> dict[str, float]:
    """Return seconds for answers that name ``count`` UIDs, dense and scattered."""
    dense = b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(10**6, 10**6 + count)) + b"\r\n"
    sparse = (
        b"* SEARCH " + b" ".join(b"%d" % (3 * uid) for uid in range(10**6, 10**6 + count)) + b"\r\n"
    )
    extended = NumberRanges.parse_list(sparse[9:-2])
    assert extended is not None
    ranges = b'* ESEARCH (TAG "a") UID ALL ' + extended.encode() + b"\r\n"
    figures = {}
    rows = []
    for name, line in (("dense", dense), ("sparse", sparse), ("esearch", ranges)):
        spent = best_seconds(rounds, partial(read, portions(line)))
        figures[f"search_{name}_s_per_million"] = spent / count * 1e6
        rows.append((name, f"{len(line) / 1e6:.1f}", f"{spent / count * 1e6:.2f}"))
    table("SEARCH answers", ("UIDs", "MB", "seconds per million"), rows)
    return figures


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "endless line, byte by byte": lambda n: b"x" * (n // 10),
    "literals of no bytes": lambda n: b"* X {0}\r\n\r\n" * (n // 11),
    "announcements echoed": lambda n: b"* OK x {5}\r\n" * (n // 12),
    "braces": lambda n: b"{1" * (n // 2) + b"\r\n",
    "escaped quotes": lambda n: b'* X "' + b'\\"' * (n // 2) + b"\r\n",
    "loose quotes": lambda n: b"* 1 FETCH (" + b'"a"b ' * (n // 5) + b")\r\n",
    "open lists": lambda n: b"* 1 FETCH " + b"(" * n + b"\r\n",
    "lists in lists": lambda n: b"* 1 FETCH " + b"((" * (n // 4) + b"))" * (n // 4) + b"\r\n",
    "open sections": lambda n: b"* 1 FETCH (UID 1 " + b"BODY[ (" * (n // 7) + b"{0}\r\n)\r\n",
    "quotes in a name": lambda n: b'* LIST () "/" ' + b'"a" (' * (n // 5) + b"\r\n",
    "lists in a status": lambda n: b"* STATUS a" + b" (SIZE " * (n // 7) + b"\r\n",
    "brackets in a code": lambda n: b"* OK [X (" + b"(]" * (n // 2) + b"\r\n",
    "shapes that change": lambda n: (
        b"* 1 FETCH (UID 5)\r\n* 1 FETCH (FLAGS () UID 5)\r\n" * (n // 47)
    ),
    "news between lines": lambda n: b"* 1 FETCH (UID 5 FLAGS ())\r\n* 2 EXISTS\r\n" * (n // 40),
    "empty lines": lambda n: b"\r\n" * (n // 2),
    "digits": lambda n: b"* " + b"1" * n + b" EXISTS\r\n",
    "search": lambda n: b"* SEARCH" + b" 7" * (n // 2) + b"\r\n",
    "ranges upside down": lambda n: (
        b"* VANISHED "
        + b",".join(b"%d:%d" % (at + 5, at) for at in range(n // 12, 0, -1))
        + b"\r\n"
    ),
    "unequal COPYUID": lambda n: b"* OK [COPYUID 1 1:* " + b"7," * (n // 2) + b"1]\r\n",
    "capabilities": lambda n: b"* CAPABILITY" + b" X" * (n // 2) + b"\r\n",
    "names of an ID": lambda n: b"* ID (" + b'"a" "b" ' * (n // 8) + b")\r\n",
    "namespaces": lambda n: b"* NAMESPACE (" + b'("" "/")' * (n // 8) + b") NIL NIL\r\n",
    "labels": lambda n: b"* 1 FETCH (UID 5 X-GM-LABELS (" + b'"a" ' * (n // 4) + b'"\r\n',
    "label of backslashes": lambda n: b'* 1 FETCH (UID 5 X-GM-LABELS ("' + b"\\" * n + b"\r\n",
    "flags": lambda n: b"* 1 FETCH (UID 5 FLAGS (" + b"a " * (n // 2) + b"\r\n",
    "bodies that lie": lambda n: b"* 1 FETCH (UID 5 BODY[] {3}\r\nabc)\r\n" * (n // 35) + b"* 2",
    "continuations": lambda n: b"+ go\r\n" * (n // 6),
    "line ends of CR": lambda n: b"* OK " + b"\r" * n + b"\n",
    "shifted names": lambda n: b'* LIST () "/" "' + b"&" * n + b'"\r\n',
}


_MEASURABLE_SECONDS = 0.005  # what is refused at once says nothing of proportion


def measure_hostile(size: int, rounds: int) -> dict[str, float]:
    """Return the worst factor in time when a hostile stream doubles."""
    rows, worst = [], 0.0
    for name, make in HOSTILE.items():
        portion = 1 if "byte by byte" in name else PORTION
        first = best_seconds(rounds, partial(_spend, make(size), portion))
        second = best_seconds(rounds, partial(_spend, make(2 * size), portion))
        if first > _MEASURABLE_SECONDS:
            worst = max(worst, second / first)
        rows.append((name, f"{first * 1000:.1f}", f"{second * 1000:.1f}", f"{second / first:.2f}"))
    table("Hostile streams", ("stream", "ms", "ms doubled", "factor"), rows)
    return {"hostile_doubling_worst": worst}


def _spend(stream: bytes, portion: int) -> None:
    reader = Reader(Limits(line_bytes=2**30, unparsed_in_row=2**30, literals=2**30))
    for at in range(0, len(stream), portion):
        reader.receive(stream[at : at + portion])
        while reader.next_event() is not None:
            pass


def measure_memory(size: int) -> dict[str, float]:
    """Return how much the process grew while a message of ``size`` bytes passed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = Reader(Limits(literal_bytes=2**40))
    passed = 0
    began = time.process_time()
    for portion in _message(size):
        reader.receive(portion)
        while (event := reader.next_event()) is not None:
            if isinstance(event, BodyChunk):
                passed += len(event.data)
    spent = time.process_time() - began
    assert passed == size
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"\n  a message of {size / 2**20:.0f} MiB: {size / spent / 1e6:,.0f} MB/s, {grown:.1f} MiB more memory"
    )
    return {"body_mb_per_s": size / spent / 1e6, "body_memory_mib": grown}


def _message(size: int) -> Iterator[bytes]:
    yield b"* 1 FETCH (UID 5 BODY[] {%d}\r\n" % size
    for _ in range(size // PORTION):
        yield bytes(PORTION)
    yield bytes(size % PORTION) + b")\r\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    options = parser.parse_args()
    share = 10 if options.quick else 1
    random.seed(1)
    figures = measure_memory(300 * 2**20 // share)
    figures |= measure_speed(options.lines // share, options.rounds)
    figures |= measure_search(1_000_000 // share, max(3, options.rounds // 3))
    figures |= measure_hostile(1_000_000 // share, options.rounds)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
