"""The stories that traffic plays: who asks for what, how often, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput
from switchover.practice.json_input import as_object, take
from switchover.practice.spec import DEFAULT_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

_DOOR_KEYS = (
    "kind",
    "service",
    "workload",
    "address",
    "port",
    "host",
    "tls",
    "ca",
    "clients",
    "timeout_seconds",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where clients knock.

    Attributes:
        service: virtual service, as the counters will call it.
        workload: workload, as the counters will call it.
        address: IP address to connect to.
        port: port number.
        host: name for SNI and ``Host``; the address when empty.
        tls: whether TLS starts with the first byte.
        ca: authority to trust; None verifies nothing.
        timeout_seconds: a connection or an answer that takes longer has failed.
    """

    service: str
    workload: str
    address: str
    port: int
    host: str = ""
    tls: bool = False
    ca: Path | None = None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpStory:
    """Clients that ask for one path.

    Attributes:
        path: what they ask for.
        clients: how many there are; each asks one request at a time.
        rate_per_second: requests of all together; less when answers take long.
        keep_alive: keep the connection, or open a new one for each request.
        expected_status: any other counts as failed.
    """

    door: Door
    path: str = "/"
    clients: int = 1
    rate_per_second: float = 1.0
    keep_alive: bool = True
    expected_status: int = 200

    def __post_init__(self) -> None:
        """Refuse a story that cannot be played.

        Raises:
            InvalidInput: no clients, or a pace that is not above 0.
        """
        _require_pace(self.clients, rate_per_second=self.rate_per_second)

    @property
    def interval_seconds(self) -> float:
        """Time between two requests of one client."""
        return self.clients / self.rate_per_second


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapStory:
    """Clients that sign in, stay, and send NOOP; a lost session counts as one failed request.

    Attributes:
        clients: sessions held.
        noop_every_seconds: pause between two NOOPs of one session.
    """

    door: Door
    clients: int = 1
    noop_every_seconds: float = 1.0
    password: str = DEFAULT_PASSWORD

    def __post_init__(self) -> None:
        """Refuse a story that cannot be played.

        Raises:
            InvalidInput: no clients, or a pace that is not above 0.
        """
        _require_pace(self.clients, noop_every_seconds=self.noop_every_seconds)

    @property
    def interval_seconds(self) -> float:
        """Time between two requests of one client."""
        return self.noop_every_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpStory:
    """Clients that connect, say EHLO and MAIL, take it back and quit: one request each.

    Attributes:
        clients: how many there are.
        rate_per_second: conversations of all together.
    """

    door: Door
    clients: int = 1
    rate_per_second: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a story that cannot be played.

        Raises:
            InvalidInput: no clients, or a pace that is not above 0.
        """
        _require_pace(self.clients, rate_per_second=self.rate_per_second)

    @property
    def interval_seconds(self) -> float:
        """Time between two requests of one client."""
        return self.clients / self.rate_per_second


Story = HttpStory | ImapStory | SmtpStory


def parse_stories(value: object) -> tuple[Story, ...]:
    """Return the stories of a JSON list.

    Each is an object: ``kind`` (``http``, ``imap``, ``smtp``), the keys of :class:`Door`, and those
    of its story class.

    Raises:
        InvalidInput: anything else.
    """
    if not isinstance(value, list):
        raise InvalidInput("stories must be a list")
    return tuple(_parse_story(item, f"stories[{index}]") for index, item in enumerate(value))


def _require_pace(clients: int, **pace: float) -> None:
    if clients < 1:
        raise InvalidInput(f"clients must be at least 1, not {clients}")
    for name, value in pace.items():
        if not value > 0:
            raise InvalidInput(f"{name} must be above 0, not {value}")


def _parse_story(value: object, path: str) -> Story:
    story = as_object(value, path=path)
    kind = take(story, "kind", str, "", path=path)
    parse = _PARSERS.get(kind)
    if parse is None:
        raise InvalidInput(f"{path}.kind must be one of {', '.join(_PARSERS)}, not {kind!r}")
    return parse(story, path)


def _parse_door(story: dict[str, object], path: str) -> Door:
    ca = take(story, "ca", str, "", path=path)
    return Door(
        service=take(story, "service", str, "", path=path),
        workload=take(story, "workload", str, "", path=path),
        address=take(story, "address", str, "127.0.0.1", path=path),
        port=take(story, "port", int, 0, path=path),
        host=take(story, "host", str, "", path=path),
        tls=take(story, "tls", bool, default=False, path=path),
        ca=Path(ca) if ca else None,
        timeout_seconds=take(story, "timeout_seconds", float, 10.0, path=path),
    )


def _parse_http(story: dict[str, object], path: str) -> Story:
    as_object(
        story,
        path=path,
        known=(*_DOOR_KEYS, "path", "rate_per_second", "keep_alive", "expected_status"),
    )
    return HttpStory(
        door=_parse_door(story, path),
        path=take(story, "path", str, "/", path=path),
        clients=take(story, "clients", int, 1, path=path),
        rate_per_second=take(story, "rate_per_second", float, 1.0, path=path),
        keep_alive=take(story, "keep_alive", bool, default=True, path=path),
        expected_status=take(story, "expected_status", int, 200, path=path),
    )


def _parse_imap(story: dict[str, object], path: str) -> Story:
    as_object(story, path=path, known=(*_DOOR_KEYS, "noop_every_seconds", "password"))
    return ImapStory(
        door=_parse_door(story, path),
        clients=take(story, "clients", int, 1, path=path),
        noop_every_seconds=take(story, "noop_every_seconds", float, 1.0, path=path),
        password=take(story, "password", str, DEFAULT_PASSWORD, path=path),
    )


def _parse_smtp(story: dict[str, object], path: str) -> Story:
    as_object(story, path=path, known=(*_DOOR_KEYS, "rate_per_second"))
    return SmtpStory(
        door=_parse_door(story, path),
        clients=take(story, "clients", int, 1, path=path),
        rate_per_second=take(story, "rate_per_second", float, 1.0, path=path),
    )


_PARSERS: dict[str, Callable[[dict[str, object], str], Story]] = {
    "http": _parse_http,
    "imap": _parse_imap,
    "smtp": _parse_smtp,
}
