"""Every setting as an operator writes it; the reference page is made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchover.settings.parse import (
    parse_address,
    parse_file,
    parse_flag,
    parse_issuer,
    parse_networks,
    parse_number,
    parse_program,
    parse_public_url,
    parse_scopes,
    parse_seconds,
    parse_secret_file,
    parse_text,
    parse_tls,
    parse_url,
    parse_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable


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


VARIABLES = (
    Variable(
        name="SWITCHOVER_DATABASE_URL",
        meaning="PostgreSQL 16 or newer to use; the embedded one when not set",
        parse=parse_url,
    ),
    Variable(
        name="SWITCHOVER_HAPROXY",
        meaning="HAProxy 2.8 or newer to use; the bundled one when not set",
        parse=parse_program,
    ),
    Variable(
        name="SWITCHOVER_API",
        meaning="address and port of the API and the console",
        parse=parse_address,
    ),
    Variable(
        name="SWITCHOVER_PUBLIC_URL",
        meaning="address under which people reach the console, such as https://mail-console.contoso.example",
        parse=parse_public_url,
    ),
    Variable(
        name="SWITCHOVER_TLS",
        meaning="TLS for API and console: on, off, or auto (on unless only this machine can connect)",
        parse=parse_tls,
    ),
    Variable(
        name="SWITCHOVER_TLS_CERTIFICATE",
        meaning="PEM file with the console's certificate and its chain; a generated one when not set",
        parse=parse_file,
    ),
    Variable(
        name="SWITCHOVER_TLS_KEY",
        meaning="PEM file with the key of that certificate",
        parse=parse_file,
    ),
    Variable(
        name="SWITCHOVER_TRUSTED_PROXIES",
        meaning="addresses of proxies, comma between them, whose X-Forwarded-For and -Proto are believed",
        parse=parse_networks,
    ),
    Variable(
        name="SWITCHOVER_API_CONNECTIONS",
        meaning="most connections to API and console at once; one address has half, but for trusted proxies",
        parse=parse_number(16, 100_000),
    ),
    Variable(
        name="SWITCHOVER_SESSION_IDLE_MINUTES",
        meaning="time without a request after which a session ends",
        parse=parse_number(1, 1440),
    ),
    Variable(
        name="SWITCHOVER_SESSION_HOURS",
        meaning="time after which a session ends whatever is done in it",
        parse=parse_number(1, 168),
    ),
    Variable(
        name="SWITCHOVER_OIDC_ISSUER",
        meaning="issuer of the identity provider (OpenID Connect); none when not set",
        parse=parse_issuer,
    ),
    Variable(
        name="SWITCHOVER_OIDC_CLIENT_ID",
        meaning="our client id there",
        parse=parse_text(200),
    ),
    Variable(
        name="SWITCHOVER_OIDC_CLIENT_SECRET_FILE",
        meaning="file with our client secret there; none for a public client",
        parse=parse_secret_file,
    ),
    Variable(
        name="SWITCHOVER_OIDC_NAME",
        meaning="what the button of the sign-in page calls the provider",
        parse=parse_text(60),
    ),
    Variable(
        name="SWITCHOVER_OIDC_SCOPES",
        meaning="scopes to ask for, blanks between them",
        parse=parse_scopes,
    ),
    Variable(
        name="SWITCHOVER_OIDC_GROUPS_CLAIM",
        meaning="claim with somebody's groups: its name, or a path such as realm_access.roles",
        parse=parse_text(200),
    ),
    Variable(
        name="SWITCHOVER_OIDC_VIEWER_GROUPS",
        meaning="groups that get the role viewer, semicolons between them",
        parse=parse_words(";"),
    ),
    Variable(
        name="SWITCHOVER_OIDC_OPERATOR_GROUPS",
        meaning="groups that get the role operator, semicolons between them",
        parse=parse_words(";"),
    ),
    Variable(
        name="SWITCHOVER_OIDC_ADMIN_GROUPS",
        meaning="groups that get the role admin, semicolons between them",
        parse=parse_words(";"),
    ),
    Variable(
        name="SWITCHOVER_OIDC_CA_FILE",
        meaning="PEM file with the authority that signed the provider's certificate; the system's when not set",
        parse=parse_file,
    ),
    Variable(
        name="SWITCHOVER_AGENT_PORT",
        meaning="loopback port of the agent checks; 0 lets the system choose",
        parse=parse_number(0, 65535),
    ),
    Variable(
        name="SWITCHOVER_CYCLE_SECONDS",
        meaning="time from one balancer cycle to the next",
        parse=parse_seconds(0.1, 3600),
    ),
    Variable(
        name="SWITCHOVER_SAMPLE_SECONDS",
        meaning="time from one sample of the engine's counters to the next",
        parse=parse_seconds(0.1, 3600),
    ),
    Variable(
        name="SWITCHOVER_KEEP_ENGINE",
        meaning="yes leaves HAProxy serving when switchover stops",
        parse=parse_flag,
    ),
    Variable(
        name="SWITCHOVER_DATABASE_WAIT_SECONDS",
        meaning="longest wait for a database connection before 'try later'",
        parse=parse_seconds(0.1, 600),
    ),
    Variable(
        name="SWITCHOVER_DATABASE_CONNECT_SECONDS",
        meaning="longest time to open one database connection",
        parse=parse_seconds(1, 600),
    ),
    Variable(
        name="SWITCHOVER_STATEMENT_SECONDS",
        meaning="longest time for one statement in the database",
        parse=parse_seconds(0.1, 3600),
    ),
    Variable(
        name="SWITCHOVER_DATABASE_CONNECTIONS",
        meaning="most database connections this process opens",
        parse=parse_number(2, 40),
    ),
    Variable(
        name="SWITCHOVER_EVENT_DAYS",
        meaning="age at which events are deleted",
        parse=parse_number(1, 36500),
    ),
    Variable(
        name="SWITCHOVER_MINUTE_DAYS",
        meaning="age at which statistics per minute are deleted",
        parse=parse_number(1, 36500),
    ),
    Variable(
        name="SWITCHOVER_HOUR_DAYS",
        meaning="age at which statistics and terminations per hour are deleted",
        parse=parse_number(1, 36500),
    ),
)
