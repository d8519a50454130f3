"""A Maildir of very many mails is held as columns, and asked for one mail without looking at all."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from switchover.move.archive.fetching import chosen
from switchover.move.archive.store_maildir import MaildirStore

MAILS = 3000
NUMBERS = st.integers(1, 30)


def test_an_open_folder_takes_200_bytes_a_mail(tmp_path: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    names = [f"1763838000.M{n:06}P1234Q{n:06}R12345678.host,S=900,W=930" for n in range(MAILS)]
    for at, name in enumerate(names):
        (tmp_path / "cur" / f"{name}:2,{'S' * (at % 2)}").touch()
    lines = "".join(f"{uid} :{name}\n" for uid, name in enumerate(names, 1))
    (tmp_path / "dovecot-uidlist").write_text(f"3 V77 N{MAILS + 1}\n{lines}")
    store = MaildirStore(tmp_path)
    store.open("INBOX")
    gc.collect()
    tracemalloc.start()
    try:
        folder = store.open("INBOX")
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(folder.uids()) == MAILS
    assert held / MAILS < 200
    assert most / MAILS < 500


@given(
    st.lists(NUMBERS, unique=True).map(sorted),
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5),
)
def test_a_set_names_each_uid_once_in_order(uids: list[int], spans: list[tuple[int, int]]) -> None:
    text = b",".join(b"%d:%d" % span for span in spans)
    named = {uid for one, other in spans for uid in range(min(one, other), max(one, other) + 1)}
    assert list(chosen(text, uids)) == [uid for uid in uids if uid in named]
