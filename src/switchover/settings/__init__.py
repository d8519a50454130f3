"""What one switchover process was told at its start, read once into one frozen value.

An explicit argument wins over the environment, the environment over the default. An empty variable
counts as not set. ``VARIABLES`` is the whole list; the reference page is made from it.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from switchover.errors import InvalidInput
from switchover.settings.oidc import OidcSettings
from switchover.settings.parse import ListenAddress, Tls, is_loopback_name
from switchover.settings.secret import Secret
from switchover.settings.variables import VARIABLES, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LONGEST_DATA_PATH_BYTES",
    "VARIABLES",
    "ListenAddress",
    "OidcSettings",
    "Secret",
    "Settings",
    "Tls",
    "Variable",
    "read_settings",
]

# A UNIX socket path has room for 107 bytes and its closing zero (unix(7), sun_path). No socket name
# below the run directory is longer than this, with the 12 bytes (".4194304.tmp") that HAProxy adds
# while it binds, and "postgresql/.s.PGSQL.5432" for the database.
_SUN_PATH_BYTES = 107
_LONGEST_SOCKET_NAME_BYTES = 40
LONGEST_DATA_PATH_BYTES = _SUN_PATH_BYTES - 1 - _LONGEST_SOCKET_NAME_BYTES - len("/run")

_LOOPBACK = ListenAddress(host="127.0.0.1", port=8440)

# libpq reads a comma in a socket directory as a list and HAProxy reads "@", "$" and blanks its own
# way, so any other character sends the sockets to the short directory under /tmp.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/+-]+")


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
    api: ListenAddress = _LOOPBACK
    public_url: str | None = None
    tls: Tls = Tls.AUTO
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    api_connections: int = 1500
    session_idle_minutes: int = 30
    session_hours: int = 12
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret_file: Secret | None = None
    oidc_name: str = "single sign-on"
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email")
    oidc_groups_claim: str = "groups"
    oidc_viewer_groups: tuple[str, ...] = ()
    oidc_operator_groups: tuple[str, ...] = ()
    oidc_admin_groups: tuple[str, ...] = ()
    oidc_ca_file: Path | None = None
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
    def has_tls(self) -> bool:
        """True when the API and the console speak TLS."""
        if self.tls is Tls.AUTO:
            return self.tls_certificate is not None or not self.api.is_loopback
        return self.tls is Tls.ON

    @property
    def oidc(self) -> OidcSettings | None:
        """The identity provider, None when there is none."""
        if self.oidc_issuer is None or self.oidc_client_id is None or self.public_url is None:
            return None
        return OidcSettings(
            issuer=self.oidc_issuer,
            client_id=self.oidc_client_id,
            client_secret=self.oidc_client_secret_file,
            public_url=self.public_url,
            name=self.oidc_name,
            scopes=self.oidc_scopes,
            groups_claim=self.oidc_groups_claim,
            viewer_groups=self.oidc_viewer_groups,
            operator_groups=self.oidc_operator_groups,
            admin_groups=self.oidc_admin_groups,
            ca_file=self.oidc_ca_file,
        )

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
    def tls_dir(self) -> Path:
        """Directory (0700) of the generated certificate."""
        return self.data_dir / "tls"

    @property
    def pin_file(self) -> Path:
        """File with the certificate that the API shows, for the local command line."""
        return self.data_dir / "api.pem"

    @property
    def lock_file(self) -> Path:
        """File whose lock says that a process serves this data directory."""
        return self.data_dir / "switchover.lock"


def read_settings(
    environment: Mapping[str, str],
    *,
    data: Path | str | None = None,
    api: str | None = None,
    haproxy: Path | str | None = None,
    keep_engine: bool | None = None,
    tls_certificate: Path | str | None = None,
    tls_key: Path | str | None = None,
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
        "tls_certificate": None if tls_certificate is None else str(tls_certificate),
        "tls_key": None if tls_key is None else str(tls_key),
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
    settings = Settings(data_dir=directory, user_id=user, **values)  # type: ignore[arg-type]  # each parse returns the type of its field; test_settings walks the table
    _require_whole(settings)
    return settings


def _require_whole(settings: Settings) -> None:
    """Raise InvalidInput for settings that are of no use without others."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise InvalidInput(
            "SWITCHOVER_TLS_CERTIFICATE and SWITCHOVER_TLS_KEY belong together; set both"
        )
    if settings.tls is Tls.OFF and settings.tls_certificate is not None:
        raise InvalidInput(
            "SWITCHOVER_TLS is off, but there is a certificate; leave one of them out"
        )
    if settings.oidc_issuer is None:
        return
    public = settings.public_url
    missing = [
        name
        for name, value in (
            ("SWITCHOVER_OIDC_CLIENT_ID", settings.oidc_client_id),
            ("SWITCHOVER_PUBLIC_URL", public),
        )
        if value is None
    ]
    if missing or public is None:
        raise InvalidInput(f"SWITCHOVER_OIDC_ISSUER is set; set {' and '.join(missing)} too")
    host = urlsplit(public).hostname or ""
    if not public.startswith("https://") and not is_loopback_name(host):
        raise InvalidInput(
            "SWITCHOVER_PUBLIC_URL must be https for sign-in through an identity provider: what it answers "
            "travels there"
        )
    groups = (
        *settings.oidc_viewer_groups,
        *settings.oidc_operator_groups,
        *settings.oidc_admin_groups,
    )
    if not groups:
        raise InvalidInput(
            "SWITCHOVER_OIDC_ISSUER is set, but no group gets a role; set SWITCHOVER_OIDC_ADMIN_GROUPS, "
            "SWITCHOVER_OIDC_OPERATOR_GROUPS or SWITCHOVER_OIDC_VIEWER_GROUPS"
        )


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
