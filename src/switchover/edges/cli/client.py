"""Speaks to the API for the command line."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import pwd
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from switchover.edges.cli.connection import open_connection
from switchover.edges.cli.output import errors
from switchover.errors import (
    Conflict,
    Corrupt,
    InvalidInput,
    NotFound,
    Problem,
    Refused,
    SwitchoverError,
    Unavailable,
)
from switchover.model.wording import is_plain
from switchover.settings import Settings, read_settings

_CLASS_OF: dict[int, type[SwitchoverError]] = {
    401: Refused,
    403: Refused,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
    503: Unavailable,
}
TIMEOUT_SECONDS = 60.0
_UNNAMED = re.compile(r"[^A-Za-z0-9._@-]")
_PART_BYTES = 64 * 1024


@dataclass(slots=True)
class Client:
    """The API at one address with one token."""

    url: str
    token: str
    pin: Path | None = None
    """File with the certificate that the local process shows, believed instead of any authority."""

    @classmethod
    def find(cls, data: Path | None) -> Client:
        """Return a client for ``SWITCHOVER_URL`` and ``SWITCHOVER_TOKEN``, else for the local data directory."""
        url = os.environ.get("SWITCHOVER_URL", "").strip()
        token = _usable_token(os.environ.get("SWITCHOVER_TOKEN", ""))
        if url and not token:
            # The local administrator's token belongs to the local process and goes nowhere else.
            raise InvalidInput("SWITCHOVER_URL is set but SWITCHOVER_TOKEN is not; set both")
        if url and token:
            return cls(_usable_url(url), token)
        settings = read_settings(os.environ, data=data)
        return cls(_local_url(settings), token or _local_token(settings), settings.pin_file)

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON (or text) at a path; None values are left out of the query."""
        return self._ask("GET", _with_query(path, query))

    def pages(
        self, path: str, query: Mapping[str, object], *, cursor: str = "after"
    ) -> Iterator[Any]:
        """Yield every page of a list to its end; ``cursor`` is the name of what leads on."""
        following: object = None
        while True:
            page = self.get(path, **{**query, cursor: following})
            yield page
            following = page.get(cursor)
            if following is None:
                return

    def rows(
        self, path: str, key: str, query: Mapping[str, object], *, cursor: str = "after"
    ) -> list[Any]:
        """Return what stands under ``key`` on every page of a list."""
        pages = self.pages(path, query, cursor=cursor)
        return [row for page in pages for row in page[key]]

    def stream(self, path: str, **query: object) -> Iterator[bytes]:
        """Yield what is at a path as it comes, so that a long export is never held whole."""
        with self._answering("GET", _with_query(path, query)) as answer:
            while part := answer.read(_PART_BYTES):
                yield part

    def post(self, path: str, body: object) -> Any:
        """Send a body and return the JSON of the answer."""
        return self._ask("POST", path, body)

    def put(self, path: str, body: object) -> Any:
        """Send a body and return the JSON of the answer."""
        return self._ask("PUT", path, body)

    def delete(self, path: str, **query: object) -> Any:
        """Delete and return the JSON of the answer."""
        return self._ask("DELETE", _with_query(path, query))

    def _ask(self, method: str, path: str, body: object | None = None) -> Any:
        with self._answering(method, path, body) as answer:
            text = answer.read().decode("utf-8", "replace")
        is_json = "json" in (answer.headers.get("Content-Type") or "")
        return json.loads(text) if is_json else text

    @contextmanager
    def _answering(
        self, method: str, path: str, body: object | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """Give a good answer to read; what fails meanwhile becomes one of our errors."""
        parts = urlsplit(self.url)
        connection = open_connection(self.url, self.pin, timeout=TIMEOUT_SECONDS)
        content = None if body is None else json.dumps(body)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Switchover-Client": _claim(),
        }
        try:
            connection.request(method, f"{parts.path}/api/v1{path}", content, headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise _error(answer.status, answer.read().decode("utf-8", "replace"))
            if answer.headers.get("Switchover-Database") == "away":
                errors.print(
                    "[yellow]note[/yellow] the database does not answer; this is from memory",
                    highlight=False,
                )
            yield answer
        except http.client.IncompleteRead as error:
            raise Unavailable(
                f"the answer of {self.url} broke off: what came is not all; try again later"
            ) from error
        except OSError as error:
            raise Unavailable(
                f"switchover does not answer at {self.url} ({error.strerror or error}); "
                "is it running? start it with: switchover serve"
            ) from error
        except http.client.HTTPException as error:
            raise Unavailable(f"{self.url} does not speak HTTP ({error!r})") from error
        finally:
            connection.close()


def _claim() -> str:
    """Return who runs this, for the audit log: many people share the token of a machine.

    It is our word and proves nothing. Letters that are no plain name are left out.
    """
    user = os.environ.get("SUDO_USER") or _user_name()
    host = socket.gethostname().partition(".")[0]
    named = {"user": user, "host": host}
    return "; ".join(
        ["cli", *(f"{key}={_UNNAMED.sub('', text)[:40]}" for key, text in named.items() if text)]
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _with_query(path: str, query: Mapping[str, object]) -> str:
    pairs = [
        (key, item)
        for key, value in query.items()
        if value is not None
        for item in (value if isinstance(value, list | tuple) else [value])
    ]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _usable_token(text: str) -> str:
    """Return a token without blanks around it; raises InvalidInput, without the token, for no token."""
    token = text.strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise InvalidInput(
            "SWITCHOVER_TOKEN is not a usable token: it holds characters that no token has; "
            "copy it again, or make one with: switchover token create"
        )
    return token


def _usable_url(text: str) -> str:
    """Return where the API is; raises InvalidInput, without what may hold a password, for no URL."""
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not (text.isascii() and text.isprintable()) or " " in text:
        raise InvalidInput("SWITCHOVER_URL is no URL; write http://HOST:PORT or https://HOST:PORT")
    return text.rstrip("/")


def segment(text: str) -> str:
    """Return a name as one path segment; raises InvalidInput for what can be no name."""
    if not text.strip() or "/" in text or not is_plain(text):
        raise InvalidInput(
            f"{text!r} is no name; write it as in the platform file, see: switchover server list, "
            "switchover service list"
        )
    return quote(text, safe="")


def _error(status: int, text: str) -> SwitchoverError:
    try:
        body = json.loads(text)
        detail = str(body.get("detail", text))
    except (ValueError, AttributeError):
        body, detail = {}, text[:500]
    kind = _CLASS_OF.get(status, Corrupt)
    if kind is InvalidInput:
        problems = tuple(
            Problem(
                message=str(item.get("message", "")),
                path=str(item.get("path", "")),
                line=item.get("line"),
                column=item.get("column"),
                source=str(item.get("source", "")),
                hint=str(item.get("hint", "")),
            )
            for item in body.get("problems", [])
        )
        return InvalidInput(detail, problems)
    return kind(detail)


def _local_url(settings: Settings) -> str:
    """Return where the local process listens; it writes that down while it holds its lock.

    Nothing else will do: another user may have taken the port of a process that died, and would be sent
    our token.
    """
    away = Unavailable(
        f"switchover does not answer for {settings.data_dir}: is it running? start it with: switchover "
        "serve, or give --data, or set SWITCHOVER_URL and SWITCHOVER_TOKEN"
    )
    if not _is_held(settings.lock_file):
        raise away
    try:
        return (settings.data_dir / "api.url").read_text("ascii").strip()
    except OSError:
        raise away from None


def _is_held(lock_file: Path) -> bool:
    try:
        descriptor = os.open(lock_file, os.O_RDONLY)
    except PermissionError:
        raise Refused(
            f"{lock_file} belongs to another user; run this as that user, or set SWITCHOVER_URL and "
            "SWITCHOVER_TOKEN to a token of your own"
        ) from None
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _local_token(settings: Settings) -> str:
    try:
        return settings.token_file.read_text("ascii", "replace").strip()
    except FileNotFoundError:
        raise Unavailable(
            f"there is no token in {settings.token_file}: switchover was never started with this data "
            "directory; start it with: switchover serve, or give --data, or set SWITCHOVER_URL and "
            "SWITCHOVER_TOKEN"
        ) from None
    except PermissionError:
        raise Refused(
            f"{settings.token_file} belongs to another user; run this as that user, or set "
            "SWITCHOVER_TOKEN to a token of your own"
        ) from None
