"""What a reader tells of bytes that a server sent, in a form that does not depend on the portions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from switchover.wire.imap.fetch import FetchItem
from switchover.wire.imap.reader import Limits, Reader
from switchover.wire.imap.responses import Bodies, BodyChunk, BodyEnd, BodyStart, Fetch
from switchover.wire.imap.tokens import LiteralRef


def drain(reader: Reader) -> list[object]:
    """Take all events that are there."""
    return list(iter(reader.next_event, None))


def told(
    portions: Iterable[bytes], limits: Limits | None = None, *, whole: bool = False
) -> list[object]:
    """Return all events: each Fetch with one item, the chunks of a body as one bytes.

    ``whole`` asks for whole bodies, which are told as if they had come in pieces.
    """
    reader = Reader(limits)
    reader.whole_bodies = whole
    events: list[object] = []
    for portion in portions:
        reader.receive(portion)
        for event in drain(reader):
            if isinstance(event, BodyChunk):
                if events and isinstance(events[-1], bytes):
                    events[-1] += bytes(event.data)
                else:
                    events.append(bytes(event.data))
            elif isinstance(event, Bodies):
                for item, content in zip(event.items, event.contents, strict=True):
                    events += _in_pieces(item, bytes(content))
            elif isinstance(event, Fetch):
                events += [Fetch(items=[item]) for item in event.items]
            else:
                events.append(event)
    return events


def _in_pieces(item: FetchItem, content: bytes) -> list[object]:
    start = BodyStart(size=len(content), section=b"BODY[]", item=item)
    read = item._replace(body=LiteralRef(len(content)))
    return [start, content, BodyEnd(), Fetch(items=[read])]


def events(*lines: bytes, limits: Limits | None = None) -> list[object]:
    """Return what is told of ``lines``, which get their ends here; the bytes come at once."""
    return told([b"".join(line + b"\r\n" for line in lines)], limits)


def event(*lines: bytes, limits: Limits | None = None) -> object:
    """Return the only event."""
    (only,) = events(*lines, limits=limits)
    return only


def item(*lines: bytes) -> FetchItem:
    """Return the item of the last event, which is a Fetch."""
    last = events(*lines)[-1]
    assert isinstance(last, Fetch)
    return last.items[-1]


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Return ``data`` in portions of these sizes, the rest at once."""
    places = [0]
    for size in sizes:
        places.append(min(len(data), places[-1] + size))
    return [data[a:b] for a, b in pairwise([*places, len(data)])]
