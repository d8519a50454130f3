"""A copy outlives its access tokens: each connection asks for one, and one that has run out is asked for anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.rig import USERS, Box, Pair, cutter, free_user
from tests.integration.oauth import OAUTH, accept_tokens, token

from switchover.move.work import lanes
from switchover.move.work.mailbox import Account
from switchover.store.pool import Database
from switchover.wire.imap.sasl import BearerToken, Mechanism

KEY = b"the key of the identity provider"
BYE = b"* BYE Session invalidated - AccessTokenExpired\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    mechanisms = ("plain", "xoauth2", "oauthbearer")
    with dovecot(Options(users=USERS, mechanisms=mechanisms, more=OAUTH)) as running:
        accept_tokens(running, KEY)
        yield running


@dataclass(kw_only=True)
class TokenBox(Box):
    """A mailbox whose user signs in with tokens: good for so many seconds each, the last one for all that follow."""

    by: Mechanism = Mechanism.XOAUTH2
    lives: list[int] = field(default_factory=lambda: [300])
    given: int = 0

    @property
    def account(self) -> Account:
        async def give() -> BearerToken:
            seconds = self.lives[min(self.given, len(self.lives) - 1)]
            self.given += 1
            return BearerToken(
                user=self.user, token=token(self.user, KEY, seconds=seconds), by=self.by
            )

        return replace(super().account, credentials=give, renews=True)


@pytest.mark.parametrize("by", [Mechanism.XOAUTH2, Mechanism.OAUTHBEARER])
async def test_a_session_that_ends_with_its_token_goes_on_with_a_fresh_one(
    server: Dovecot, database: Database, monkeypatch: pytest.MonkeyPatch, by: Mechanism
) -> None:
    monkeypatch.setattr(lanes, "pause_seconds", lambda tries, _wish: 0.01 if tries < 6 else None)
    user = free_user()
    source = TokenBox(server=server, user=user, by=by)
    # The second one has run out by the time it is used, as where it comes from keeps it too long.
    target = TokenBox(server=server, user=free_user(), by=by, lives=[300, -60, 300])
    for folder in ("INBOX", "Sent"):
        source.put(folder, *(f"{folder} {number}" for number in range(30)))
    async with cutter(server, [5_500], BYE) as way:
        target.target = way
        report = await Pair(source=source, target=target, database=database).copy(lanes=1)
        target.target = None
    assert (report.is_complete, report.retries) == (True, 1)
    assert any("AccessTokenExpired" in line for line in target.lines)
    assert target.given == 3
    assert source.mails() == target.mails()
    said = "\n".join([*source.lines, *target.lines])
    assert "eyJ" not in said
