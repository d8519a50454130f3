"""The part of an engine configuration that is about one service."""

from __future__ import annotations

from tests.builders import farm, http_service, mail_service, rendered

from switchover.balance.service_sections import sections_of


def test_a_service_shows_its_frontends_and_backends_with_the_defaults() -> None:
    text = rendered(farm({"web": http_service(), "web2": mail_service()}))
    found = sections_of(text, "web")
    assert found.startswith("defaults\n")
    assert "\nfrontend web\n" in found
    assert "\nbackend web.owa\n" in found
    assert "web2" not in found
    assert "stats socket" not in found


def test_a_service_that_the_engine_does_not_have_shows_nothing() -> None:
    assert sections_of("global\n    maxconn 10\n\nfrontend other\n", "web") == ""
