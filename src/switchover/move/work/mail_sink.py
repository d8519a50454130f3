"""What becomes of mails that are read for a proof: columns with digests, or the words that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.move.canonical import digest_of, digester
from switchover.move.date_loss import NO_DATE
from switchover.move.flags import FlagReader
from switchover.move.folder_mails import FolderMails, not_delivered
from switchover.move.mime_part import MailWords, words_of
from switchover.move.proof_root import ProofMail
from switchover.wire.imap.tokens import nil_or_string

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchover.move.canonical import Digester, Form
    from switchover.wire.imap.fetch import FetchItem

_LONGEST_HEADER = 64 * 1024


class MailSink:
    """Gathers the mails of one folder; with a ``form``, the digest of what is read of each.

    ``progress`` gets the number of mails and of bytes that came.
    """

    def __init__(
        self, form: Form | None, *, is_target: bool, progress: Callable[[int, int], None]
    ) -> None:
        """Begin with no mail."""
        self.mails = FolderMails()
        self.form = form
        self.is_target = is_target
        self.progress = progress
        self.flags = FlagReader()

    def open(self) -> _MailReader:
        """Return what one connection reads with."""
        return _MailReader(self)


class _MailReader:
    """The mail that one connection is at."""

    def __init__(self, sink: MailSink) -> None:
        self._sink = sink
        self._work: Digester | None = None
        self._digest = b""
        self._octets = 0

    def begin(self) -> None:
        form = self._sink.form
        self._work = digester(form) if form is not None else None

    def update(self, data: memoryview) -> None:
        self._octets += len(data)
        if self._work is not None:
            self._work.update(data)

    def end(self) -> None:
        if self._work is not None:
            self._digest = self._work.digest()
            self._work = None

    def take(self, items: Sequence[FetchItem]) -> None:
        """Take mails; what comes unasked, only with flags, is none."""
        told = [one for one in items if _is_told(one)]
        form = self._sink.form
        if form is None:
            self._take_listing(told)
        else:
            for item in told:
                self._take_read(item, form)
        self._sink.progress(len(told), self._octets)
        self._octets = 0

    def _take_listing(self, told: Sequence[FetchItem]) -> None:
        flags = self._sink.flags
        dates = [one.internal_date for one in told]
        self._sink.mails.extend(
            [one.uid or 0 for one in told],
            [one.epoch_seconds if one else NO_DATE for one in dates],
            [flags[one.flags or ()] for one in told],
            [one.size for one in told],
        )

    def _take_read(self, item: FetchItem, form: Form) -> None:
        date = item.internal_date
        self._sink.mails.add(
            ProofMail(
                item.uid or 0,
                self._digest_of(item, form),
                date.epoch_seconds if date else NO_DATE,
                self._sink.flags[item.flags or ()],
                item.size,
            )
        )

    def _digest_of(self, item: FetchItem, form: Form) -> bytes:
        digest, self._digest = self._digest, b""
        if not digest:
            # A short header may come as a quoted string.
            found = item.find(b"BODY[HEADER]")
            text = None if found is None else nil_or_string(found)
            if text is not None:
                digest = digest_of(form, text)
        return digest or not_delivered(item.uid or 0, is_target=self._sink.is_target)


def _is_told(item: FetchItem) -> bool:
    """Return whether this is a mail of our listing, and one whose numbers make sense."""
    if item.uid is None or item.flags is None or item.uid >> 63:
        return False
    # A server may name no date that can be read, or no size; what comes unasked has neither.
    return item.date is not None or item.size is not None


class UidSink:
    """Gathers the UIDs of a folder, whatever else is told of its mails."""

    def __init__(self) -> None:
        """Begin with none."""
        self.uids: set[int] = set()

    def open(self) -> _UidReader:
        """Return what one connection reads with."""
        return _UidReader(self.uids)


class _UidReader:
    """UIDs come in lines alone: bodies and headers are nobody's here."""

    def __init__(self, uids: set[int]) -> None:
        self._uids = uids

    def begin(self) -> None:
        """Nothing was asked for that could begin."""

    def update(self, data: memoryview) -> None:
        """Take nothing."""

    def end(self) -> None:
        """Note nothing."""

    def take(self, items: Sequence[FetchItem]) -> None:
        self._uids.update(one.uid for one in items if one.uid is not None and not one.uid >> 63)


class WordSink:
    """Gathers subject and Message-ID from the headers of some mails, by UID."""

    def __init__(self) -> None:
        """Begin with no mail."""
        self.words: dict[int, MailWords] = {}

    def open(self) -> _WordReader:
        """Return what one connection reads with."""
        return _WordReader(self.words)


class _WordReader:
    """The header that one connection is at; of a huge one only the beginning."""

    def __init__(self, words: dict[int, MailWords]) -> None:
        self._words = words
        self._header = bytearray()

    def begin(self) -> None:
        self._header.clear()

    def update(self, data: memoryview) -> None:
        self._header += data[: max(0, _LONGEST_HEADER - len(self._header))]

    def end(self) -> None:
        """Nothing is worked out before the UID is known."""

    def take(self, items: Sequence[FetchItem]) -> None:
        for item in items:
            if item.uid is not None and item.flags is not None:
                self._words[item.uid] = words_of(bytes(self._header))
        self._header.clear()
