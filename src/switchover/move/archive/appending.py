"""The mails of an APPEND on their way into a folder; what goes wrong is told at its end.

Octets that were announced come in any case (LITERAL+), so a failure in the middle is kept until the command ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchover.errors import InvalidInput, SwitchoverError
from switchover.move.archive import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchover.move.archive.command_parser import MailBegins
    from switchover.move.archive.store import Batch, Folder, Store


class Intake:
    """Takes one APPEND after the other: ``begin``, ``write``, ``end_mail`` for each mail, then ``finish``."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        """Begin with nothing; ``now`` gives UTC seconds for mails that come without a date."""
        self._store = store
        self._now = now
        self._batch: Batch | None = None
        self._into: Folder | None = None
        self._is_ours = False  # to be closed here
        self._failure: bytes | None = None

    def begin(self, mail: MailBegins, selected: Folder | None, selected_name: str) -> None:
        """Begin a mail; the first of a command names the folder, which may be the one that is open."""
        self._guard(lambda: self._begin(mail, selected, selected_name))

    def write(self, data: memoryview) -> None:
        """Take octets of the mail."""
        if self._batch is not None and self._failure is None:
            batch = self._batch
            self._guard(lambda: batch.write(data))

    def end_mail(self) -> None:
        """Take note that the mail is complete."""
        if self._batch is not None and self._failure is None:
            self._guard(self._batch.end_mail)

    def finish(self) -> bytes:
        """Store the mails and return the answer without its tag."""
        answer = self._failure
        if answer is None and self._batch is not None and self._into is not None:
            try:
                uids = self._batch.commit()
                answer = b"OK %b stored" % answers.appended(self._into.uid_validity, uids)
            except (SwitchoverError, OSError) as error:
                answer = b"NO " + answers.refusal(error)
        self.drop()
        return answer or b"BAD no mail came"

    def drop(self) -> None:
        """Forget what was not finished."""
        if self._batch is not None:
            self._batch.abort()
        if self._into is not None and self._is_ours:
            self._into.close()
        self._batch = self._into = self._failure = None

    def _begin(self, mail: MailBegins, selected: Folder | None, selected_name: str) -> None:
        if mail.folder is not None:
            self.drop()
            name = folder_name(mail.folder)
            self._is_ours = selected is None or name != selected_name
            self._into = self._store.open(name, to_write=True) if self._is_ours else selected
            self._batch = self._into.begin() if self._into else None
        if self._batch is None or self._failure is not None:
            return
        if not mail.size:
            raise InvalidInput("a mail without an octet is none (RFC 3502: it cancels the command)")
        when = self._now() if mail.date is None else mail.date.epoch_seconds
        self._batch.begin_mail(mail.flags, when)

    def _guard(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (SwitchoverError, OSError) as error:
            self._failure = b"NO " + answers.refusal(error)


def folder_name(raw: bytes) -> str:
    """Return a name as stores know it, INBOX in capitals; bytes that are no UTF-8 survive."""
    name = raw.decode("utf-8", "surrogateescape")
    return "INBOX" if name.upper() == "INBOX" else name
