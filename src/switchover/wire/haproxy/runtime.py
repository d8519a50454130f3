"""Commands for a running engine, built with every argument checked.

The runtime protocol is lines of words; ``;``, spaces, quotes and line breaks have meaning. So no
argument passes that holds anything but the characters of its kind; nothing is ever escaped.

HAProxy 2.8 management guide, section 9.3 (Unix Socket commands); the answers are those of 2.8.25.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput
from switchover.wire.haproxy.command import AnswerKind, Command, Outcome
from switchover.wire.haproxy.words import (
    file_word,
    name_word,
    pem_blocks,
    portions,
    server_path,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv6Address

# A command with its payload must fit into one engine buffer (tune.bufsize, 16,384 bytes unless
# configured). HAProxy closes the connection when it does not, and the rest of a batch is lost.
MAX_COMMAND_BYTES = 15_000


class ServerMode(StrEnum):
    """The administrative state of a server. Drain lets persistent clients in; maint stops checks."""

    READY = "ready"
    DRAIN = "drain"
    MAINTENANCE = "maint"


class HealthVerdict(StrEnum):
    """A health state forced from outside; the next check may overrule it."""

    UP = "up"
    STOPPING = "stopping"
    DOWN = "down"


class CheckKind(StrEnum):
    """The two kinds of checks a server can have."""

    HEALTH = "health"
    AGENT = "agent"


def set_mode(backend: str, server: str, mode: ServerMode) -> Command:
    """Return the command for ready, drain or maintenance; doing it twice changes nothing."""
    return Command(line=f"set server {server_path(backend, server)} state {mode}")


def set_weight(backend: str, server: str, weight: int) -> Command:
    """Return the command for an absolute weight, 0 (no new clients) to 256.

    Percentages are not offered: they count from the configured weight and round down, so 50 % of a
    weight of 1 is 0 and takes the server out (seen on 2.8.25).
    """
    if not 0 <= weight <= 256:
        raise InvalidInput(f"a server's weight is 0 to 256, not {weight}")
    return Command(line=f"set server {server_path(backend, server)} weight {weight}")


def set_address(backend: str, server: str, address: str, port: int) -> Command:
    """Return the command that moves a server to another address and port, both numeric."""
    numeric = _numeric(address, port)
    line = f"set server {server_path(backend, server)} addr {numeric} port {port}"
    return Command(line=line, answers=AnswerKind.PHRASE, phrase="by 'stats socket command'")


def _numeric(address: str, port: int) -> IPv4Address | IPv6Address:
    try:
        numeric = ip_address(address)
    except ValueError as error:
        raise InvalidInput(f"{address!r} is not an IP address") from error
    if not 1 <= port <= 65535:
        raise InvalidInput(f"a port is 1 to 65535, not {port}")
    return numeric


def set_health(backend: str, server: str, verdict: HealthVerdict) -> Command:
    """Return the command that forces the health verdict of a server that is checked."""
    return Command(line=f"set server {server_path(backend, server)} health {verdict}")


def set_agent(backend: str, server: str, *, up: bool) -> Command:
    """Return the command that forces the agent's verdict of a server with an agent check."""
    return Command(line=f"set server {server_path(backend, server)} agent {'up' if up else 'down'}")


def enable_checks(backend: str, server: str, kind: CheckKind) -> Command:
    """Return the command that starts checks again. A server without such checks says nothing."""
    return Command(line=f"enable {kind} {server_path(backend, server)}")


def disable_checks(backend: str, server: str, kind: CheckKind) -> Command:
    """Return the command that stops checks; the last verdict stays."""
    return Command(line=f"disable {kind} {server_path(backend, server)}")


def enable_frontend(name: str) -> Command:
    """Return the command that makes a paused frontend listen again; one that listens does not mind."""
    return Command(line=f"enable frontend {name_word(name, what='frontend')}")


def set_frontend_limit(name: str, connections: int) -> Command:
    """Return the command for the most connections a frontend takes at a time (1 and more)."""
    if connections < 1:
        raise InvalidInput(f"{connections} is not a number of connections: 1 or more")
    return Command(line=f"set maxconn frontend {name_word(name, what='frontend')} {connections:d}")


def set_server_limit(backend: str, server: str, connections: int) -> Command:
    """Return the command for the most connections a server gets at a time, 0 for as many as come."""
    if connections < 0:
        raise InvalidInput(f"{connections} is not a number of connections: 0 or more")
    return Command(line=f"set maxconn server {server_path(backend, server)} {connections:d}")


