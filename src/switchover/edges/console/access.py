"""Who looks at a page, and whether they may: session cookies to people, a role for every route.

A route without ``SignedIn`` is not reachable: ``server`` refuses to build an application with one, unless
its path is among ``OPEN_PATHS``. Every request that may change something must come from a page of ours:
see ``require_own_form``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request, Response

from switchover.app import Switchover
from switchover.directory.access.account.account import Account
from switchover.directory.access.role import Actor, Door, Role
from switchover.directory.access.session import work as sessions
from switchover.directory.access.session.session import (
    Session,
    Visitor,
    form_token,
    is_form_token,
)
from switchover.edges.api.access import Suite, find_switchover, require_prepared
from switchover.edges.api.limits import MAX_FIELDS, MAX_FORM_BYTES
from switchover.edges.own_names import is_public_with_tls
from switchover.edges.provenance import note_refused
from switchover.errors import Refused, Unavailable
from switchover.model.wording import plain

logger = logging.getLogger(__name__)
OPEN_PATHS = frozenset(
    {
        "/assets/{file}",
        "/sign-in",
        "/sign-in/code",
        "/sign-in/oidc",
        "/sign-in/oidc/callback",
        "/first-run",
    }
)
"""Paths of the console that answer without a session: what leads to one, and what its pages look like."""

COOKIE: Final = "switchover"
VISITOR_COOKIE: Final = "switchover-visitor"
_HOST_PREFIX = "__Host-"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD"})
_FORWARDED = ("X-Forwarded-For", "Forwarded")
_ENDED = "your session has ended, or you were never signed in"
_SIGN_OUT = "/sign-out"
_STRANGE = "this request does not come from a page of this console: open the page again and repeat it there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in: account, session, the token for forms."""

    account: Account
    session: Session
    csrf: str
    address: str
    agent: str = ""

    @property
    def actor(self) -> Actor:
        """Who does what this person does, and from where."""
        return replace(
            self.account.actor, door=Door.CONSOLE, address=self.address, client=self.agent
        )

    @property
    def zone(self) -> str:
        """Time zone in which this person reads times."""
        return self.account.zone


class SignedIn:
    """A dependency that lets a request pass when its session has ``role`` or more.

    ``is_by_person`` False is for requests that a page makes by itself, over and over: they do not keep
    the session open.
    """

    def __init__(self, role: Role, *, is_by_person: bool = True) -> None:
        """Remember the least role."""
        self.role = role
        self.is_by_person = is_by_person

    async def __call__(self, request: Request, suite: Suite) -> Person:
        """Return who asks, and leave it in ``request.state.person`` for error pages.

        Raises:
            HTTPException: without a session 303 to the sign-in page, 401 for what was sent by a form.
            Refused: the role is too small, or the request comes from elsewhere.
        """
        secret = request.cookies.get(cookie_name(request, COOKIE), "")
        found = await self._find(request, suite, secret)
        if found is None:
            raise _to_sign_in(request)
        session, account = found
        visitor = visitor_of(request)
        person = Person(
            account=account,
            session=session,
            csrf=form_token(secret),
            address=visitor.address,
            agent=visitor.short_agent,
        )
        request.state.person = person
        try:
            # The role first: a form may be large, and is read to find its token.
            person.actor.require(self.role)
            if request.method not in _SAFE:
                await require_own_form(request, secret)
        except Refused as error:
            await note_refused(suite, request, actor=person.actor, why=str(error))
            raise
        return person

    async def _find(
        self, request: Request, suite: Switchover, secret: str
    ) -> tuple[Session, Account] | None:
        """Return the session of a cookie; from memory for looking while the database is away."""
        known = None
        if request.method in _SAFE and not suite.database.is_answering:
            known = sessions.recall_session(suite.access, secret, touch=self.is_by_person)
        if known is not None:
            return known
        try:
            require_prepared(suite)
            return await sessions.find_session(suite.access, secret, touch=self.is_by_person)
        except Unavailable:
            if request.method in _SAFE:
                known = sessions.recall_session(suite.access, secret, touch=self.is_by_person)
            if known is None:
                raise
            return known


VIEWER = SignedIn(Role.VIEWER)
WATCHER = SignedIn(Role.VIEWER, is_by_person=False)
OPERATOR = SignedIn(Role.OPERATOR)
ADMIN = SignedIn(Role.ADMIN)
ADMIN_WATCHER = SignedIn(Role.ADMIN, is_by_person=False)

Viewer = Annotated[Person, Depends(VIEWER)]
Watcher = Annotated[Person, Depends(WATCHER)]
Operator = Annotated[Person, Depends(OPERATOR)]
Admin = Annotated[Person, Depends(ADMIN)]
AdminWatcher = Annotated[Person, Depends(ADMIN_WATCHER)]


async def has_session(request: Request) -> bool:
    """True when the cookie of a request is that of an open session."""
    suite = find_switchover(request)
    require_prepared(suite)
    secret = request.cookies.get(cookie_name(request, COOKIE), "")
    return await sessions.find_session(suite.access, secret, touch=False) is not None


