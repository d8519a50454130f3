"""What one switchover process was told at its start, read once into one frozen value.

An explicit argument wins over the environment, the environment over the default. An empty variable
counts as not set. ``VARIABLES`` is the whole list; the reference page is made from it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from switchover.errors import InvalidInput
from switchover.settings.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "LONGEST_DATA_PATH_BYTES",
    "VARIABLES",
    "ListenAddress",
    "Secret",
    "Settings",
    "Variable",
    "read_settings",
]

# A UNIX socket path has room for 107 bytes and its closing zero (unix(7), sun_path). No socket name
# below the run directory is longer than this, with the 12 bytes (".4194304.tmp") that HAProxy adds
# while it binds, and "postgresql/.s.PGSQL.5432" for the database.
_SUN_PATH_BYTES = 107
_LONGEST_SOCKET_NAME_BYTES = 40
LONGEST_DATA_PATH_BYTES = _SUN_PATH_BYTES - 1 - _LONGEST_SOCKET_NAME_BYTES - len("/run")

# libpq reads a comma in a socket directory as a list and HAProxy reads "@", "$" and blanks its own
# way, so any other character sends the sockets to the short directory under /tmp.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/+-]+")
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """An address and TCP port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        """``127.0.0.1:8440`` or ``[::1]:8440``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a process is told from outside; durations in seconds, ages in days.

    ``database_url`` None means the embedded PostgreSQL, ``haproxy`` None the bundled engine.
    ``user_id`` is the effective one: it decides where sockets go and who may enter directories.
    """

    data_dir: Path
    user_id: int
    database_url: Secret | None = None
    haproxy: Path | None = None
    api: ListenAddress = ListenAddress(host="127.0.0.1", port=8440)
    agent_port: int = 0
    cycle_seconds: float = 2.0
    sample_seconds: float = 10.0
    keep_engine: bool = False
    database_wait_seconds: float = 2.0
    database_connect_seconds: float = 2.0
    statement_seconds: float = 5.0
    database_connections: int = 10
    event_days: int = 180
    minute_days: int = 14
    hour_days: int = 730

    @property
    def is_root(self) -> bool:
        """True when the process may change users and bind low ports."""
        return self.user_id == 0

    @property
    def run_dir(self) -> Path:
        """Directory of the UNIX sockets: ``<data>/run``, or a short one under /tmp.

        The short one is named by a digest of the data directory, so that a later start finds the
        sockets of a server that is still alive.
        """
        data = os.fsencode(self.data_dir)
        if len(data) <= LONGEST_DATA_PATH_BYTES and _PLAIN_PATH.fullmatch(str(self.data_dir)):
            return self.data_dir / "run"
        digest = hashlib.sha256(data).hexdigest()[:12]
        return Path(f"/tmp/switchover-{self.user_id}-{digest}")  # noqa: S108 - owner and mode are verified when it is opened

    @property
    def engine_dir(self) -> Path:
        """Directory of the engine's configuration, certificates and state file."""
        return self.data_dir / "engine"

    @property
    def postgres_dir(self) -> Path:
        """Directory of the embedded PostgreSQL: its cluster, configuration and log."""
        return self.data_dir / "postgresql"

    @property
    def postgres_socket_dir(self) -> Path:
        """Directory of the embedded PostgreSQL's socket, entered by its own user only."""
        return self.run_dir / "postgresql"

    @property
    def token_file(self) -> Path:
        """File (0600) with the admin token for the local command line."""
        return self.data_dir / "admin.token"

    @property
    def key_file(self) -> Path:
        """File (0600) with the keys that seal secrets in the database."""
        return self.data_dir / "secret.key"

    @property
    def audit_head_file(self) -> Path:
        """File (0600) that says where the audit log ended, outside the database."""
        return self.data_dir / "audit.head"

    @property
    def lock_file(self) -> Path:
        """File whose lock says that a process serves this data directory."""
        return self.data_dir / "switchover.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One setting as an operator writes it; ``parse`` raises ValueError with what to write."""

    name: str
    meaning: str
    parse: Callable[[str], object]

    @property
    def field(self) -> str:
        """Name of the field of ``Settings`` that it sets."""
        return self.name.removeprefix("SWITCHOVER_").lower()


def _parse_url(text: str) -> Secret:
    if not text.startswith(("postgresql://", "postgres://")):
        # The value is not repeated: it may hold a password.
        raise ValueError("write a URL such as postgresql://user:password@db.contoso.example/name")
    return Secret(text)


def _parse_program(text: str) -> Path:
    path = Path(text).absolute()
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ValueError(f"{text!r} is no program we may run; write the path of an HAProxy binary")
    return path


def _parse_address(text: str) -> ListenAddress:
    host, colon, port = text.rpartition(":")
    advice = f"{text!r} is not ADDRESS:PORT; write for example 127.0.0.1:8440 or [::1]:8440"
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(advice)
    if host.startswith("[") and host.endswith("]"):
        host = _parse_ip(host[1:-1], advice)
    elif ":" in host or not _HOST_NAME.fullmatch(host):
        raise ValueError(advice)
    elif host.replace(".", "").isdigit():
        host = _parse_ip(host, advice)
    return ListenAddress(host=host, port=int(port))


