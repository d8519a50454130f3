"""A visitor of the console without a browser: signs in by the form, asks for pages on one connection."""

from __future__ import annotations

import http.client
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse

from serving import KEPT_SECONDS, Serving
from switchover import clock
from switchover.app import Switchover
from switchover.edges.api.server import create_app, list_routes
from switchover.edges.console.audience import MOST_OF_SESSION

NAME, PASSWORD = "anna", "a password for measuring only"
# Pages for those who are not signed in, and those that are there only on the way to something.
APART = ("/sign-in", "/first-run", "/account/second-factor", "/tokens/{token_id}")
ADDRESSES = {"/history/difference": "/history/difference?from=1&to=2", "/search": "/search?q=cas01"}
"""Pages that show nothing without a question."""


def list_pages(examples: Mapping[str, str]) -> list[str]:
    """Return the address of every page that can be asked for, its parts filled in."""
    app = create_app(cast("Switchover", None))  # routes need nothing that runs
    found = []
    for path, route in list_routes(app):
        shown = getattr(route.response_class, "value", route.response_class)
        is_page = "GET" in route.methods and issubclass(shown, HTMLResponse)
        if is_page and not path.startswith(APART):
            address = ADDRESSES.get(path, path)
            found.append(re.sub(r"\{(\w+)(:\w+)?\}", lambda word: examples[word[1]], address))
    return sorted(set(found))


@dataclass(slots=True, kw_only=True)
class Visitor:
    """Somebody with a session; one connection that is opened again when it was idle."""

    host: str
    port: int
    cookies: dict[str, str]
    connection: http.client.HTTPConnection | None = None
    used: float = 0.0

    @classmethod
    def signed_in(cls, running: Serving, name: str = NAME) -> Visitor:
        """Make an account and sign in."""
        url = urlsplit((running.data / "api.url").read_text("ascii"))
        visitor = cls(host=url.hostname or "", port=url.port or 80, cookies={})
        _make_account(running, name)
        page = visitor.get("/sign-in").decode()
        form = {"name": name, "password": PASSWORD, "csrf": hidden(page, "csrf"), "next": "/"}
        visitor.post("/sign-in", form)
        if b"sign-in" in visitor.get("/"):
            raise SystemExit("the console did not let us in")
        return visitor

    @classmethod
    def crowd(cls, running: Serving, consoles: int) -> list[Visitor]:
        """Return whose each of so many open consoles is; no browser may have more than MOST_OF_SESSION."""
        people = [
            cls.signed_in(running, f"{NAME}-{number}")
            for number in range(-(-consoles // MOST_OF_SESSION))
        ]
        return [people[number // MOST_OF_SESSION] for number in range(consoles)]

    def beside(self) -> Visitor:
        """Return another visitor with the same session and a connection of their own."""
        return Visitor(host=self.host, port=self.port, cookies=self.cookies)

    def get(self, path: str) -> bytes:
        """Return a page; ends the benchmark when there is none."""
        return self._ask("GET", path, None, {200})

    def post(self, path: str, form: Mapping[str, str]) -> bytes:
        return self._ask("POST", path, urllib.parse.urlencode(form), {200, 303})

    def request(self, path: str, *, accept: str) -> bytes:
        """Return the bytes of a request with our session, for clients of their own."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Accept: {accept}"]
        return ("\r\n".join([*lines, f"Cookie: {self._cookie()}"]) + "\r\n\r\n").encode()

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _ask(self, method: str, path: str, body: str | None, good: set[int]) -> bytes:
        if self.connection is None or clock.monotonic() - self.used > KEPT_SECONDS:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        headers = {"Cookie": self._cookie(), "Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"http://{self.host}:{self.port}"
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        self.used = clock.monotonic()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status not in good:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:2000].decode()}")
        return content


def hidden(page: str, name: str) -> str:
    """Return what a form of a page carries along under this name."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return found[1] if found else ""


def _make_account(running: Serving, name: str) -> None:
    running.api("POST", "/accounts", {"name": name, "role": "admin", "password": PASSWORD})
