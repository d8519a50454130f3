"""Which ports a practice server can offer, and which web workloads live under which paths.

Names and paths are those of the shipped templates: ten virtual directories of an Exchange front
end, SOGo, Roundcube, and the CalDAV and CardDAV servers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Protocol(StrEnum):
    """What is spoken on a port."""

    HTTP = "http"
    IMAP = "imap"
    POP3 = "pop3"
    SMTP = "smtp"
    LMTP = "lmtp"
    SIEVE = "sieve"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortKind:
    """A protocol, and whether TLS starts with the first byte."""

    protocol: Protocol
    tls: bool = False


PORT_KINDS: Mapping[str, PortKind] = {
    "https": PortKind(protocol=Protocol.HTTP, tls=True),
    "http": PortKind(protocol=Protocol.HTTP),
    "imap": PortKind(protocol=Protocol.IMAP),
    "imaps": PortKind(protocol=Protocol.IMAP, tls=True),
    "pop3": PortKind(protocol=Protocol.POP3),
    "pop3s": PortKind(protocol=Protocol.POP3, tls=True),
    "smtp": PortKind(protocol=Protocol.SMTP),
    "submission": PortKind(protocol=Protocol.SMTP),
    "submissions": PortKind(protocol=Protocol.SMTP, tls=True),
    "sieve": PortKind(protocol=Protocol.SIEVE),
    "lmtp": PortKind(protocol=Protocol.LMTP),
}


WELL_KNOWN_PATHS = ("/.well-known/caldav", "/.well-known/carddav")


class Page(StrEnum):
    """What a web workload shows to a request that is neither a check nor a sign-in."""

    FACTS = "facts"
    LOGIN_FORM = "login-form"
    DAV = "dav"
    ACTIVESYNC = "activesync"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebWorkload:
    """A web workload: its name, the path prefixes it answers for, and what it shows."""

    name: str
    paths: tuple[str, ...]
    page: Page = Page.FACTS
    healthcheck: bool = False


def _exchange(name: str, path: str, page: Page = Page.FACTS) -> WebWorkload:
    return WebWorkload(name=name, paths=(path,), page=page, healthcheck=True)


def _dav(path: str) -> WebWorkload:
    return WebWorkload(name="dav", paths=(path, *WELL_KNOWN_PATHS), page=Page.DAV)


_ACTIVESYNC_PATH = "/Microsoft-Server-ActiveSync"

WEB_WORKLOADS: Mapping[str, tuple[WebWorkload, ...]] = {
    "exchange": (
        _exchange("owa", "/owa"),
        _exchange("ecp", "/ecp"),
        _exchange("activesync", _ACTIVESYNC_PATH, Page.ACTIVESYNC),
        _exchange("ews", "/ews"),
        _exchange("mapi", "/mapi"),
        _exchange("rpc", "/rpc"),
        _exchange("oab", "/oab"),
        _exchange("autodiscover", "/autodiscover"),
        _exchange("api", "/api"),
        _exchange("powershell", "/powershell"),
    ),
    "sogo": (
        WebWorkload(name="web", paths=("/SOGo",), page=Page.LOGIN_FORM),
        _dav("/SOGo/dav"),
        WebWorkload(name="activesync", paths=(_ACTIVESYNC_PATH,), page=Page.ACTIVESYNC),
    ),
    "roundcube": (WebWorkload(name="webmail", paths=("/roundcube", "/"), page=Page.LOGIN_FORM),),
    "dav": (_dav("/dav"),),
    "cyrus": (_dav("/dav"),),
}
"""Web workloads by the template a server ``runs``; templates without web pages are absent."""

MAIL_TEMPLATES = frozenset({"dovecot", "postfix"})


class WebPaths:
    """Finds the workload of a request path."""

    def __init__(self, runs: Iterable[str]) -> None:
        """Take the templates a server runs; where two claim one path, the first wins."""
        self.workloads: dict[str, WebWorkload] = {}
        self._by_path: dict[str, WebWorkload] = {}
        for template in runs:
            for workload in WEB_WORKLOADS.get(template, ()):
                self.workloads.setdefault(workload.name, workload)
                for path in workload.paths:
                    self._by_path.setdefault(path.lower(), workload)

    def find(self, path: str) -> WebWorkload | None:
        """Return the workload with the longest matching prefix, None when nobody claims the path.

        Prefixes match whole segments and ignore case, as IIS does.
        """
        prefix = path.lower()
        while prefix:
            if found := self._by_path.get(prefix):
                return found
            prefix = prefix.rpartition("/")[0]
        return self._by_path.get("/")

    def dav_home(self) -> str | None:
        """Return the path behind ``/.well-known/caldav`` (RFC 6764 section 5), None without DAV."""
        for workload in self.workloads.values():
            if workload.page is Page.DAV:
                return f"{workload.paths[0]}/"
        return None
