"""Every page of the console, found among the routes of the application: a new one can not be forgotten."""

from __future__ import annotations

import re
from typing import cast

from fastapi.responses import HTMLResponse

from switchover.app import Switchover
from switchover.edges.api.server import create_app, list_routes

EXAMPLES = {
    "service": "mail",
    "name": "viewer",
    "server": "cas1",
    "number": "1",
    "older": "1",
    "newer": "2",
}
"""What a part of a page's path may be on the stage; whoever adds a part says it here."""
ADDRESSES = {
    "/history/difference": "/history/difference?from=1&to=2",
    "/search": "/search?q=cas",
}
"""Pages that show nothing without a question."""
UNSIGNED = ("/sign-in", "/first-run")
"""Pages for those who are not signed in."""
_FACTOR = "test_second_factor.test_a_second_factor_is_asked_for_and_a_recovery_code_works_once"
_LEAVING = "test_leaving.test_tokens_end_with_the_account_that_made_them_after_a_page_that_says_so"
_REFUSED = "test_answers.test_a_refused_change_a_new_token_and_drift_are_pages_for_everybody"
ON_THE_WAY = {
    "GET /first-run": "test_first_run.claim",
    "GET /sign-in/code": _FACTOR,
    "GET /sign-in/oidc/callback": "test_sign_in.test_somebody_from_the_identity_provider_gets_in_with_the_role_of_his_group",
    "GET /account/second-factor": _FACTOR,
    "GET /tokens/{token_id}/revoke": _LEAVING,
    "POST /account/second-factor/codes": _FACTOR,
    "POST /account/second-factor/confirm": _FACTOR,
    "POST /drift/accept": _REFUSED,
    "POST /drift/repair": _REFUSED,
    "POST /first-run": "test_first_run.claim",
    "POST /history/{number}/preview": "test_two_people.test_a_rollback_looks_again_when_somebody_was_faster",
    "POST /history/{number}/rollback": "test_two_people.test_a_rollback_looks_again_when_somebody_was_faster",
    "POST /servers/{server}/change": _REFUSED,
    "POST /service-comparison": "test_every_page.test_a_page_is_accessible_in_both_colours_and_fits_every_width",
    "POST /sign-in": "test_sign_in.test_a_wrong_password_is_told_plainly_and_lets_nobody_in",
    "POST /sign-in/code": _FACTOR,
    "POST /tokens": _REFUSED,
}
"""Pages that can only be come to, each with the story that leads there and looks at it."""


def page_paths() -> list[str]:
    """Return the path of every page that can be opened by its address, as its route says it."""
    found = (page.removeprefix("GET ") for page in _pages() if page not in ON_THE_WAY)
    return sorted(path for path in found if path.startswith("/"))


def forgotten_pages() -> set[str]:
    """Return the answers to forms that are pages and that no story looks at, and stories of none."""
    pages = _pages()
    on_the_way = {page for page in pages if page.startswith("POST ")}
    return {*(on_the_way - set(ON_THE_WAY)), *(set(ON_THE_WAY) - pages)}


def _pages() -> set[str]:
    app = create_app(cast("Switchover", None))  # routes need nothing that runs
    return {
        f"{method} {path}"
        for path, route in list_routes(app)
        for method in route.methods & {"GET", "POST"}
        if issubclass(getattr(route.response_class, "value", route.response_class), HTMLResponse)
    }


def address_of(path: str) -> str:
    """Return a page's address on the stage."""
    if path in ADDRESSES:
        return ADDRESSES[path]
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda part: EXAMPLES[part[1]], path)
