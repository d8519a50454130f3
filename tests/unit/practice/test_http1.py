from __future__ import annotations

import asyncio

import pytest

from switchover.errors import InvalidInput
from switchover.practice.http1 import Reply, Request, parse_head, read_request, read_response
from switchover.practice.pages import heartbeat_seconds


class Ear:
    """Takes what a server would write."""

    def __init__(self) -> None:
        self.heard = b""

    def write(self, content: bytes) -> None:
        self.heard += content


def stream(content: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(content)
    reader.feed_eof()
    return reader


async def request(content: bytes) -> tuple[Request | None, bytes]:
    ear = Ear()
    found = await read_request(stream(content), ear)  # type: ignore[arg-type]
    return found, ear.heard


async def test_a_request_is_read_with_its_query_and_fields() -> None:
    found, _ = await request(b"GET /owa%20x?a=1&b=&a=2 HTTP/1.1\r\nHost: h\r\nX: 1\r\nx: 2\r\n\r\n")
    assert found is not None
    assert (found.method, found.path, found.query) == ("GET", "/owa x", {"a": "2", "b": ""})
    assert found.fields == {"host": "h", "x": "1, 2"}
    assert found.keeps_alive


async def test_a_closed_connection_is_no_request() -> None:
    assert await request(b"") == (None, b"")


async def test_a_counted_body_is_read() -> None:
    found, _ = await request(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
    assert found is not None
    assert (found.body, found.body_bytes) == (b"hello", 5)


async def test_a_chunked_body_is_read_with_its_trailer() -> None:
    found, _ = await request(
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    assert found is not None
    assert (found.body, found.body_bytes) == (b"abcde", 5)


async def test_a_large_body_is_counted_but_not_kept() -> None:
    size = 200_000
    found, _ = await request(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
    assert found is not None
    assert (len(found.body), found.body_bytes) == (65536, size)


async def test_a_client_that_waits_for_100_gets_it_before_the_body() -> None:
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok"
    found, heard = await request(head)
    assert found is not None
    assert heard == b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    "content",
    [
        b"HELLO\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nSpaced : 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + bytes(70_000) + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 70_000 + b"\r\n",
    ],
)
async def test_what_is_no_request_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        await request(content)


@pytest.mark.parametrize(
    "content", [b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe"]
)
async def test_half_a_request_is_an_end(content: bytes) -> None:
    with pytest.raises(EOFError):
        await request(content)


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: Keep-Alive\r\n", True),
    ],
)
async def test_a_connection_is_kept_as_the_client_wishes(
    version: str, connection: str, expected: bool
) -> None:
    found, _ = await request(f"GET / HTTP/{version}\r\n{connection}\r\n".encode())
    assert found is not None
    assert found.keeps_alive is expected


async def test_a_reply_reads_back_as_the_response_it_was() -> None:
    reply = Reply(status=421, body=b"hello", fields=(("X-Practice-Server", "cas1"),))
    raw = reply.render(head_only=False, keeps_alive=True)
    response = await read_response(stream(raw), method="GET")
    assert (response.status, response.body, response.reusable) == (421, b"hello", True)
    assert response.fields["x-practice-server"] == "cas1"


async def test_a_reply_to_head_has_no_body() -> None:
    raw = Reply(body=b"hello").render(head_only=True, keeps_alive=False)
    response = await read_response(stream(raw), method="HEAD")
    assert (response.body, response.reusable) == (b"", False)
    assert response.fields["content-length"] == "5"


async def test_a_response_without_length_goes_to_the_end() -> None:
    raw = b"HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\nsorry"
    response = await read_response(stream(raw), method="GET")
    assert (response.status, response.body, response.reusable) == (503, b"sorry", False)


async def test_interim_responses_are_skipped() -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204\r\n\r\n"
    response = await read_response(stream(raw), method="POST")
    assert (response.status, response.reusable) == (204, True)


async def test_no_response_is_an_end_and_nonsense_is_refused() -> None:
    with pytest.raises(EOFError):
        await read_response(stream(b""), method="GET")
    with pytest.raises(InvalidInput, match="no HTTP status"):
        await read_response(stream(b"HTTP/1.1 fine\r\n\r\n"), method="GET")


def test_a_head_needs_its_version() -> None:
    with pytest.raises(InvalidInput, match="no HTTP/1 message"):
        parse_head(b"GET /\r\n\r\n")


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ("/x?Cmd=Ping&HeartbeatInterval=480", b"", 480),
        ("/x", b"<Ping><HeartbeatInterval> 90 </HeartbeatInterval></Ping>", 90),
        ("/x?HeartbeatInterval=99999", b"", 3540),
        ("/x?HeartbeatInterval=-5", b"", 60),
        ("/x", b"", 60),
    ],
)
async def test_a_ping_is_held_for_the_heartbeat_it_names(
    target: str, body: bytes, expected: float
) -> None:
    head = f"POST {target} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    found, _ = await request(head + body)
    assert found is not None
    assert heartbeat_seconds(found) == expected