async def require_own_form(request: Request, secret: str) -> None:
    """Raise Refused unless a page of ours, shown to this browser, sent the request.

    Three things must fit: what the browser says of where it comes from (Fetch Metadata where it does, else
    Origin), and a token that only pages shown to the holder of this cookie have.
    """
    if not _is_same_origin(request):
        raise Refused(origin_fault(request) or _STRANGE)
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        given = await _field(request)
    if not secret or not is_form_token(secret, given):
        raise Refused(_STRANGE)


async def require_visitor_form(request: Request, suite: Switchover, secret: str) -> None:
    """Do as ``require_own_form`` for somebody without a session, and record what was refused."""
    try:
        await require_own_form(request, secret)
    except Refused as error:
        await note_refused(suite, request, why=str(error), door=Door.CONSOLE)
        raise


def origin_fault(request: Request) -> str | None:
    """Return why the page that sent a request is taken for another site's, None when it is not or has no name.

    A person meets this behind a proxy that asks for us by another name: opening the page again never
    helps them, so it says what does.
    """
    origin = request.headers.get("Origin")
    if origin is None or origin == "null" or origin in own_origins(request):
        return None
    ours = " or ".join(sorted(plain(one[:200]) for one in own_origins(request)))
    return (
        f"this request comes from a page of {plain(origin[:200])!r}, but this console is {ours}. If that "
        "page is this console, its administrator sets SWITCHOVER_PUBLIC_URL to what the browser's address "
        "line begins with, and restarts switchover"
    )


def _is_same_origin(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        # Browsers without Origin on forms are older than Fetch Metadata: then neither is known.
        return site is not None
    return origin in own_origins(request)


def own_origins(request: Request) -> set[str]:
    """Return what browsers may call us: as they asked for us, and as the settings say."""
    asked = f"{request.url.scheme}://{request.headers.get('host', '')}"
    public = request.app.state.switchover.settings.public_url
    return {asked, public} if public else {asked}


async def _field(request: Request) -> str:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return ""
    # Read once for the whole request: a platform file may be the text of one field.
    form = await request.form(max_fields=MAX_FIELDS, max_part_size=MAX_FORM_BYTES)
    value = form.get(CSRF_FIELD, "")
    return value if isinstance(value, str) else ""


def _to_sign_in(request: Request) -> HTTPException:
    """Return the redirect of a browser to the sign-in page, and from there back.

    What a form sent is not lost by a redirect: the answer leaves the page it was written on one step back.
    """
    if request.method in _SAFE and "HX-Request" not in request.headers:
        query = request.url.query
        back = f"{request.url.path}?{query}" if query else request.url.path
        target = "/sign-in" if back == "/" else f"/sign-in?next={quote(back, safe='')}"
        return HTTPException(303, "sign in first", headers={"Location": target})
    if request.method in _SAFE:
        return HTTPException(401, _ENDED, headers={"HX-Redirect": "/sign-in"})
    if request.url.path == _SIGN_OUT:
        return HTTPException(303, _ENDED, headers={"Location": "/sign-in"})
    return HTTPException(401, _ENDED)


def is_secure(request: Request) -> bool:
    """True when the browser's connection has TLS, even if it ends at a proxy that says nothing of it.

    That the browser asked for the host and port of a public URL with https tells as much; one that asked
    without TLS all the same is refused the cookie by itself.
    """
    if request.url.scheme == "https":
        return True
    settings = request.app.state.switchover.settings
    return is_public_with_tls(settings, request.headers.get("host", ""))


def cookie_name(request: Request, name: str) -> str:
    """Return the name of a cookie: with TLS one that no other host and no plain page can set."""
    return _HOST_PREFIX + name if is_secure(request) else name


def give_cookie(
    request: Request, answer: Response, name: str, value: str, *, seconds: int | None = None
) -> None:
    """Let the browser keep a cookie for this console alone, out of reach of scripts."""
    answer.set_cookie(
        cookie_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",  # strict would lose it on the way back from an identity provider
    )


def take_cookie(request: Request, answer: Response, name: str) -> None:
    """Let the browser forget a cookie."""
    answer.delete_cookie(
        cookie_name(request, name),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def visitor_of(request: Request) -> Visitor:
    """Return from where a request comes."""
    _warn_of_proxy(request)
    address = request.client.host if request.client else ""
    return Visitor(address=address, agent=request.headers.get("User-Agent", ""))


def _warn_of_proxy(request: Request) -> None:
    """Say once that a proxy seems to stand in front and is not trusted: everybody shares its address then."""
    state = request.app.state
    if state.switchover.settings.trusted_proxies or getattr(state, "has_warned_of_proxy", False):
        return
    if any(name in request.headers for name in _FORWARDED):
        state.has_warned_of_proxy = True
        logger.warning(
            "a request from %s says for whom it is forwarded, and no proxy is trusted: if that is your "
            "proxy, name it in SWITCHOVER_TRUSTED_PROXIES, else all its people share one address in the "
            "audit log and in the pauses of sign-in",
            request.client.host if request.client else "?",
        )
