"""The small value types of the platform file: names, addresses, ports, durations, host names.

Each is a pydantic annotated type: it validates, explains itself in the JSON Schema, and raises
sentences that say what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\Z")
_WORKLOAD = re.compile(r"([a-z0-9][a-z0-9-]{0,38}/)?[a-z0-9][a-z0-9-]{0,38}\Z")
_HOST = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z"
)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?\Z")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,127}\Z")
_STATUS = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?\Z")
RESERVED_NAMES = frozenset({"all", "sorry", "none", "redirect"})


def parse_duration(value: object) -> float:
    """Return seconds from ``30``, ``"30s"``, ``"500ms"``, ``"5m"``, ``"12h"`` or ``"7d"``."""
    if isinstance(value, bool):
        raise ValueError("must be a duration such as 30s, 500ms or 5m")  # noqa: TRY004 - pydantic
    if isinstance(value, int | float):
        seconds = float(value)
    else:
        match = _DURATION.match(str(value).strip())
        if not match:
            raise ValueError(f"must be a duration such as 30s, 500ms or 5m, not {value!r}")
        seconds = float(match[1]) * _UNIT_SECONDS[match[2] or "s"]
    if not 0.0 < seconds <= 30 * 86400:
        raise ValueError("must be longer than nothing and at most 30 days")
    return seconds


def _name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError(
            f"{value!r} is not a usable name: 1 to 40 characters out of a-z, 0-9 and -, "
            "not at its ends"
        )
    if value in RESERVED_NAMES:
        raise ValueError(f"the name {value!r} is reserved; choose another")
    return value


def _workload(value: str) -> str:
    if not _WORKLOAD.match(value):
        raise ValueError(f"{value!r} is not a workload name such as owa or sogo/activesync")
    return value


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not an IPv4 or IPv6 address") from None


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=True))
    except ValueError:
        raise ValueError(
            f"{value!r} is not an address or network such as 192.0.2.0/24 (host bits must be 0)"
        ) from None


def _host(value: str) -> str:
    lowered = value.lower().rstrip(".")
    try:
        lowered = lowered.encode("idna").decode("ascii") if not lowered.isascii() else lowered
    except UnicodeError:
        raise ValueError(f"{value!r} is not a host name") from None
    if not _HOST.match(lowered):
        raise ValueError(f"{value!r} is not a host name such as mail.contoso.example")
    return lowered


def _file(value: str) -> str:
    if not _FILE.match(value) or ".." in value:
        raise ValueError(
            f"{value!r} must be a plain file name beside the platform file, without folders"
        )
    return value


def _status(value: object) -> str:
    text = str(value)
    match = _STATUS.match(text)
    if not match or (match[2] and match[2] < match[1]):
        raise ValueError(f"{value!r} is not an HTTP status (200) or range (200-399)")
    return text


def _url_path(value: str) -> str:
    if not re.match(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,255}\Z", value):
        raise ValueError(f"{value!r} is not a URL path: it starts with / and holds no space or #")
    return value


Name = Annotated[str, AfterValidator(_name), Field(examples=["cas1"])]
WorkloadName = Annotated[str, AfterValidator(_workload), Field(examples=["owa"])]
Address = Annotated[str, AfterValidator(_address), Field(examples=["192.0.2.11"])]
Network = Annotated[str, AfterValidator(_network), Field(examples=["192.0.2.0/24"])]
HostName = Annotated[str, AfterValidator(_host), Field(examples=["mail.contoso.example"])]
FileName = Annotated[str, AfterValidator(_file), Field(examples=["mail.pem"])]
UrlPath = Annotated[str, AfterValidator(_url_path), Field(examples=["/owa/healthcheck.htm"])]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Weight = Annotated[int, Field(ge=0, le=256, strict=True)]
Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?$"},
            ],
            "examples": ["30s", "500ms", "5m"],
        }
    ),
]
Status = Annotated[
    str,
    BeforeValidator(_status),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"},
            ]
        }
    ),
]
