"""The two ends of a copy as they are written on a command line. Pure.

    imaps://USER@HOST[:PORT]     TLS from the first byte (RFC 8314 section 3.2), port 993
    imap://USER@HOST[:PORT]      STARTTLS demanded, unless plain text is allowed, port 143
    maildir:PATH                 Maildir++, folders are directories that begin with a dot
    maildir:PATH?layout=fs       folders are directories below each other
    mbox:PATH  eml:PATH

The user may hold any character, percent-encoded (RFC 3986 section 2.1) or not, except for a colon
and a percent sign, which must be encoded: the last ``@`` ends it. So
``imaps://ann@contoso.example@mail.contoso.example``, ``imaps://ann*master@mail`` and
``imaps://contoso/admin/ann@mail`` work as they stand. A password in a URL is refused: argument
lists can be read by every user of the machine and stay in the shell's history. Messages about an
URL never repeat what may be a password. A path is taken as it is, nothing in it is decoded.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from switchover.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from pathlib import PurePath

_PLACE = re.compile(
    r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^\[\]:/?#]+))(?::(?P<port>[0-9]{0,5}))?(?P<path>[/?#].*)?",
    re.DOTALL,
)
_OTHER_PORT = re.compile(r"(?:\[[^\[\]]+\]|[^\[\]:/?#]+):[^:/?#\[\]]+(?:[/?#].*)?", re.DOTALL)
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOW = "write imaps://USER@HOST, imap://USER@HOST, maildir:PATH, mbox:PATH or eml:PATH"
_NEAR = {
    "imap+ssl": "TLS from the first byte is written imaps://USER@HOST",
    "imaps+ssl": "TLS from the first byte is written imaps://USER@HOST",
    "imap+tls": "STARTTLS is what imap://USER@HOST demands",
    "pop3": f"POP3 holds no folders and no flags; {_HOW}",
    "pop3s": f"POP3 holds no folders and no flags; {_HOW}",
    "file": "archives are written maildir:PATH, mbox:PATH or eml:PATH",
}
_LONGEST = 4096
_TREE = "?layout=fs"
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost.localdomain", "ip6-localhost"})
# Unreserved and harmless in the user part; a percent sign or colon always is encoded.
_PLAIN_IN_USER = "!$&'()*+,;=/@\\"


class Security(StrEnum):
    """How a connection is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    STARTTLS_IF_OFFERED = "starttls if offered"


class ArchiveKind(StrEnum):
    """How mails lie in a file system."""

    MAILDIR = "maildir"
    MBOX = "mbox"
    EML = "eml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapEndpoint:
    """A mailbox on a server. ``host`` is lower case (an IDN in its ASCII form) or an IP address."""

    user: str
    host: str
    port: int
    security: Security
    needs_no_password: ClassVar[bool] = False

    def __str__(self) -> str:
        """Return the URL; ``parse_endpoint`` reads it back."""
        scheme, standard = ("imaps", 993) if self.security is Security.TLS else ("imap", 143)
        host = f"[{quote(self.host, safe=':')}]" if ":" in self.host else self.host
        port = "" if self.port == standard else f":{self.port}"
        return f"{scheme}://{quote(self.user, safe=_PLAIN_IN_USER)}@{host}{port}"

    @property
    def key(self) -> str:
        """Return what two names of one mailbox share, as far as names can tell.

        The standard ports are one server, other ports are servers of their own; users are compared
        without regard to case, to a master user behind ``*`` and to domains before ``/`` or a
        backslash. This machine is one server by all its own names; other host names of one server are
        not seen through: that takes a look at both mailboxes.
        """
        user = re.split(r"[/\\]", self.user.split("*", 1)[0])[-1] or self.user
        port = "" if self.port in {143, 993} else f":{self.port}"
        host = "localhost" if self.host in _THIS_MACHINE else self.host
        return f"imap:{user.casefold()}@{host}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEndpoint:
    """Mails in files; ``path`` as given. ``is_tree``: a Maildir whose folders are directories below each other."""

    kind: ArchiveKind
    path: str
    is_tree: bool = False
    needs_no_password: ClassVar[bool] = True

    def __str__(self) -> str:
        """Return what ``parse_endpoint`` reads back."""
        return f"{self.kind}:{self.path}{_TREE if self.is_tree else ''}"

    @property
    def key(self) -> str:
        """Return what two spellings of one place share: links and the current directory are not followed."""
        return f"file:{posixpath.normpath(self.path)}"


Endpoint: TypeAlias = ImapEndpoint | ArchiveEndpoint


