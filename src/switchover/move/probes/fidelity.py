"""What became of the mails that a probe wrote: a finding for each, and the form that all of them keep. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from switchover.move.canonical import Form, digest_of, digester
from switchover.move.flags import comparable, folded, normalise
from switchover.move.probes.finding import Finding, Verdict
from switchover.move.probes.profile import KeptDates
from switchover.move.probes.torture import DATES, ODD_KEYWORDS, ZONES, Torture
from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchover.move.probes.torture import TortureMail
    from switchover.wire.imap.internal_date import InternalDate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one mail.

    ``refusal`` are the server's words when it did not take it, ``cuts`` is True when the connection was
    gone then. The others are what was read back, ``content`` None when the mail could not be found.
    """

    mail: TortureMail
    refusal: str | None = None
    cuts: bool = False
    content: bytes | None = None
    size_told: int | None = None
    flags: tuple[bytes, ...] = ()
    date: InternalDate | None = None

    @property
    def form(self) -> Form | None:
        """The strictest form in which what was read equals what was written; None for none."""
        if self.content is None:
            return None
        return next(
            (
                form
                for form in (Form.EXACT, Form.LINES, Form.STRUCTURE)
                if digest_of(form, self.content) == digest_of(form, self.mail.content)
            ),
            None,
        )

    @property
    def is_dated(self) -> bool:
        """True when the internal date came back as the moment it was."""
        return self.date is not None and self.date.epoch_seconds == self.mail.date.epoch_seconds

    @property
    def is_marked(self) -> bool:
        """True when every flag that was given came back, and nothing else."""
        return comparable(normalise(self.flags)) == comparable(normalise(self.mail.flags))

    @property
    def verdict(self) -> Verdict:
        """What is to be said of this mail."""
        if self.refusal is not None:
            return Verdict.CUT if self.cuts else Verdict.REFUSED
        if self.content is None:
            return Verdict.LOST
        kind = self.mail.kind
        kept = self.form is Form.EXACT and self.is_marked
        if kind in DATES:
            kept = kept and self.is_dated
        elif kind in ZONES:
            kept = kept and self.date == self.mail.date
        return Verdict.KEPT if kept else Verdict.CHANGED


def chosen_form(outcomes: Sequence[Outcome]) -> Form:
    """Return the strictest form that the mails that were taken keep.

    The weakest only where an ordinary mail needs it: what a server does to one odd kind must not weaken
    the proof for all others, so such mails are told as differences.
    """
    usual = [one.form for one in outcomes if one.mail.kind is Torture.PLAIN]
    if any(form not in _BYTES_STAY for form in usual):
        return Form.STRUCTURE
    forms = {one.form for one in outcomes}
    return Form.LINES if Form.LINES in forms else Form.EXACT


_BYTES_STAY: Final = frozenset({Form.EXACT, Form.LINES})


def kept_dates(outcomes: Sequence[Outcome]) -> KeptDates:
    """Return between which internal dates mails keep theirs."""
    is_kept = {one.mail.kind: one.is_dated for one in outcomes if one.date is not None}
    if is_kept.get(Torture.DATE_1950):
        earliest = None
    else:
        earliest = 0 if is_kept.get(Torture.DATE_1970) else 2 * 86_400
    future = [is_kept[kind] for kind in (Torture.DATE_2038, Torture.DATE_2099) if kind in is_kept]
    return KeptDates(
        usual=is_kept.get(Torture.PLAIN, False),
        earliest=earliest,
        future=all(future) and bool(future),
    )


def tells_sizes(outcomes: Sequence[Outcome], form: Form) -> bool:
    """True when RFC822.SIZE was the size of the canonical form for every mail that has one."""
    return all(
        one.size_told in {len(one.content), _canonical_size(form, one.content)}
        for one in outcomes
        if one.content is not None
    )


def _canonical_size(form: Form, content: bytes) -> int:
    work = digester(form)
    work.update(content)
    return work.size_bytes


def met_quirks(outcomes: Sequence[Outcome]) -> frozenset[Quirk]:
    """Return the named oddities that these outcomes show."""
    met = {(one.mail.kind, one.verdict) for one in outcomes}
    shown = {quirk for kind, verdict, quirk in _SHOWN if (kind, verdict) in met}
    if any(
        b"before\x80after" in (one.content or b"") and one.mail.kind is Torture.NUL
        for one in outcomes
    ):
        shown.add(Quirk.NUL_BECOMES_0X80)
    form = chosen_form(outcomes)
    if form is Form.STRUCTURE:
        shown.add(Quirk.BODIES_REGENERATED)
    elif all(one.form is Form.EXACT for one in outcomes if one.content is not None):
        shown.add(Quirk.EVERY_BYTE_KEPT)
    if not tells_sizes(outcomes, form):
        shown.add(Quirk.SIZES_ESTIMATED)
    return frozenset(shown)


