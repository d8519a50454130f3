"""Tokens as an identity provider hands them out, and a Dovecot that believes them."""

from __future__ import annotations

import base64
import hmac
import json

from tests.integration.imap_servers import Dovecot

from switchover import clock


def token(user: str, key: bytes, *, seconds: int = 300) -> str:
    """Return a signed token as an identity provider hands it out (RFC 7519)."""
    now = int(clock.now().timestamp())
    claims = {"sub": user, "email": user, "iat": now - 600, "nbf": now - 600, "exp": now + seconds}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    sign = hmac.digest(key, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(sign).rstrip(b"=")]).decode()


OAUTH = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {directory}/oauth2.conf
}}
"""


def accept_tokens(server: Dovecot, key: bytes) -> None:
    """Let a Dovecot with ``OAUTH`` in its configuration believe tokens that are signed with ``key``."""
    keys = server.directory / "keys" / "default" / "HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_bytes(base64.b64encode(key))
    (server.directory / "oauth2.conf").write_text(
        f"introspection_mode = local\nusername_attribute = email\n"
        f"local_validation_key_dict = fs:posix:prefix={server.directory}/keys/\n"
    )
    server.restart()
