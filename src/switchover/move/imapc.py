"""What Dovecot needs to read another server's mailbox by itself: its imapc settings as configuration text. Pure.

The text holds the password; it goes into a file that only its owner can read, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from switchover.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapcSource:
    """A mailbox for Dovecot to read. ``security`` is ``imaps``, ``starttls`` or ``no``.

    ``sign_in_as`` is who signs in for ``user``. ``prefix`` is that of the personal namespace,
    ``authorities`` a file with the certificates to trust, "" for those of the machine.
    """

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sign_in_as: str = ""
    prefix: str = ""
    authorities: str = ""


def imapc_configuration(source: ImapcSource, base: str) -> str:
    """Return a configuration that is ``base`` (a path) with the settings for the source.

    Raises InvalidInput for what a line of it can not hold.
    """
    settings = {
        "imapc_host": source.host,
        "imapc_port": str(source.port),
        "imapc_user": source.user.replace("%", "%%"),
        "imapc_master_user": source.sign_in_as.replace("%", "%%"),
        "imapc_password": source.password,
        "imapc_ssl": source.security,
        "imapc_list_prefix": source.prefix,
        "mail_prefetch_count": "20",
    }
    if source.security != "no":
        settings["imapc_ssl_verify"] = "yes"
        settings["ssl_client_ca_file"] = source.authorities
        settings["ssl_client_ca_dir"] = "" if source.authorities else "/etc/ssl/certs"
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items() if value]
    return "\n".join([f"!include {_path(base)}", *lines, ""])


def _quoted(value: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise InvalidInput("a user or password with control characters can not go to dsync")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _path(path: str) -> str:
    if not path.startswith("/") or any(char.isspace() for char in path):
        raise InvalidInput(f"{path!r} is no path to Dovecot's configuration: it begins with /")
    return path
