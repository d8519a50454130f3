"""The identity provider of the settings, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from switchover.settings.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """One provider; ``public_url`` is where it sends people back to."""

    issuer: str
    client_id: str
    client_secret: Secret | None
    public_url: str
    name: str
    scopes: tuple[str, ...]
    groups_claim: str
    viewer_groups: tuple[str, ...]
    operator_groups: tuple[str, ...]
    admin_groups: tuple[str, ...]
    ca_file: Path | None
