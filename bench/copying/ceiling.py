"""How close to what the target can take: whole commands made beforehand, against our copy, in one run."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence

from copying.bars import Bar, Outcome
from copying.corpus import MEDIUM, TINY, Corpus, Mail, make
from copying.loader import Batch, Lane, batches, make_folders
from copying.runs import Runs, copy_once, prepared_data, road
from copying.stage import Stage
from copying.wire import Session
from figures import table

CONNECTIONS = 2
BAR = 0.45


def measure_ceiling(on: Stage, *, rounds: int) -> Outcome:
    """Measure the raw stream and our copy in turn."""
    corpus = TINY if on.is_quick else MEDIUM
    user, data = on.need(corpus), prepared_data(on)
    streams = [list(batches(mails)) for mails in shares(list(make(corpus)))]
    raw: list[float] = []
    ours = Runs()
    print(f"ceiling: {corpus.mails:,} mails into memory", flush=True)
    with road(on, on.source, on.in_memory) as way:
        for number in range(rounds):
            turns = [
                lambda: raw.append(_send(on, corpus, streams)),
                lambda: copy_once(on, way, "switchover", user, data, ours),
            ]
            for turn in turns[:: -1 if number % 2 else 1]:
                turn()
            print(f"  raw {raw[-1]:.2f} s, ours {ours.spent[-1].seconds:.2f} s", flush=True)
    return _outcome(corpus, raw, ours)


def shares(mails: Sequence[Mail]) -> list[list[Mail]]:
    """Part the folders among the connections so that each carries about as many bytes."""
    folders: dict[str, list[Mail]] = {}
    for mail in mails:
        folders.setdefault(mail.folder, []).append(mail)
    lanes: list[list[Mail]] = [[] for _ in range(CONNECTIONS)]
    weights = [0] * CONNECTIONS
    sizes = {name: sum(len(one.data) for one in group) for name, group in folders.items()}
    for name in sorted(folders, key=lambda one: -sizes[one]):
        lightest = weights.index(min(weights))
        lanes[lightest] += folders[name]
        weights[lightest] += sizes[name]
    return lanes


def _send(on: Stage, corpus: Corpus, streams: Sequence[Sequence[Batch]]) -> float:
    """Return the seconds that the streams take on as many connections, folders and sign-in apart."""
    user = on.user("raw")
    place = on.in_memory.place(user)
    with Session(place) as session:
        make_folders(session, corpus)
    if not on.is_quick:
        os.sync()
    sessions = [Session(place) for _ in streams]
    lanes = [Lane(session, stream) for session, stream in zip(sessions, streams, strict=True)]
    begun = time.perf_counter()
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    seconds = time.perf_counter() - begun
    for session in sessions:
        session.__exit__()
    on.forget(on.in_memory, user)
    for lane in lanes:
        if lane.failures:
            raise SystemExit(f"the raw stream was refused: {lane.failures[0]}")
    return seconds


def _outcome(corpus: Corpus, raw: Sequence[float], ours: Runs) -> Outcome:
    ceiling = corpus.mails / statistics.median(raw)
    whole = corpus.mails / ours.seconds
    work = corpus.mails / ours.own_seconds if ours.own_seconds else 0.0
    rows = [
        ("raw stream, two connections", f"{statistics.median(raw):.2f}", f"{ceiling:,.0f}", "1.00"),
        ("our work alone", f"{ours.own_seconds:.2f}", f"{work:,.0f}", f"{work / ceiling:.2f}"),
        ("our whole process", f"{ours.seconds:.2f}", f"{whole:,.0f}", f"{whole / ceiling:.2f}"),
    ]
    table("Ceiling: medians", ("", "seconds", "mails/s", "of the ceiling"), rows)
    return Outcome(
        figures={
            "ceiling": {
                "raw_seconds": [round(one, 3) for one in raw],
                "raw_mails_per_second": round(ceiling),
                "ours": ours.figures(),
                "share_of_whole_process": round(whole / ceiling, 3),
                "share_of_work": round(work / ceiling, 3),
            }
        },
        bars=[
            Bar(
                claim="ceiling: whole process, share of the raw stream", value=whole / ceiling,
                bar=BAR, at_least=True,
            )
        ],
        failures=[f"ceiling: {ours.fault}"] if ours.fault else [],
    )  # fmt: skip
