"""Where secrets come from: files and commands, read anew for each connection. They are never shown."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

_COMMAND_SECONDS = 60.0
_LONGEST_SECRET_BYTES = 64 * 1024
_LONGEST_WORDS = 200


def read_secret(file: Path, what: str) -> str:
    """Return the first line of a file; ``what`` names it in sentences ("password"). Raises InvalidInput."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_LONGEST_SECRET_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidInput(f"the {what} file {file} can not be read: {words}") from error
    secret = text.removeprefix("\ufeff").partition("\n")[0].rstrip("\r")
    if not secret:
        raise InvalidInput(f"the first line of the {what} file {file} is empty")
    return secret


def split_command(text: str) -> tuple[str, ...]:
    """Return the words of a command as a shell would part them; no shell runs it. Raises InvalidInput."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidInput(f"the token command can not be read: {error}") from None
    if not words:
        raise InvalidInput("the token command is empty")
    return words


async def run_token_command(words: tuple[str, ...]) -> str:
    """Run a command and return the first line that it prints, which is the token.

    Raises InvalidInput when there is no such program, Unavailable when it fails, prints nothing or takes
    more than a minute; it is ended then, and when this is cancelled.
    """
    program = words[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise InvalidInput(
            f"the token command {program} can not be run: {error.strerror}"
        ) from error
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            printed, complaint = await process.communicate()
    except TimeoutError as error:
        raise Unavailable(f"the token command {program} took more than a minute") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        words_ = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2][:_LONGEST_WORDS]
        raise Unavailable(
            f"the token command {program} failed with exit code {process.returncode}: {words_}"
        )
    token = printed[:_LONGEST_SECRET_BYTES].decode("utf-8", "replace").partition("\n")[0].strip()
    if not token:
        raise Unavailable(f"the token command {program} printed no token on its first line")
    return token