def set_engine_limit(connections: int) -> Command:
    """Return the command for the most connections the engine takes, up to what its file says."""
    if connections < 1:
        raise InvalidInput(f"{connections} is not a number of connections: 1 or more")
    return Command(line=f"set maxconn global {connections:d}")


def lift_rate_limit(kind: str) -> Command:
    """Return the command that ends a rate limit of the whole engine (``state.EngineInfo.rate_limits``)."""
    return Command(line=f"set rate-limit {name_word(kind, what='rate limit')} global 0")


def set_tls(backend: str, server: str, *, on: bool) -> Command:
    """Return the command that has a server spoken to in TLS or in the clear.

    The engine refuses ``on`` where its configuration has no TLS for the server.
    """
    line = f"set server {server_path(backend, server)} ssl {'on' if on else 'off'}"
    return Command(line=line, answers=AnswerKind.PHRASE, phrase="ssl setting updated")


def set_check_port(backend: str, server: str, port: int) -> Command:
    """Return the command that has a server itself checked, on another port than that of traffic or 0."""
    if not 0 <= port <= 65535:
        raise InvalidInput(f"a port is 0 to 65535, not {port}")
    # An address of zeros counts for none (is_addr in tools.h).
    return Command(line=f"set server {server_path(backend, server)} check-addr 0.0.0.0 port {port}")


def set_agent_address(backend: str, server: str, address: str, port: int) -> Command:
    """Return the command that has a server's agent asked elsewhere; address and port are numeric."""
    numeric = _numeric(address, port)
    return Command(
        line=f"set server {server_path(backend, server)} agent-addr {numeric} port {port}"
    )


def shutdown_sessions(backend: str, server: str) -> Command:
    """Return the command that cuts every session on a server."""
    return Command(line=f"shutdown sessions server {server_path(backend, server)}")


def add_map_entry(name: str, key: str, value: str) -> Command:
    """Return the command that appends an entry; an equal key is NOT replaced but stands twice."""
    return Command(
        line=f"add map {file_word(name)} {word(key, what='key')} {word(value, what='value')}"
    )


def set_map_entry(name: str, key: str, value: str) -> Command:
    """Return the command that changes every entry of ``key``; a missing key is NO_SUCH_ENTRY."""
    return Command(
        line=f"set map {file_word(name)} {word(key, what='key')} {word(value, what='value')}"
    )


def delete_map_entry(name: str, key: str) -> Command:
    """Return the command that removes every entry of ``key``; a missing key is NO_SUCH_ENTRY."""
    return Command(line=f"del map {file_word(name)} {word(key, what='key')}")


def clear_map(name: str) -> Command:
    """Return the command that empties a map at once: clients meet the empty map in between."""
    return Command(line=f"clear map {file_word(name)}")


def prepare_map(name: str) -> Command:
    """Return the command that opens a new version of a map; ``map_version`` reads its answer."""
    return _prepare("map", name)


def prepare_list(name: str) -> Command:
    """Return the command that opens a new version of a list; ``map_version`` reads its answer."""
    return _prepare("acl", name)


def map_version(outcome: Outcome) -> int:
    """Return the version number that the engine gave to ``prepare_map`` or ``prepare_list``."""
    return int(outcome.text.rpartition(" ")[2])


def fill_map(name: str, version: int, entries: Iterable[tuple[str, str]]) -> tuple[Command, ...]:
    """Return the commands that put ``entries`` into an open version, as few as fit the buffer."""
    line = f"add map @{version:d} {file_word(name)}"
    room = MAX_COMMAND_BYTES - len(line) - len(" <<\n\n\n")
    pairs = (f"{word(key, what='key')} {word(value, what='value')}" for key, value in entries)
    return tuple(
        Command(line=line, payload="\n".join(part)) for part in portions(pairs, limit=room)
    )


def fill_list(name: str, version: int, patterns: Iterable[str]) -> tuple[Command, ...]:
    """Return the commands that put ``patterns`` into an open version of a list, one for each.

    2.8 takes no payload here, unlike for maps.
    """
    line = f"add acl @{version:d} {file_word(name)}"
    return tuple(Command(line=f"{line} {word(pattern, what='pattern')}") for pattern in patterns)


def commit_map(name: str, version: int) -> Command:
    """Return the command that puts an open version in place of the current one, atomically."""
    return Command(line=f"commit map @{version:d} {file_word(name)}")


def commit_list(name: str, version: int) -> Command:
    """Return the command that puts an open version of a list in place, atomically."""
    return Command(line=f"commit acl @{version:d} {file_word(name)}")