def _parse_ip(text: str, advice: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(advice) from None


def _parse_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _parse_seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not low <= seconds <= high:
            raise ValueError(f"{text!r} is not a number of seconds from {low:g} to {high:g}")
        return seconds

    return parse


def _parse_flag(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "yes", "true", "on"}:
        return True
    if word in {"0", "no", "false", "off"}:
        return False
    raise ValueError(f"{text!r} is neither yes nor no")


VARIABLES = (
    Variable(
        name="SWITCHOVER_DATABASE_URL",
        meaning="PostgreSQL 16 or newer to use; the embedded one when not set",
        parse=_parse_url,
    ),
    Variable(
        name="SWITCHOVER_HAPROXY",
        meaning="HAProxy 2.8 or newer to use; the bundled one when not set",
        parse=_parse_program,
    ),
    Variable(
        name="SWITCHOVER_API",
        meaning="address and port of the API and the console",
        parse=_parse_address,
    ),
    Variable(
        name="SWITCHOVER_AGENT_PORT",
        meaning="loopback port of the agent checks; 0 lets the system choose",
        parse=_parse_number(0, 65535),
    ),
    Variable(
        name="SWITCHOVER_CYCLE_SECONDS",
        meaning="time from one balancer cycle to the next",
        parse=_parse_seconds(0.1, 3600),
    ),
    Variable(
        name="SWITCHOVER_SAMPLE_SECONDS",
        meaning="time from one sample of the engine's counters to the next",
        parse=_parse_seconds(0.1, 3600),
    ),
    Variable(
        name="SWITCHOVER_KEEP_ENGINE",
        meaning="yes leaves HAProxy serving when switchover stops",
        parse=_parse_flag,
    ),
    Variable(
        name="SWITCHOVER_DATABASE_WAIT_SECONDS",
        meaning="longest wait for a database connection before 'try later'",
        parse=_parse_seconds(0.1, 600),
    ),
    Variable(
        name="SWITCHOVER_DATABASE_CONNECT_SECONDS",
        meaning="longest time to open one database connection",
        parse=_parse_seconds(1, 600),
    ),
    Variable(
        name="SWITCHOVER_STATEMENT_SECONDS",
        meaning="longest time for one statement in the database",
        parse=_parse_seconds(0.1, 3600),
    ),
    Variable(
        name="SWITCHOVER_DATABASE_CONNECTIONS",
        meaning="most database connections this process opens",
        parse=_parse_number(2, 40),
    ),
    Variable(
        name="SWITCHOVER_EVENT_DAYS",
        meaning="age at which events are deleted",
        parse=_parse_number(1, 36500),
    ),
    Variable(
        name="SWITCHOVER_MINUTE_DAYS",
        meaning="age at which statistics per minute are deleted",
        parse=_parse_number(1, 36500),
    ),
    Variable(
        name="SWITCHOVER_HOUR_DAYS",
        meaning="age at which statistics and terminations per hour are deleted",
        parse=_parse_number(1, 36500),
    ),
)


def read_settings(
    environment: Mapping[str, str],
    *,
    data: Path | str | None = None,
    api: str | None = None,
    haproxy: Path | str | None = None,
    keep_engine: bool | None = None,
    user_id: int | None = None,
) -> Settings:
    """Return the settings of this process; the keyword arguments are what the command line said.

    Raises:
        InvalidInput: a value cannot be used; the message names the variable or option.
    """
    user = os.geteuid() if user_id is None else user_id
    given = {
        "api": api,
        "haproxy": None if haproxy is None else str(haproxy),
        "keep_engine": None if keep_engine is None else ("yes" if keep_engine else "no"),
    }
    values: dict[str, object] = {}
    for variable in VARIABLES:
        argument = given.get(variable.field)
        text = environment.get(variable.name) if argument is None else argument
        if text or argument is not None:
            option = "--" + variable.field.replace("_", "-")
            source = variable.name if argument is None else option
            values[variable.field] = _parse(variable, source, text or "")
    directory = _read_data_dir(environment, data, user)
    return Settings(data_dir=directory, user_id=user, **values)  # type: ignore[arg-type]  # each parse returns the type of its field; test_settings walks the table


def _parse(variable: Variable, source: str, text: str) -> object:
    try:
        return variable.parse(text)
    except ValueError as error:
        raise InvalidInput(f"{source}: {error}") from None


def _read_data_dir(environment: Mapping[str, str], data: Path | str | None, user: int) -> Path:
    source = "SWITCHOVER_DATA" if data is None else "--data"
    text = environment.get("SWITCHOVER_DATA", "") if data is None else str(data)
    if not text and data is None:
        text = _default_data_dir(environment, user)
    if not text or not text.isprintable():
        raise InvalidInput(
            f"{source}: {text!r} is no directory; write a path such as /srv/mail-farm"
        )
    if text == "~" or text.startswith("~/"):
        text = _home(environment, user) + text[1:]
    # Resolved once: a running PostgreSQL is recognised by its directory, whatever link led there.
    return Path(text).resolve()


def _default_data_dir(environment: Mapping[str, str], user: int) -> str:
    if user == 0:
        return "/var/lib/switchover"
    state = environment.get("XDG_STATE_HOME", "")
    # A relative value must be ignored (XDG Base Directory Specification 0.8, "Basics").
    base = state if state.startswith("/") else _home(environment, user) + "/.local/state"
    return f"{base}/switchover"


def _home(environment: Mapping[str, str], user: int) -> str:
    if environment.get("HOME"):
        return environment["HOME"]
    try:
        return pwd.getpwuid(user).pw_dir
    except KeyError:
        raise InvalidInput(
            "SWITCHOVER_DATA: this user has no home directory; "
            "write where switchover may keep its data"
        ) from None
