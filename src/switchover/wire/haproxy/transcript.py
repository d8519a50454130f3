"""The interactive mode of HAProxy's sockets as a sans-IO conversation.

After ``prompt`` the engine ends every answer with a prompt on a line of its own, so thousands of
commands can be written at once and each answer still belongs to its command. The last command of a
batch is a sentinel whose answer we know: if anything were out of step, it would not be there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchover.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.wire.haproxy.command import Command

# "> " on a worker's socket; the master names itself, and says when its last reload failed.
# No answer of HAProxy 2.8 has a line that begins like this: dumps begin with an address, a number,
# a name or "#".
_PROMPT = re.compile(rb"(?:\A|\n)(?:master(?:\[ReloadFailed\])?)?> ")
# Each line of a payload is answered with this.
_CONTINUED = re.compile(rb"\A(?:\+ )+")
_SENTINEL = b"show version\n"
# The master ignores everything after a command to a worker that has ended.
_ENDED = "Can't find the target PID"
_VERSION = re.compile(r"\d+\.\d+\S*\s*")


class Transcript:
    """One batch: ``opening`` is what to write, ``feed`` takes what is read.

    Answers are in the order of the commands. Bytes may come in any portions. After a command to a
    worker that has ended the master does nothing more: the rest gets the same answer.
    """

    def __init__(self, commands: Sequence[Command]) -> None:
        """Prepare for ``commands``; nothing is sent here."""
        self._commands = commands
        self._answers: list[str] = []
        self._buffer = bytearray()
        self._searched = 0

    @property
    def opening(self) -> bytes:
        """Everything to write, at once: the switch to prompts, the commands, the sentinel."""
        return b"".join([b"prompt\n", *(command.encode() for command in self._commands), _SENTINEL])

    @property
    def answers(self) -> list[str] | None:
        """All answers, or None while some are missing. Raises Unavailable when out of step."""
        if self._answers and self._answers[-1].startswith(_ENDED):
            missing = len(self._commands) + 1 - len(self._answers)
            return self._answers[1:] + [self._answers[-1]] * missing
        if len(self._answers) < len(self._commands) + 2:
            return None
        if not _VERSION.fullmatch(self._answers[-1]):
            raise Unavailable(
                "the engine's answers are out of step with our commands; none is used"
            )
        return self._answers[1:-1]

    def feed(self, data: bytes) -> None:
        """Take the next bytes read from the socket."""
        self._buffer += data
        begin = 0
        # A prompt may lie across the last portion's end, so search a little before it.
        for match in _PROMPT.finditer(self._buffer, max(0, self._searched - 24)):
            self._append(bytes(self._buffer[begin : match.start()]))
            begin = match.end()
        del self._buffer[:begin]
        self._searched = len(self._buffer)

    def _append(self, answer: bytes) -> None:
        index = len(self._answers) - 1  # the first answer is that of "prompt" itself
        if 0 <= index < len(self._commands) and self._commands[index].payload:
            answer = _CONTINUED.sub(b"", answer)
        self._answers.append(answer.decode("utf-8", "replace"))