_SHOWN: Final = (
    (Torture.BARE_LF, Verdict.CHANGED, Quirk.LINE_ENDS_NORMALISED),
    (Torture.CR_CR_LF, Verdict.CHANGED, Quirk.LINE_ENDS_NORMALISED),
    (Torture.BARE_LF, Verdict.REFUSED, Quirk.BARE_NEWLINES_REFUSED),
    (Torture.NUL, Verdict.REFUSED, Quirk.NUL_REFUSED),
    (Torture.EIGHT_BIT_HEADER, Verdict.CHANGED, Quirk.EIGHT_BIT_HEADERS_CHANGED),
    (Torture.EMPTY, Verdict.REFUSED, Quirk.EMPTY_MAIL_REFUSED),
    (Torture.DATE_1950, Verdict.CHANGED, Quirk.DATES_BEFORE_1970_WRAP),
    (Torture.DATE_1950, Verdict.REFUSED, Quirk.DATES_BEFORE_1970_REFUSED),
    (Torture.DATE_2099, Verdict.CHANGED, Quirk.FUTURE_DATES_BECOME_NOW),
    (Torture.ZONE_ODD, Verdict.CHANGED, Quirk.ZONES_NOT_KEPT),
    (Torture.TWIN, Verdict.LOST, Quirk.SIMILAR_MAILS_REPLACED),
)


def refused_kinds(outcomes: Sequence[Outcome]) -> frozenset[Torture]:
    """Return the kinds of mails that are not stored, or not as a second mail."""
    gone = {Verdict.REFUSED, Verdict.CUT, Verdict.LOST}
    return frozenset(one.mail.kind for one in outcomes if one.verdict in gone)


def changed_kinds(outcomes: Sequence[Outcome]) -> frozenset[Torture]:
    """Return the kinds of mails that do not come back as they were."""
    return frozenset(one.mail.kind for one in outcomes if one.verdict is Verdict.CHANGED)


def findings(outcomes: Sequence[Outcome]) -> list[Finding]:
    """Return what is to be said of each mail, in the order tried."""
    return [
        Finding(subject=one.mail.kind.value, verdict=one.verdict, sentence=_sentence(one))
        for one in outcomes
    ]


def _sentence(one: Outcome) -> str:
    kind = one.mail.kind
    match one.verdict:
        case Verdict.KEPT:
            return _KEPT.get(kind, "arrives byte by byte")
        case Verdict.REFUSED:
            return f"{_REFUSED.get(kind, _REFUSED_ELSE)} ({one.refusal})"
        case Verdict.CUT:
            return f"such a mail ends the connection, so it is sent last and alone ({one.refusal})"
        case Verdict.LOST:
            return _LOST.get(kind, "was taken and can not be found: do not migrate to this server")
        case _:
            return _changes(one)


_KEPT: Final = {
    Torture.SYSTEM_FLAGS: "answered, deleted, draft, flagged and seen arrive with the mail",
    Torture.KEYWORDS: "keywords arrive with the mail",
    Torture.MANY_KEYWORDS: "no limit on keywords was met",
    Torture.TWIN: "mails with one Message-ID stay two mails",
    Torture.EMPTY: "even an empty mail arrives",
    **dict.fromkeys(DATES, "the moment arrives as it was"),
    **dict.fromkeys(ZONES, "the moment and its zone arrive as they were"),
}
_REFUSED_ELSE: Final = "such mails can not be stored here: each is reported as skipped"
_REFUSED: Final = {
    Torture.PLAIN: "not even an ordinary mail is taken: nothing can be copied to this mailbox",
    Torture.BARE_LF: "mails with bare LF are skipped and named in the report, "
    "unless their line ends are mended first",
    Torture.NUL: "mails with NUL are skipped and named in the report",
    Torture.EMPTY: "empty mails are skipped and named in the report: there is nothing in them to lose",
    Torture.SYSTEM_FLAGS: "flags can not be given with the mail: they are set afterwards",
    Torture.KEYWORDS: "keywords can not be given with the mail: they are set afterwards, or lost",
    Torture.MANY_KEYWORDS: "a mail can not have this many keywords: those beyond the limit are lost",
    **dict.fromkeys(DATES, "mails of such a date are skipped and named in the report"),
}
_LOST: Final = {
    Torture.TWIN: "the second of two mails with one Message-ID is gone or took the place of the first: "
    "genuine duplicates are lost here",
}


