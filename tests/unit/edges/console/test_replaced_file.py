"""Who else would get a file that is sent with a form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.builders import farm, http_service

from switchover.balance.work.blocks import Basis
from switchover.edges.console.form.values import Values
from switchover.edges.console.replaced_file import TICK, not_ticked, replaced_files


def basis(**files: bytes) -> Basis:
    balance = farm({"mail": http_service(), "other": http_service(address="192.0.2.20")})
    held = {name.replace("__", "."): content for name, content in files.items()}
    return Basis(number=1, wish=cast("Any", SimpleNamespace(balance=balance, files=held)))


def test_nothing_is_replaced_before_the_first_revision_or_by_the_same_or_by_an_unused_name() -> (
    None
):
    assert replaced_files(Basis(), {"mail.pem": b"new"}) == ()
    assert replaced_files(basis(mail__pem=b"old"), {"mail.pem": b"old", "x.pem": b"new"}) == ()


def test_others_that_use_a_file_are_named_but_not_who_sends_it() -> None:
    found = replaced_files(
        basis(mail__pem=b"old", mail_2__pem=b"x"), {"mail.pem": b"new one"},
        section="services", own="mail",
    )  # fmt: skip
    assert [item.users for item in found] == [("service other",)]
    assert (found[0].before, found[0].after) == ("3 bytes", "7 bytes")
    assert found[0].free_name == "mail-2.pem"
    assert not_ticked(found, Values())
    assert not not_ticked(found, Values.of([(TICK, "mail.pem")]))


def test_a_name_that_is_taken_is_not_offered() -> None:
    taken = {"mail.pem": b"old", "mail-2.pem": b"x"}
    held = Basis(
        number=1, wish=cast("Any", SimpleNamespace(balance=basis().wish.balance, files=taken))
    )  # type: ignore[union-attr]
    found = replaced_files(held, {"mail.pem": b"new"})
    assert found[0].free_name == "mail-3.pem"
    assert found[0].users == ("service mail", "service other")
