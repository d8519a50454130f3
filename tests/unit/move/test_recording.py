"""What became of mails is written as it is: what is stored soon, what is refused at the end or not at all."""

from __future__ import annotations

from typing import Any, cast

from switchover.move.segment import Row, RowKind, Skip, SkipReason
from switchover.move.sync_action import Append
from switchover.move.work.mailbox import Mails
from switchover.move.work.outbox import Batch, Sent
from switchover.move.work.recording import Recorder
from switchover.wire.imap.internal_date import InternalDate

DATE = InternalDate(0, 0)


class Rows:
    """Stands for the store: keeps what is written."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.finished: list[int] = []
        self.given = 0

    def write(self, _rows: object, row: Row) -> int:
        self.rows.append(row)
        self.given += 1
        return self.given

    def finish(self, _rows: object, numbers: list[int]) -> None:
        self.finished += numbers

    async def durable(self, mark: int) -> None:
        assert mark <= self.given

    @property
    def kinds(self) -> list[RowKind]:
        return [row.kind for row in self.rows]


def recorder(store: Rows) -> Recorder:
    return Recorder(store=cast("Any", store), rows=cast("Any", None), floor=1)


async def batch_of(one: Recorder, *uids: int) -> Batch:
    many = len(uids)
    mails = Mails(
        uids=uids, sizes=[5] * many, seconds=[0] * many, zones=[0] * many, flags=[()] * many
    )
    appends = [Append(source_uids=uids, size_bytes=5 * many)]
    (batch,) = [batch async for batch in one.intended(appends, mails)]
    batch.sent |= {uid: Sent(uid, 5, bytes(16), (), DATE) for uid in uids}
    batch.is_read = True
    return batch


async def test_an_intent_is_written_before_a_batch_is_given_and_goes_when_all_is_known() -> None:
    store = Rows()
    one = recorder(store)
    batch = await batch_of(one, 1, 2)
    assert store.kinds == [RowKind.INTENDED]
    batch.stored |= {1: 11}
    batch.refused[2] = Skip(SkipReason.REFUSED, "no")
    one.take(batch)
    one.take(batch)  # told twice
    one.flush()
    assert set(store.kinds) == {RowKind.INTENDED, RowKind.STORED, RowKind.SKIPPED}
    assert (store.finished, one.copied, one.highest) == ([batch.number], 1, 11)
    assert one.refused == {2: (SkipReason.REFUSED, "no")}


async def test_refusals_that_were_the_folders_are_taken_back() -> None:
    store = Rows()
    one = recorder(store)
    batch = await batch_of(one, 1)
    batch.refused[1] = Skip(SkipReason.REFUSED, "no")
    one.take(batch)
    one.forget([1, 9])
    one.flush()
    assert (store.kinds, one.refused) == ([RowKind.INTENDED], {})


async def test_an_intent_stays_where_the_target_did_not_say_where_a_mail_is() -> None:
    store = Rows()
    one = recorder(store)
    batch = await batch_of(one, 1)
    batch.unknown.add(1)
    one.take(batch)
    one.flush()
    assert (store.finished, one.unknown) == ([], {1: bytes(16)})
