"""A command under way."""

from __future__ import annotations

from switchover.wire.imap.command import Wait
from switchover.wire.imap.commands import NOOP
from switchover.wire.imap.request import Request


def test_what_goes_out_is_counted_without_what_is_streamed() -> None:
    request = Request(tag=b"a1", command=NOOP, steps=(b"12345", Wait.CONTINUATION, b"678"))
    assert request.octets == 8