def parse_endpoint(text: str, *, allow_plaintext: bool = False) -> Endpoint:
    """Return the endpoint that ``text`` names; InvalidInput with what to do when it names none."""
    if len(text) > _LONGEST or _CONTROL.search(text):
        raise _fault("the endpoint is too long or holds a control character", _HOW)
    scheme, colon, rest = text.partition(":")
    match scheme.lower() if colon else "":
        case "imaps":
            return _imap("imaps", rest, Security.TLS, 993)
        case "imap":
            security = Security.STARTTLS_IF_OFFERED if allow_plaintext else Security.STARTTLS
            return _imap("imap", rest, security, 143)
        case "maildir" | "mbox" | "eml" as kind:
            return _archive(ArchiveKind(kind), rest)
        case _:
            raise _no_scheme(text)


def absolute(endpoint: Endpoint, directory: PurePath) -> Endpoint:
    """Return an archive's endpoint with its path seen from ``directory``: the ledger knows it by that."""
    if isinstance(endpoint, ArchiveEndpoint):
        return replace(endpoint, path=posixpath.normpath(directory / endpoint.path))
    return endpoint


def same_mailbox(left: Endpoint, right: Endpoint) -> bool:
    """True when two endpoints surely name one mailbox; False proves nothing."""
    return left.key == right.key


def _fault(message: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{message}; {hint}", (Problem(message=message, hint=hint),))


def _no_scheme(text: str) -> InvalidInput:
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,15})://", text)
    if scheme:
        hint = _NEAR.get(scheme[1].lower(), _HOW)
        return _fault(f"{scheme[1]}:// is no endpoint that mail can be copied from or to", hint)
    return _fault("an endpoint begins with the way to reach it", _HOW)


def _archive(kind: ArchiveKind, path: str) -> ArchiveEndpoint:
    if not path:
        raise _fault(f"{kind}: names no path", f"write {kind}:PATH")
    if path.startswith("//") and not path.startswith("///"):
        raise _fault(
            f"{kind}:// names a host, but archives are read from this machine",
            f"write {kind}:PATH",
        )
    is_tree = kind is ArchiveKind.MAILDIR and path.endswith(_TREE)
    return ArchiveEndpoint(
        kind=kind, path=path.removesuffix(_TREE) if is_tree else path, is_tree=is_tree
    )


def _imap(scheme: str, rest: str, security: Security, standard_port: int) -> ImapEndpoint:
    how = f"write {scheme}://USER@HOST"
    if not rest.startswith("//"):
        raise _fault(f"{scheme}: is not followed by //", how)
    user, at, place = rest[2:].rpartition("@")
    if not at or not user:
        raise _fault(f"the {scheme} endpoint names no user", how)
    if ":" in user:
        raise _fault(
            f"the {scheme} endpoint holds a password (or a user with a colon, to be written %3A)",
            "leave it out: it is asked for, or read from --source-password-file and "
            "--target-password-file, or from the environment variables SWITCHOVER_SOURCE_PASSWORD and "
            "SWITCHOVER_TARGET_PASSWORD",
        )
    match = _PLACE.fullmatch(place)
    if match is None and _OTHER_PORT.fullmatch(place):
        raise _fault(
            f"what stands behind the host of the {scheme} endpoint is no port",
            f"ports are 1 to 65535, the usual one is {standard_port}",
        )
    if match is None:
        raise _fault(
            f"the {scheme} endpoint names no host after the last @",
            f"{how} or {scheme}://USER@HOST:PORT, an IPv6 address in brackets",
        )
    if (match["path"] or "/") != "/":
        raise _fault(
            f"the {scheme} endpoint goes on after the host",
            "name folders with --folder and --exclude",
        )
    return ImapEndpoint(
        user=_user(user, scheme),
        host=_address(match["v6"]) if match["v6"] else _host(match["name"]),
        port=_port(match["port"], standard_port),
        security=security,
    )


def _user(encoded: str, scheme: str) -> str:
    try:
        user = unquote_to_bytes(encoded.encode()).decode()
    except UnicodeError:
        raise _fault(
            f"the user of the {scheme} endpoint is not UTF-8 after percent-decoding",
            "write a percent sign of the name itself as %25",
        ) from None
    if _CONTROL.search(user):
        raise _fault(f"the user of the {scheme} endpoint holds a control character", "leave it out")
    return user


def _port(text: str | None, standard: int) -> int:
    if not text:
        return standard
    port = int(text)
    if not 1 <= port <= 65535:
        raise _fault(f"{port} is no port", f"ports are 1 to 65535, the usual one is {standard}")
    return port


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(unquote_to_bytes(text).decode("ascii", "replace")))
    except ValueError:
        raise _fault(f"[{text}] is no IPv6 address", "write it as in [2001:db8::1]") from None


def _host(text: str) -> str:
    try:
        # The Punycode form is what certificates and name servers know.
        host = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        host = ""
    if not _HOST_NAME.fullmatch(host):
        raise _fault(f"{text!r} is no host name", "write the server's name or its IP address")
    return host
