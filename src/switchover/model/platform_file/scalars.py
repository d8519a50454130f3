"""The small value types of the platform file: names, addresses, ports, durations, host names.

Each is a pydantic annotated type: it validates, explains itself in the JSON Schema, and raises
sentences that say what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from switchover.model.platform_file.tree import WrittenFloat

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?\Z")
_WORKLOAD = re.compile(r"([a-z0-9][a-z0-9-]{0,38}/)?[a-z0-9][a-z0-9-]{0,38}\Z")
_HOST = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z"
)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?\Z")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,127}\Z")
_PRODUCT = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}\Z")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_BODY_TEXT = re.compile(r"[ -~]{1,128}\Z")
_STATUS = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?\Z")
RESERVED_NAMES = frozenset({"all", "sorry", "none", "redirect"})
LONGEST_DURATION_DAYS = 24  # the engine counts milliseconds in 31 bits: 24.8 days


def parse_duration(value: object) -> float:
    """Return seconds from ``30``, ``"30s"``, ``"500ms"``, ``"5m"``, ``"12h"`` or ``"7d"``."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a duration such as 30s, 500ms or 5m")  # noqa: TRY004 - pydantic
    if isinstance(value, str):
        match = _DURATION.match(value.strip())
        if not match:
            raise ValueError(f"must be a duration such as 30s, 500ms or 5m, not {value[:60]!r}")
        seconds = float(match[1]) * _UNIT_SECONDS[match[2] or "s"]
    else:
        seconds = float(value)
    if not 0.001 <= seconds <= LONGEST_DURATION_DAYS * 86400:
        raise ValueError(f"must be at least 1ms and at most {LONGEST_DURATION_DAYS}d")
    return seconds


def as_written(value: object) -> object:
    """Return a number as the text it was written as; ``site: 123`` and ``minimum: 1.20`` are text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, WrittenFloat):
        return value.text
    return str(value) if isinstance(value, int) else value


def _name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError(
            f"{value[:60]!r} is not a usable name: 1 to 40 characters out of a-z, 0-9 and -, "
            "not at its ends"
        )
    if value in RESERVED_NAMES:
        raise ValueError(f"the name {value!r} is reserved; choose another")
    return value


def _workload(value: str) -> str:
    if not _WORKLOAD.match(value):
        raise ValueError(f"{value[:60]!r} is not a workload name such as owa or sogo/activesync")
    return value


def _address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"{value[:60]!r} is not an IPv4 or IPv6 address") from None
    # A zone (fe80::1%eth0) may hold any character, blanks and quotes too, and the engine knows none.
    if "%" in value:
        raise ValueError(f"{value[:60]!r} has a zone; give an address without %")
    if address.is_multicast or str(address) == "255.255.255.255":
        raise ValueError(f"{value!r} is not the address of one machine")
    return str(address)


def _server_address(value: str) -> str:
    address = _address(value)
    if ipaddress.ip_address(address).is_unspecified:
        raise ValueError(f"{value!r} means every address; a server needs one")
    return address


def _network(value: str) -> str:
    fault = (
        f"{value[:60]!r} is not an address or network such as 192.0.2.0/24 (host bits must be 0)"
    )
    if "%" in value:
        raise ValueError(fault)
    try:
        return str(ipaddress.ip_network(value, strict=True))
    except ValueError:
        raise ValueError(fault) from None


def _port_key(value: object) -> object:
    """Keys are text; a port that is written as a key is a number all the same."""
    return int(value) if isinstance(value, str) and re.match(r"[0-9]{1,5}\Z", value) else value


def _host(value: str) -> str:
    lowered = value.lower().rstrip(".")
    try:
        lowered = lowered.encode("idna").decode("ascii") if not lowered.isascii() else lowered
    except UnicodeError:
        raise ValueError(f"{value[:60]!r} is not a host name") from None
    if not _HOST.match(lowered):
        raise ValueError(f"{value[:60]!r} is not a host name such as mail.contoso.example")
    return lowered


def _file(value: str) -> str:
    if not _FILE.match(value) or ".." in value:
        raise ValueError(
            f"{value[:60]!r} must be a plain file name beside the platform file, without folders"
        )
    return value


def _status(value: object) -> str:
    text = str(value) if isinstance(value, int | str) else ""
    match = _STATUS.match(text)
    if not match or (match[2] and match[2] < match[1]):
        raise ValueError(f"{text[:60]!r} is not an HTTP status (200) or range (200-399)")
    return text


def _url_path(value: str) -> str:
    if not re.match(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,255}\Z", value):
        raise ValueError(
            f"{value[:60]!r} is not a URL path: it starts with / and holds no space or #"
        )
    return value


def _path_prefix(value: str) -> str:
    """Requests are matched decoded and with single slashes, so prefixes are written that way."""
    segments = value.strip("/").split("/")
    if "%" in value or ".." in segments or "//" in value:
        raise ValueError(f"{value[:60]!r} is not a path prefix: it holds no %, // or ..")
    return _url_path(value)


def _product(value: str) -> str:
    if not _PRODUCT.match(value):
        raise ValueError(f"{value[:60]!r} is not a version such as exchange-2019-cu14")
    return value


def _header(value: str) -> str:
    if not _HEADER.match(value):
        raise ValueError(f"{value[:60]!r} is not the name of an HTTP header")
    return value


def _body_text(value: str) -> str:
    if not _BODY_TEXT.match(value):
        raise ValueError(f"{value[:60]!r} is not 1 to 128 printable ASCII characters")
    return value


Text = Annotated[str, BeforeValidator(as_written)]
Title = Annotated[str, Field(max_length=80), BeforeValidator(as_written)]
Sentence = Annotated[str, Field(max_length=200), BeforeValidator(as_written)]
Product = Annotated[Text, AfterValidator(_product), Field(examples=["exchange-2019-cu14"])]
HeaderName = Annotated[Text, AfterValidator(_header), Field(examples=["DAV"])]
BodyText = Annotated[Text, AfterValidator(_body_text)]
TlsVersion = Annotated[Literal["1.2", "1.3"], BeforeValidator(as_written)]
Method = Literal["GET", "HEAD", "OPTIONS"]
Name = Annotated[Text, AfterValidator(_name), Field(examples=["cas1"])]
WorkloadName = Annotated[Text, AfterValidator(_workload), Field(examples=["owa"])]
Address = Annotated[Text, AfterValidator(_address), Field(examples=["192.0.2.11"])]
ServerAddress = Annotated[Text, AfterValidator(_server_address), Field(examples=["192.0.2.11"])]
Network = Annotated[Text, AfterValidator(_network), Field(examples=["192.0.2.0/24"])]
HostName = Annotated[Text, AfterValidator(_host), Field(examples=["mail.contoso.example"])]
FileName = Annotated[Text, AfterValidator(_file), Field(examples=["mail.pem"])]
UrlPath = Annotated[Text, AfterValidator(_url_path), Field(examples=["/owa/healthcheck.htm"])]
PathPrefix = Annotated[Text, AfterValidator(_path_prefix), Field(examples=["/owa"])]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
PortKey = Annotated[int, BeforeValidator(_port_key), Field(ge=1, le=65535, strict=True)]
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
