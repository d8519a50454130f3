"""From what an operator writes to values that can not be wrong. Each raises ValueError with what to write."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from switchover.settings.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")


class Tls(StrEnum):
    """Whether the console and the API speak TLS; ``auto``: unless only this machine can connect."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """An address and TCP port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can connect."""
        return is_loopback_name(self.host)

    def __str__(self) -> str:
        """``127.0.0.1:8440`` or ``[::1]:8440``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(text: str) -> Secret:
    if not text.startswith(("postgresql://", "postgres://")):
        # The value is not repeated: it may hold a password.
        raise ValueError("write a URL such as postgresql://user:password@db.contoso.example/name")
    return Secret(text)


def parse_program(text: str) -> Path:
    path = Path(text).absolute()
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ValueError(f"{text!r} is no program we may run; write the path of an HAProxy binary")
    return path


def parse_address(text: str) -> ListenAddress:
    host, colon, port = text.rpartition(":")
    advice = f"{text!r} is not ADDRESS:PORT; write for example 127.0.0.1:8440 or [::1]:8440"
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(advice)
    if host.startswith("[") and host.endswith("]"):
        host = parse_ip(host[1:-1], advice)
    elif ":" in host or not _HOST_NAME.fullmatch(host):
        raise ValueError(advice)
    elif host.replace(".", "").isdigit():
        host = parse_ip(host, advice)
    return ListenAddress(host=host, port=int(port))


def parse_ip(text: str, advice: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(advice) from None


def parse_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def parse_seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not low <= seconds <= high:
            raise ValueError(f"{text!r} is not a number of seconds from {low:g} to {high:g}")
        return seconds

    return parse


def parse_flag(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "yes", "true", "on"}:
        return True
    if word in {"0", "no", "false", "off"}:
        return False
    raise ValueError(f"{text!r} is neither yes nor no")


def parse_public_url(text: str) -> str:
    """Return scheme, name and port under which people reach the console, without a slash at the end."""
    advice = (
        f"{text!r} is no address of a console; write for example https://mail-console.contoso.example, "
        "without a path"
    )
    parts = _split(text, advice)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(advice)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{shown}{port}"


def parse_issuer(text: str) -> str:
    """Return the issuer of an identity provider exactly as it was written: it is compared so."""
    advice = f"{text!r} is no issuer; write for example https://login.contoso.example/realms/mail"
    parts = _split(text, advice)
    if parts.query or parts.fragment:
        raise ValueError(advice)
    if parts.scheme != "https" and not is_loopback_name(parts.hostname or ""):
        raise ValueError(f"{text!r} is not https: anybody on the way could sign in as anybody")
    return text


def is_loopback_name(host: str) -> bool:
    """True for names and addresses of this machine that nobody else can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(text: str, advice: str) -> SplitResult:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError(advice)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(advice) from None
    is_usable = parts.scheme in {"http", "https"} and parts.hostname and port != 0
    if not is_usable or parts.username is not None:
        raise ValueError(advice)
    return parts


def parse_file(text: str) -> Path:
    """Return the path of a file that we may read."""
    path = Path(text).absolute()
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise ValueError(f"{text!r} is no file we may read")
    return path


def parse_secret_file(text: str) -> Secret:
    """Return the one line that stands in a file."""
    content = parse_file(text).read_text("utf-8", "replace").strip()
    if not content or len(content.splitlines()) != 1:
        raise ValueError(f"{text!r} does not hold one line with a secret")
    return Secret(content)


def parse_tls(text: str) -> Tls:
    """Return whether to speak TLS."""
    word = text.strip().lower()
    if word == Tls.AUTO:
        return Tls.AUTO
    try:
        return Tls.ON if parse_flag(word) else Tls.OFF
    except ValueError:
        raise ValueError(f"{text!r} is none of auto, on, off") from None


def parse_text(longest: int) -> Callable[[str], str]:
    """Return a parser of one printable line."""

    def parse(text: str) -> str:
        line = text.strip()
        if not line or len(line) > longest or not line.isprintable():
            raise ValueError(f"{text[:100]!r} is no line of up to {longest} characters")
        return line

    return parse


def parse_words(separator: str) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of texts with a separator between them; blanks around each do not count."""

    def parse(text: str) -> tuple[str, ...]:
        words = tuple(word.strip() for word in text.split(separator) if word.strip())
        if not words or not all(word.isprintable() for word in words):
            raise ValueError(
                f"{text[:100]!r} is no list; write items with {separator!r} between them"
            )
        return words

    return parse


def parse_scopes(text: str) -> tuple[str, ...]:
    """Return scopes; ``openid`` is always among them."""
    words = parse_words(" ")(text.replace(",", " "))
    return words if "openid" in words else ("openid", *words)


def parse_networks(text: str) -> tuple[str, ...]:
    """Return addresses and networks."""
    return tuple(_network(word) for word in parse_words(",")(text))


def _network(word: str) -> str:
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError:
        raise ValueError(
            f"{word!r} is no address and no network; write for example 192.0.2.10"
        ) from None
    return str(network) if "/" in word else str(network.network_address)
