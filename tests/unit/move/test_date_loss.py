from __future__ import annotations

import pytest

from switchover.move.date_loss import NO_DATE, DateLoss, date_loss_of
from switchover.wire.imap.quirks import GENERIC, PROFILES, Server

NOW, BEGUN, DAY = 1_800_000_000, 1_790_000_000, 86_400


@pytest.mark.parametrize(
    ("loss", "source", "target"),
    [
        (DateLoss(wraps=True), -631_108_800, 3_663_858_496),
        (DateLoss(wraps=True), -1, 1 << 31),
        (DateLoss(raises_early=True), -5, 1),
        (DateLoss(now=NOW, begun=BEGUN), NOW + DAY, BEGUN + 5),
        # In the future when it was copied, and past by now.
        (DateLoss(now=NOW, begun=BEGUN), BEGUN + DAY, BEGUN + 5),
        (DateLoss(now=NOW), NOW + DAY, NOW - DAY),
    ],
)
def test_what_becomes_of_a_date_that_the_target_does_not_keep_is_explained(
    loss: DateLoss, source: int, target: int
) -> None:
    assert loss.explains(source, target)
    assert not DateLoss().explains(source, target)


@pytest.mark.parametrize(
    ("loss", "source", "target"),
    [
        (DateLoss(wraps=True), -631_108_800, 0),
        (DateLoss(wraps=True), 5, 6),
        (DateLoss(raises_early=True), -5, 2),
        (DateLoss(raises_early=True), 5, 1),
        (DateLoss(now=NOW, begun=BEGUN), NOW + DAY, BEGUN - DAY),
        (DateLoss(now=NOW, begun=BEGUN), NOW + 2 * DAY, NOW + DAY),
        (DateLoss(now=NOW, begun=BEGUN), BEGUN + DAY, BEGUN + 2 * DAY),
        (DateLoss(now=NOW), NOW - DAY, NOW - 2 * DAY),
    ],
)
def test_any_other_date_is_a_fault(loss: DateLoss, source: int, target: int) -> None:
    assert loss.explains(source, target) == ""


def test_any_date_will_do_where_the_source_names_none() -> None:
    assert DateLoss().explains(NO_DATE, NOW)


def test_what_a_target_does_to_dates_follows_from_its_kind() -> None:
    dovecot = date_loss_of(PROFILES[Server.DOVECOT], now=NOW, begun=BEGUN)
    assert (dovecot.wraps, dovecot.raises_early, dovecot.now, dovecot.begun) == (
        True, False, NOW, BEGUN,
    )  # fmt: skip
    assert date_loss_of(GENERIC, now=NOW, begun=None) == DateLoss()
