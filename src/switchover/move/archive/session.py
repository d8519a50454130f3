"""One client's IMAP conversation with an archive: bytes in, bytes out, files touched through the store.

RFC 3501 as far as the engine speaks it, with LITERAL+ (RFC 7888), MULTIAPPEND (RFC 3502: all mails of a command
or none), UIDPLUS (RFC 4315), LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819). There is no CONDSTORE: files
have no modification sequence, and one that is made up would hide changes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchover.errors import Conflict, SwitchoverError
from switchover.move.archive import answers
from switchover.move.archive.appending import Intake, folder_name
from switchover.move.archive.command_parser import (
    AppendEnds,
    CommandParser,
    MailBegins,
    MailEnds,
    Octets,
    Request,
    Senseless,
    Waiting,
    word,
)
from switchover.move.archive.fetching import BadCommand, chosen, fetch
from switchover.wire.imap.tokens import string, strings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchover.move.archive.command_parser import Event
    from switchover.move.archive.store import Folder, Store
    from switchover.wire.imap.tokens import Value


class Session:
    """Answers one client; ``send`` blocks while the client is slow. Not for two threads at once."""

    def __init__(self, store: Store, send: Callable[[bytes], None], now: Callable[[], int]) -> None:
        """Begin before the greeting; ``now`` gives UTC seconds for mails that come without a date."""
        self.is_over = False
        self._store = store
        self._send = send
        self._now = now
        self._parser = CommandParser()
        self._folder: Folder | None = None
        self._name = ""
        self._is_writable = False
        self._told = len(store.notices)
        self._intake = Intake(store, now)
        self._commands: dict[str, Callable[[Request], bytes]] = {
            "LIST": self._list,
            "LSUB": self._list_subscribed,
            "STATUS": self._status,
            "CREATE": self._create,
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "SELECT": self._select,
            "EXAMINE": self._examine,
            "UID FETCH": self._fetch,
            "UID STORE": self._change_flags,
            "UID EXPUNGE": self._expunge,
        }

    def greet(self) -> None:
        """Say that we are there."""
        self._send(b"* OK [CAPABILITY %b] archive ready\r\n" % answers.CAPABILITIES)

    def receive(self, data: bytes) -> None:
        """Take what the client sent and answer it."""
        self._parser.receive(data)
        while not self.is_over and (event := self._parser.next_event()) is not None:
            self._take(event)

    def close(self) -> None:
        """Forget what was not finished: the mails of an APPEND that did not end are not stored."""
        self._intake.drop()
        self._let_go()

    def _take(self, event: Event) -> None:
        match event:
            case Request():
                self._run(event)
            case MailBegins():
                self._intake.begin(event, self._folder, self._name)
            case Octets(data):
                self._intake.write(data)
            case MailEnds():
                self._intake.end_mail()
            case AppendEnds(tag):
                self._answer(tag, self._intake.finish())
            case Waiting():
                self._send(b"+ go on\r\n")
            case Senseless(text):
                self._send(b"* BYE %b\r\n" % answers.sentence(text))
                self.is_over = True

    def _run(self, request: Request) -> None:
        name = request.name
        if name in {"UNSELECT", "CLOSE", "LOGOUT"}:
            self._let_go()
        self.is_over = name == "LOGOUT"
        command = self._commands.get(name)
        try:
            answer = self._plain(name) if command is None else command(request)
        except BadCommand as error:
            answer = b"BAD " + answers.sentence(str(error))
        except (SwitchoverError, OSError) as error:
            answer = b"NO " + answers.refusal(error)
        self._answer(request.tag, answer)

    def _plain(self, name: str) -> bytes:
        """Answer what needs neither folder nor argument."""
        before, answer = answers.PLAIN.get(name, (b"", b"BAD unknown command"))
        self._send(
            before.replace(b"SEPARATOR", self._separator).replace(
                b"KIND", self._store.kind.encode()
            )
        )
        return answer

    def _answer(self, tag: bytes, answer: bytes) -> None:
        for notice in self._store.notices[self._told :]:
            self._send(b"* NO %b\r\n" % answers.sentence(notice))
        self._told = len(self._store.notices)
        self._send(b"%b %b\r\n" % (tag, answer))

    # Folders.

    @property
    def _separator(self) -> bytes:
        return self._store.separator.encode("ascii")

    def _list(self, request: Request) -> bytes:
        arguments = list(request.arguments)
        selection = (
            [word(one) for one in _list_of(arguments.pop(0))] if _starts_list(arguments) else []
        )
        if len(arguments) < 2:
            raise BadCommand("LIST needs a reference and a pattern")
        reference, pattern, *rest = arguments
        patterns = pattern if isinstance(pattern, list) else [pattern]
        if [string(one) for one in patterns] == [b""]:
            self._send(answers.listed(b"", self._separator, attributes=[b"\\Noselect"]))
            return b"OK done"
        returned = rest[1] if len(rest) == 2 and word(rest[0]) == b"RETURN" else []
        matches = _matcher(string(reference) or b"", patterns, self._separator)
        items = _status_items(_list_of(returned))
        subscribed = set(self._store.subscriptions())
        names = self._store.folders()
        if b"SUBSCRIBED" in selection:
            names = sorted(subscribed)
        there = set(self._store.folders())
        for name in names:
            raw = name.encode("utf-8", "surrogateescape")
            if not matches(raw):
                continue
            marks = [] if name in there else [b"\\NonExistent"]
            marks += [b"\\Subscribed"] if name in subscribed else []
            self._send(answers.listed(raw, self._separator, attributes=marks))
            if items and name in there:
                self._tell_status(name, items)
        return b"OK done"

    def _tell_status(self, name: str, items: Sequence[bytes]) -> None:
        try:
            folder = self._store.open(name)
        except (SwitchoverError, OSError):
            return  # whoever opens it is told why
        try:
            self._send(answers.status(name.encode("utf-8", "surrogateescape"), items, folder))
        finally:
            folder.close()

    def _list_subscribed(self, request: Request) -> bytes:
        if len(request.arguments) != 2:
            raise BadCommand("LSUB needs a reference and a pattern")
        reference, pattern = request.arguments
        matches = _matcher(string(reference) or b"", [pattern], self._separator)
        for name in sorted(self._store.subscriptions()):
            raw = name.encode("utf-8", "surrogateescape")
            if matches(raw):
                self._send(answers.listed(raw, self._separator, attributes=[], kind=b"LSUB"))
        return b"OK done"

    def _status(self, request: Request) -> bytes:
        name = _name(request)
        items = (
            [word(one) for one in _list_of(request.arguments[1])]
            if len(request.arguments) > 1
            else []
        )
        folder = self._store.open(name)
        try:
            self._send(answers.status(name.encode("utf-8", "surrogateescape"), items, folder))
        finally:
            folder.close()
        return b"OK done"

    def _create(self, request: Request) -> bytes:
        self._store.create(_name(request).removesuffix(self._store.separator))
        return b"OK created"

    def _subscribe(self, request: Request) -> bytes:
        self._store.subscribe(_name(request), wanted=True)
        return b"OK done"

    def _unsubscribe(self, request: Request) -> bytes:
        self._store.subscribe(_name(request), wanted=False)
        return b"OK done"

    def _select(self, request: Request) -> bytes:
        self._open(request, to_write=True)
        return b"OK [READ-WRITE] open"

    def _examine(self, request: Request) -> bytes:
        self._open(request, to_write=False)
        return b"OK [READ-ONLY] open"

    def _open(self, request: Request, *, to_write: bool) -> None:
        self._let_go()
        name = _name(request)
        self._folder = self._store.open(name, to_write=to_write)
        self._name, self._is_writable = name, to_write
        self._send(answers.selected(self._folder))

    def _let_go(self) -> None:
        if self._folder is not None:
            self._folder.close()
        self._folder, self._name, self._is_writable = None, "", False

    # Mails.

    def _opened(self, *, to_write: bool = False) -> Folder:
        if self._folder is None:
            raise BadCommand("no folder is open")
        if to_write and not self._is_writable:
            raise Conflict("the folder is open for reading only")
        return self._folder

    def _fetch(self, request: Request) -> bytes:
        folder = self._opened()
        folder.refresh()
        fetch(folder, request.arguments, self._send)
        return b"OK done"

    def _change_flags(self, request: Request) -> bytes:
        folder = self._opened(to_write=True)
        if len(request.arguments) != 3:
            raise BadCommand("STORE needs UIDs, a change and flags")
        which, how, given = request.arguments
        flags = strings(given) if isinstance(given, list) else (string(given) or b"",)
        change = word(how)
        mode = change.removesuffix(b".SILENT")
        if flags is None or mode not in {b"FLAGS", b"+FLAGS", b"-FLAGS"}:
            raise BadCommand("STORE knows FLAGS, +FLAGS and -FLAGS")
        folder.refresh()
        uids = chosen(string(which) or b"", folder.uids())
        former = {mail.uid: mail.flags for mail in folder.list_flags(uids)}
        folder.set_flags({uid: _changed(old, mode, flags) for uid, old in former.items()})
        if not change.endswith(b".SILENT"):
            fetch(folder, [which, [b"UID", b"FLAGS"]], self._send)
        return b"OK done"

    def _expunge(self, request: Request) -> bytes:
        folder = self._opened(to_write=True)
        if len(request.arguments) != 1:
            raise BadCommand("UID EXPUNGE needs UIDs")
        folder.refresh()
        before = list(folder.uids())
        asked = chosen(string(request.arguments[0]) or b"", before)
        deleted = [
            mail.uid
            for mail in folder.list_flags(asked)
            if b"\\deleted" in {flag.lower() for flag in mail.flags}
        ]
        gone = set(folder.expunge(deleted))
        places = [place for place, uid in enumerate(before, 1) if uid in gone]
        # From the last to the first, so that no number changes before it was said.
        self._send(b"".join(b"* %d EXPUNGE\r\n" % place for place in reversed(places)))
        return b"OK done"


def _name(request: Request) -> str:
    raw = string(request.arguments[0]) if request.arguments else None
    if not raw:
        raise BadCommand(f"{request.name} needs the name of a folder")
    return folder_name(raw)


def _list_of(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _starts_list(arguments: list[Value]) -> bool:
    return len(arguments) > 2 and isinstance(arguments[0], list)


def _status_items(returned: list[Value]) -> list[bytes]:
    for place, value in enumerate(returned[:-1]):
        if word(value) == b"STATUS":
            return [word(item) for item in _list_of(returned[place + 1])]
    return []


def _matcher(
    reference: bytes, patterns: Sequence[Value], separator: bytes
) -> Callable[[bytes], bool]:
    """Return whether a name is meant: ``*`` is anything, ``%`` anything within one level."""
    parts = {b"*": b".*", b"%": b"[^%b]*" % re.escape(separator)}
    texts = [reference + (string(pattern) or b"") for pattern in patterns]
    expressions = [
        b"".join(parts.get(piece, re.escape(piece)) for piece in re.split(rb"([*%])", text))
        for text in texts
    ]
    whole = re.compile(b"|".join(b"(?:%b)" % one for one in expressions), re.DOTALL)
    return lambda name: whole.fullmatch(name) is not None


def _changed(former: tuple[bytes, ...], mode: bytes, flags: tuple[bytes, ...]) -> tuple[bytes, ...]:
    given = {flag.lower() for flag in flags}
    if mode == b"FLAGS":
        return flags
    kept = tuple(flag for flag in former if flag.lower() not in given)
    return kept if mode == b"-FLAGS" else (*kept, *flags)
