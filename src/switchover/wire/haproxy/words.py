"""The words a runtime command may be made of.

The protocol splits at spaces, ``;`` and line breaks and reads quotes, backslashes and ``#``; nothing
is ever escaped here: a word that holds any of these is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
# Also what paths, networks and wildcards are made of.
_WORD = re.compile(r"[A-Za-z0-9_.:/@*~%+=,-]+")
# A line of dashes counts only where it begins a line, as in a file; blanks may end any line.
_PEM_BLOCK = re.compile(
    r"^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n((?:[A-Za-z0-9+/=]+[ \t]*\r?\n)+)-----END \1-----",
    re.MULTILINE,
)
# As it was decoded, or as what stands for three bytes that are not ASCII.
_BYTE_ORDER_MARK = "\ufeff\ufffd"


def name_word(text: str, *, what: str) -> str:
    """Return ``text`` if it can be the name of a backend, server or table; else InvalidInput."""
    if not _NAME.fullmatch(text):
        raise InvalidInput(f"{text[:80]!r} is not a {what} name: letters, digits and . _ : - only")
    return text


def server_path(backend: str, server: str) -> str:
    """Return ``backend/server``; else InvalidInput."""
    return f"{name_word(backend, what='backend')}/{name_word(server, what='server')}"


def word(text: str, *, what: str) -> str:
    """Return ``text`` if it can be a key, value or pattern; else InvalidInput."""
    if not _WORD.fullmatch(text):
        raise InvalidInput(
            f"{text[:80]!r} cannot be a {what} in a map or list: "
            "letters, digits and . _ : / @ * ~ % + = , - only"
        )
    return text


def file_word(text: str) -> str:
    """Return ``text`` if a file of that name can be told to the engine; else InvalidInput.

    A first ``*`` or ``@`` would be read as a staged file or a version.
    """
    if not _WORD.fullmatch(text) or text[0] in "*@":
        raise InvalidInput(f"{text[:80]!r} cannot be the name of a file in a runtime command")
    return text


def pem_blocks(name: str, pem: str) -> str:
    """Return only the PEM blocks: an empty line between them would end a payload early.

    Raises InvalidInput, naming the file ``name``, when there is none.
    """
    blocks = [
        "\n".join(line.rstrip() for line in match[0].splitlines())
        for match in _PEM_BLOCK.finditer(pem.lstrip(_BYTE_ORDER_MARK))
    ]
    if not blocks:
        raise InvalidInput(f"{name}: no PEM block (-----BEGIN ...) found")
    return "\n".join(blocks)


def portions(lines: Iterable[str], *, limit: int) -> Iterator[Sequence[str]]:
    """Yield ``lines`` in order in portions of at most ``limit`` characters, line ends included."""
    portion: list[str] = []
    size = 0
    for line in lines:
        if portion and size + len(line) + 1 > limit:
            yield portion
            portion, size = [], 0
        portion.append(line)
        size += len(line) + 1
    if portion:
        yield portion
