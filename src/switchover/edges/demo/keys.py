"""Keys of the demo: single key presses from the terminal, and what each does.

The table is pure; ``pressed_keys`` is the terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from switchover.edges.demo.plan import IMAP, SERVERS
from switchover.edges.demo.scene import CHOICES, WHOLE, Choice
from switchover.practice.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator


class Deed(StrEnum):
    """What a key asks for beyond another choice."""

    BREAK = "b"
    MEND = "m"
    MEND_ALL = "M"
    DRAIN = "d"
    QUIT = "q"


FAULTS = (
    Fault.UNAVAILABLE,
    Fault.HANG,
    Fault.REFUSE,
    Fault.UNAUTHORIZED,
    Fault.MISDIRECTED,
    Fault.RESET,
    Fault.SLOW,
    Fault.HALF_OPEN,
    Fault.WRONG_CERTIFICATE,
)
LETTERS = {
    "o": "owa",
    "a": "activesync",
    "e": "ews",
    "p": "mapi",
    "r": "rpc",
    "i": IMAP,
    "w": WHOLE,
}
_ARROWS = {
    "\x1b[A": ("server", -1),
    "\x1b[B": ("server", 1),
    "\x1b[C": ("what", 1),
    "\x1b[D": ("what", -1),
    "\x1bOA": ("server", -1),
    "\x1bOB": ("server", 1),
    "\x1bOC": ("what", 1),
    "\x1bOD": ("what", -1),
}
_LONGEST_KEY = 3


def choose(choice: Choice, key: str) -> Choice:
    """Return the choice after a key; the same one when the key chooses nothing."""
    names = tuple(SERVERS)
    if key in {str(number + 1) for number in range(len(names))}:
        return replace(choice, server=names[int(key) - 1])
    if key in LETTERS:
        return replace(choice, what=LETTERS[key])
    if key == "f":
        return replace(choice, fault=_next(FAULTS, choice.fault, 1))
    if key in _ARROWS:
        direction, step = _ARROWS[key]
        if direction == "server":
            return replace(choice, server=_next(names, choice.server, step))
        return replace(choice, what=_next(CHOICES, choice.what, step))
    return choice


def _next(items: tuple[str, ...], current: str, step: int) -> str:
    return str(items[(items.index(current) + step) % len(items)])


def split_keys(text: str) -> Iterator[str]:
    """Yield the keys in what a terminal sent at once: letters, and arrows of three characters."""
    while text:
        size = _LONGEST_KEY if text[:_LONGEST_KEY] in _ARROWS else 1
        yield text[:size]
        text = text[size:]


@contextlib.contextmanager
def pressed_keys(descriptor: int) -> Iterator[asyncio.Queue[str]]:
    """Give single key presses until the block ends; the terminal is as before then, always.

    Ctrl-C still sends its signal. Ctrl-Z and Ctrl-S are off: a stopped demo would keep its ports, and a
    terminal that does not take our output would hold up what is drawn.
    """
    before = termios.tcgetattr(descriptor)
    queue: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def take() -> None:
        text = _read(descriptor)
        if text is None:
            loop.remove_reader(descriptor)
            queue.put_nowait(Deed.QUIT)  # the terminal has gone
            return
        for key in split_keys(text):
            queue.put_nowait(key)

    try:
        tty.setcbreak(descriptor)
        mode = termios.tcgetattr(descriptor)
        mode[0] &= ~termios.IXON
        mode[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(descriptor, termios.TCSANOW, mode)
        loop.add_reader(descriptor, take)
        yield queue
    finally:
        loop.remove_reader(descriptor)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _read(descriptor: int) -> str | None:
    try:
        content = os.read(descriptor, 1024)
    except OSError:
        return None
    return content.decode("utf-8", "replace") if content else None
