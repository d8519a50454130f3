"""Outcomes of torture mails as servers give them, for the tests of what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from switchover.move.probes.fidelity import Outcome
from switchover.move.probes.torture import Torture, TortureMail, torture_mails

NOW = 1_700_000_000
MAILS = torture_mails("1234", NOW)


def kept(mail: TortureMail) -> Outcome:
    """What a server makes of a mail that changes nothing."""
    return Outcome(
        mail=mail,
        content=mail.content,
        size_told=len(mail.content),
        flags=(*mail.flags, rb"\Recent"),
        date=mail.date,
    )


def all_kept(**changes: Callable[[Outcome], Outcome]) -> list[Outcome]:
    """Outcomes of a server that keeps everything, but for the kinds named."""
    outcomes = [kept(mail) for mail in MAILS]
    return [changes.get(one.mail.kind.name, lambda it: it)(one) for one in outcomes]


def refusing(words: str = "no") -> Callable[[Outcome], Outcome]:
    return lambda one: Outcome(mail=one.mail, refusal=words)


def losing(one: Outcome) -> Outcome:
    return Outcome(mail=one.mail)


def reading(edit: Callable[[bytes], bytes]) -> Callable[[Outcome], Outcome]:
    def work(one: Outcome) -> Outcome:
        content = edit(one.content or b"")
        return replace(one, content=content, size_told=len(content))

    return work


def dating(epoch_seconds: int) -> Callable[[Outcome], Outcome]:
    return lambda one: replace(one, date=one.mail.date._replace(epoch_seconds=epoch_seconds))


def of(kind: Torture, outcomes: list[Outcome]) -> Outcome:
    return next(one for one in outcomes if one.mail.kind is kind)