def discard_map(name: str, version: int) -> Command:
    """Return the command that empties a version that will not be committed."""
    return Command(line=f"clear map @{version:d} {file_word(name)}")


def _prepare(kind: str, name: str) -> Command:
    line = f"prepare {kind} {file_word(name)}"
    return Command(line=line, answers=AnswerKind.PHRASE, phrase="New version created: ")


def show_map(name: str) -> Command:
    """Return the command that dumps a map; ``state.parse_map`` reads it."""
    return Command(line=f"show map {file_word(name)}", answers=AnswerKind.TEXT)


def show_list(name: str) -> Command:
    """Return the command that dumps a list; ``state.parse_list`` reads it."""
    return Command(line=f"show acl {file_word(name)}", answers=AnswerKind.TEXT)


def set_certificate(name: str, pem: str) -> Command:
    """Return the command that stages a certificate with its chain and key for a loaded file.

    Only the PEM blocks are sent: an empty line in between would end the payload early. Raises
    InvalidInput when there is none, or too much for one command.
    """
    command = Command(
        line=f"set ssl cert {file_word(name)}",
        answers=AnswerKind.PHRASE,
        phrase="Transaction ",
        payload=pem_blocks(name, pem),
    )
    if len(command.encode()) > MAX_COMMAND_BYTES:
        raise InvalidInput(
            f"{name}: certificate, chain and key are over {MAX_COMMAND_BYTES} bytes, more than the "
            "engine takes at run time; a reload is needed"
        )
    return command


def commit_certificate(name: str) -> Command:
    """Return the command that puts a staged certificate to use for new connections."""
    line = f"commit ssl cert {file_word(name)}"
    return Command(line=line, answers=AnswerKind.PHRASE, phrase="Success!")


def abort_certificate(name: str) -> Command:
    """Return the command that forgets a staged certificate."""
    line = f"abort ssl cert {file_word(name)}"
    return Command(line=line, answers=AnswerKind.PHRASE, phrase="Transaction aborted")


def show_certificate(name: str | None = None) -> Command:
    """Return the command that describes one loaded certificate, or lists all."""
    line = "show ssl cert" if name is None else f"show ssl cert {file_word(name)}"
    return Command(line=line, answers=AnswerKind.TEXT)


def show_servers_state(backend: str | None = None) -> Command:
    """Return the command whose answer ``state.parse_servers`` reads."""
    line = "show servers state"
    if backend is not None:
        line += f" {name_word(backend, what='backend')}"
    return Command(line=line, answers=AnswerKind.TEXT)


def show_statistics() -> Command:
    """Return the command whose answer ``statistics.parse_statistics`` reads."""
    return Command(line="show stat", answers=AnswerKind.TEXT)


def show_frontends() -> Command:
    """Return the command whose answer ``state.parse_frontends`` reads."""
    return Command(line="show stat -1 1 -1", answers=AnswerKind.TEXT)


def show_server_limits() -> Command:
    """Return the command whose answer ``listings.parse_server_limits`` reads."""
    return Command(line="show stat -1 4 -1", answers=AnswerKind.TEXT)


def show_authority(name: str) -> Command:
    """Return the command that describes the authorities of a loaded file."""
    return Command(line=f"show ssl ca-file {file_word(name)}", answers=AnswerKind.TEXT)


def show_info() -> Command:
    """Return the command whose answer ``state.parse_info`` reads."""
    return Command(line="show info", answers=AnswerKind.TEXT)


def show_processes() -> Command:
    """Return the command (master socket only) whose answer ``state.parse_processes`` reads."""
    return Command(line="show proc", answers=AnswerKind.TEXT)


def show_sessions() -> Command:
    """Return the command whose answer ``state.parse_sessions`` reads.

    2.8 cannot select by server here, so this dumps every session (about 300 bytes each).
    """
    return Command(line="show sess", answers=AnswerKind.TEXT)


def show_session(number: str) -> Command:
    """Return the command whose answer ``listings.parse_accepted`` reads: one session with all it is."""
    return Command(line=f"show sess {word(number, what='session')}", answers=AnswerKind.TEXT)


def show_table(name: str) -> Command:
    """Return the command that dumps a stick table."""
    return Command(line=f"show table {name_word(name, what='table')}", answers=AnswerKind.TEXT)


def to_worker(pid: int, command: Command) -> Command:
    """Return ``command`` addressed through the master socket to one worker, old or current."""
    return Command(
        line=f"@!{pid:d} {command.line}",
        answers=command.answers,
        phrase=command.phrase,
        payload=command.payload,
    )