def _changes(one: Outcome) -> str:
    """Return what changed, and what that means."""
    told = []
    match one.form:
        case Form.EXACT:
            pass
        case Form.LINES:
            told.append(
                f"{_lines_changed(one)}: copies are compared with line ends and NUL in one form"
            )
        case Form.STRUCTURE:
            told.append("its bytes change; who, when, subject, text and attachments stay")
        case None:
            sizes = f"{len(one.mail.content):,} bytes became {len(one.content or b''):,}"
            told.append(f"what comes back is not what was written ({sizes}): it is damaged here")
    if not one.is_marked:
        told.append(_flags_changed(one))
    if not one.is_dated or one.mail.kind in ZONES:
        told.append(_date_changed(one))
    return "; ".join(told)


def _lines_changed(one: Outcome) -> str:
    sent, read = one.mail.content, one.content or b""
    if b"\0" in sent and b"\0" not in read:
        return "NUL becomes 0x80" if b"\x80" in read else "NUL is changed"
    if b"\r\r\n" in sent:
        return "CR CR LF becomes CR LF"
    if sent.count(b"\n") != sent.count(b"\r\n"):
        return "bare LF becomes CR LF"
    if not sent.endswith(b"\n"):
        return "a last line end is added"
    return "line ends change"


def _flags_changed(one: Outcome) -> str:
    wanted, found = normalise(one.mail.flags), normalise(one.flags)
    missing = {*map(folded, wanted)} - {*map(folded, found)}
    more = [name for name in found if folded(name) not in {*map(folded, wanted)}]
    told = []
    if missing:
        told.append(f"{len(missing)} of {len(wanted)} flags are lost")
    if more:
        told.append(f"the server adds {', '.join(more[:5])}")
    return " and ".join(told)


def _date_changed(one: Outcome) -> str:
    if one.date is None:
        return "no internal date is told"
    if one.is_dated:
        return f"the moment is kept and told in the zone {one.date.encode().decode()[-5:]}"
    return f"the internal date comes back as {one.date.encode().decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keywords:
    """What became of keywords tried one by one on a mail that has ``work``.

    ``longest`` is None where the longest one tried was taken.
    """

    kept: frozenset[bytes] = frozenset()
    refused: frozenset[bytes] = frozenset()
    longest: int | None = None

    @property
    def forbidden(self) -> str:
        """The characters that make a keyword be refused."""
        odd = {b"a]b": "]", b"[a": "[", b"a/b": "/", b"a.b": "."}
        return "".join(sorted(char for keyword, char in odd.items() if keyword in self.refused))

    @property
    def refused_words(self) -> frozenset[str]:
        """The keywords that are refused as a whole."""
        return frozenset(word.decode() for word in {b"NIL", b"$"} & self.refused)


def keyword_findings(keywords: Keywords) -> list[Finding]:
    """Return what is to be said of keywords."""
    found = [_keyword_finding(keyword, keywords) for keyword in ODD_KEYWORDS]
    length = keywords.longest
    return [
        *found,
        Finding(
            subject="long keywords",
            verdict=Verdict.KEPT if length is None else Verdict.REFUSED,
            sentence="200 characters are taken"
            if length is None
            else f"{length} characters are taken; mails are copied without longer ones",
        ),
    ]


def _keyword_finding(keyword: bytes, keywords: Keywords) -> Finding:
    if keyword in keywords.kept:
        verdict, sentence = Verdict.KEPT, "arrives as it is"
    elif keyword in keywords.refused:
        verdict, sentence = Verdict.REFUSED, "mails are copied without such keywords"
    elif keyword.lower() in {one.lower() for one in keywords.kept}:
        verdict = Verdict.CHANGED
        sentence = "keywords that differ only in case are one: the first spelling stays"
    else:
        verdict, sentence = Verdict.LOST, "the server says OK and does not keep it"
    return Finding(subject=f"keyword {keyword.decode()}", verdict=verdict, sentence=sentence)
