"""Has a Dovecot fetch a mailbox by itself: doveadm on this machine, over ssh, or by its HTTP interface.

No password stands in an argument: every user of a machine can read those. On this machine and over ssh the
configuration with the password goes through standard input into a file in a directory of its own (mode
0700), which goes away with the script, whatever happens to us. Over HTTP nothing of the source is told at
all: there the target's own configuration must name it (imapc_host and the like).
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from switchover.errors import InvalidInput, Refused, SwitchoverError, Unavailable
from switchover.move.imapc import ImapcSource, imapc_configuration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

_BASE = "/etc/dovecot/dovecot.conf"
_SCRIPT = """
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
umask 077
directory=$(mktemp -d) || exit 75
trap 'rm -rf "$directory"' EXIT
trap 'exit 75' HUP INT TERM
cat >"$directory/dovecot.conf" || exit 75
case $(dovecot --version 2>/dev/null) in
  2.[0-3].*) echo 'imapc_features = rfc822.size fetch-headers' >>"$directory/dovecot.conf" ;;
esac
doveadm -c "$directory/dovecot.conf" "$@"
"""
_AGAIN = 2
_TURNS = 3
_MEANINGS: dict[int, tuple[type[SwitchoverError], str]] = {
    64: (InvalidInput, "it does not take the command; is it a Dovecot of version 2.2 or newer?"),
    67: (InvalidInput, "it knows no such user"),
    77: (Refused, "it is not allowed to open the mailbox; run doveadm as root"),
    78: (InvalidInput, "its configuration has a fault"),
    127: (InvalidInput, "there is no doveadm"),
    255: (Unavailable, "ssh did not come through"),
}
_LAST_WORDS = 600


class Mode(StrEnum):
    """What becomes of mails that only the target has."""

    MERGE = "they stay"
    MIRROR = "they are deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """An order to a Dovecot: whose mailbox, from where; ``folders`` () means all."""

    user: str
    source: ImapcSource
    mode: Mode
    folders: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


class Doveadm(Protocol):
    """A way to a Dovecot."""

    async def pull(self, order: Pull) -> None:
        """Have it fetch a mailbox; raises with its words when it does not end well."""


def parse_doveadm(text: str, api_key_file: Path | None) -> Doveadm:
    """Return the way that a person named: local[:CONFIGURATION], ssh://[USER@]HOST[:PORT], http[s]://HOST:PORT.

    Raises InvalidInput.
    """
    kind, _, rest = text.partition(":")
    if kind == "local":
        return _Shell(where="doveadm of this machine", words=(), base=rest or _BASE)
    url = urlsplit(text)
    if kind == "ssh" and url.hostname:
        return _over_ssh(text)
    if kind in {"http", "https"} and url.hostname:
        if api_key_file is None:
            raise InvalidInput("doveadm over HTTP needs its key: give --doveadm-api-key-file")
        if kind == "http" and url.hostname not in {"localhost", "127.0.0.1", "::1"}:
            is_loopback = url.hostname.startswith("127.")
            if not is_loopback:
                raise InvalidInput(
                    f"{url.hostname}: the key would cross the network in the clear; use https://, or ssh://"
                )
        return _Http(url=f"{kind}://{url.netloc}/doveadm/v1", key=_read_key(api_key_file))
    raise InvalidInput(f"--doveadm {text!r}: write local, ssh://USER@HOST or https://HOST:PORT")


def _over_ssh(text: str) -> _Shell:
    url = urlsplit(text)
    host = url.hostname or ""
    user = unquote(url.username) if url.username else ""
    if host.startswith("-") or user.startswith("-") or url.password:
        raise InvalidInput("write ssh://USER@HOST; the key is ssh's own affair")
    try:
        port = ("-p", str(url.port)) if url.port else ()
    except ValueError:
        raise InvalidInput(f"{text!r} names no port") from None
    to = f"{user}@{host}" if user else host
    words = ("ssh", "-T", "-o", "BatchMode=yes", *port, "--", to)
    return _Shell(
        where=f"doveadm at {host}", words=words, base=unquote(url.path).rstrip("/") or _BASE
    )


def _read_key(file: Path) -> str:
    try:
        key = file.read_text("utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the key file {file} can not be read: {error}") from error
    if not key:
        raise InvalidInput(f"the first line of the key file {file} is empty")
    return key


def arguments(order: Pull, folder: str | None) -> list[str]:
    """Return doveadm's arguments; nothing in them is secret."""
    words = ["backup"] if order.mode is Mode.MIRROR else ["sync", "-1"]
    words += ["-R", "-u", order.user]
    if folder is not None:
        words += ["-m", folder]
    for name in order.excluded:
        words += ["-x", name]
    return [*words, "imapc:"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shell:
    """A script that runs doveadm, here or behind ssh."""

    where: str
    words: tuple[str, ...]
    base: str

    async def pull(self, order: Pull) -> None:
        configuration = imapc_configuration(order.source, self.base).encode()
        for folder in order.folders or (None,):
            words = arguments(order, folder)
            code, said = await _until_calm(partial(self._run, words, configuration))
            if code:
                raise _failure(self.where, code, _clean(said, order.source))

    async def _run(self, words: Sequence[str], configuration: bytes) -> tuple[int, str]:
        command = ["/bin/sh", "-c", _SCRIPT, "doveadm", *words]
        if self.words:
            command = [*self.words, shlex.join(command)]
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise InvalidInput(f"{command[0]} is not on this machine") from None
        try:
            said, _ = await process.communicate(configuration)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            await process.wait()
            raise
        return process.returncode or 0, said.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Http:
    """Dovecot's HTTP interface (doveadm_api_key)."""

    url: str
    key: str = field(repr=False)

    async def pull(self, order: Pull) -> None:
        for folder in order.folders or (None,):
            code, _ = await _until_calm(partial(self._ask, order, folder))
            if code:
                hint = "is imapc_host, with imapc_user and imapc_password, in its configuration?"
                raise _failure(f"doveadm at {urlsplit(self.url).netloc}", code, hint)

    async def _ask(self, order: Pull, folder: str | None) -> tuple[int, str]:
        # A tenth of a second to load, and few need it.
        import base64  # noqa: PLC0415

        import aiohttp  # noqa: PLC0415

        asked: dict[str, object] = {
            "user": order.user,
            "reverseSync": True,
            "destination": ["imapc:"],
        }
        if order.mode is Mode.MERGE:
            asked["onewaySync"] = True
        if folder is not None:
            asked["mailbox"] = folder
        if order.excluded:
            asked["excludeMailbox"] = list(order.excluded)
        command = "sync" if order.mode is Mode.MERGE else "backup"
        headers = {"Authorization": f"X-Dovecot-API {base64.b64encode(self.key.encode()).decode()}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
                session.post(self.url, json=[[command, asked, "1"]], headers=headers) as response,
            ):
                if response.status in {401, 403}:
                    raise Refused(f"{self.url} does not take the key in --doveadm-api-key-file")
                if response.status != 200:
                    raise Unavailable(f"{self.url} answers {response.status}")
                return _code_in(await response.json(content_type=None)), ""
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{self.url} can not be asked: {error}") from error


async def _until_calm(ask: Callable[[], Awaitable[tuple[int, str]]]) -> tuple[int, str]:
    """Ask again, some times, while it says that something changed under its hands."""
    answer = await ask()
    for _ in range(_TURNS - 1):
        if answer[0] != _AGAIN:
            break
        answer = await ask()
    return answer


def _code_in(answers: object) -> int:
    """Return the exit code in an answer of the HTTP interface, 0 for success."""
    match answers:
        case [["doveadmResponse", _, _]]:
            return 0
        case [["error", {"exitCode": int(code)}, _]]:
            return code
        case _:
            return 64


def _failure(where: str, code: int, words: str) -> SwitchoverError:
    if code == _AGAIN:
        return Unavailable(f"{where} was overtaken by changes three times; run it again ({words})")
    kind, meaning = _MEANINGS.get(code, (Unavailable, f"it ended with code {code}"))
    return kind(f"{where} did not fetch the mailbox: {meaning}" + (f" ({words})" if words else ""))


def _clean(said: str, source: ImapcSource) -> str:
    """Return the last words of doveadm, on one line and without the password."""
    text = said.replace(source.password, "***") if source.password else said
    lines = [line for line in text.splitlines() if ": Info: " not in line]
    return " ".join(" ".join(lines).split())[-_LAST_WORDS:]
