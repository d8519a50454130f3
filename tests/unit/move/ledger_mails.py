"""Mails of a ledger for tests: strategies, and a corpus like a mailbox of some years."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from switchover.move.flags import FlagSet, normalise
from switchover.move.segment import DIGEST_BYTES, LedgerMail, Row, acknowledge, intend

FLAG_SETS = st.lists(
    st.sampled_from(["\\Seen", "\\Answered", "$Forwarded", "work", "\udc80odd", "NIL"]), max_size=5
).map(normalise)
DIGESTS = st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES)
YEAR_1, YEAR_9999 = -62135596800, 253402300799


def mail_strategy(digests: st.SearchStrategy[bytes] = DIGESTS) -> st.SearchStrategy[LedgerMail]:
    return st.builds(
        LedgerMail,
        st.integers(1, (1 << 32) - 1),
        st.integers(0, 1 << 62),
        st.integers(YEAR_1, YEAR_9999),
        st.integers(-1439, 1439),
        FLAG_SETS,
        digests,
    )


def segments(digests: st.SearchStrategy[bytes] = DIGESTS) -> st.SearchStrategy[list[LedgerMail]]:
    return st.lists(
        mail_strategy(digests), max_size=30, unique_by=lambda mail: mail.source_uid
    ).map(sorted)


def mail(
    uid: int, *, flags: FlagSet = (), size: int = 1000, digest: bytes | None = None
) -> LedgerMail:
    own = uid.to_bytes(DIGEST_BYTES, "big") if digest is None else digest
    return LedgerMail(uid, size, 1_000_000_000 + uid, 60, flags, own)


def stored(uids: range | list[int], *, first_target: int = 1, flags: FlagSet = ()) -> Row:
    row = intend([mail(uid, flags=flags) for uid in uids], floor=first_target)
    return acknowledge(row, range(first_target, first_target + len(uids)))


def years_of_mail(count: int, seed: int = 1) -> list[LedgerMail]:
    """Sizes, dates, flags and gaps between UIDs as in the corpora of the copying bench."""
    rng = random.Random(seed)
    mails, uid = [], 0
    for _ in range(count):
        uid += rng.choice([1, 1, 1, 1, 2, 5])
        flags = [name for name, share in _SHARES if rng.random() < share]
        if rng.random() < 0.15:
            flags += rng.sample(["$Forwarded", "NonJunk", "$Label1", "work"], rng.randrange(1, 3))
        mails.append(
            LedgerMail(
                uid,
                int(min(25e6, max(300, rng.lognormvariate(9.3, 1.15)))),
                1_104_537_600 + rng.randrange(630_720_000),
                rng.choice([0, 60, 120, -300, 330, 540]),
                normalise(flags),
                rng.randbytes(DIGEST_BYTES),
            )
        )
    return mails


def worst_mails(count: int, seed: int = 1) -> list[LedgerMail]:
    """Everything a server can send that does not pack: wide numbers, every mail its own set of 31 flags."""
    rng = random.Random(seed)
    names = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"]
    names += [f"keyword-{n}-{'x' * 8}" for n in range(26)]
    uids = sorted(rng.sample(range(1, 1 << 32), count))
    return [
        LedgerMail(
            uid,
            rng.randrange(1 << 32),
            rng.randrange(YEAR_1, YEAR_9999),
            rng.randrange(-1439, 1440),
            normalise([name for name in names if rng.random() < 0.5]),
            rng.randbytes(DIGEST_BYTES),
        )
        for uid in uids
    ]


_SHARES = (("\\Seen", 0.8), ("\\Answered", 0.12), ("\\Flagged", 0.06), ("\\Deleted", 0.004))
