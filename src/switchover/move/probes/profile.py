"""What a copy and its proof take from what is known of a server: the recognised kind, corrected by a probe. Pure.

A probe counts more than the kind: it measured this server. What no probe looked into stays as the kind
has it. Without both a server is believed to change line ends: a mail then is found again either way, and
only a proof says less than it could.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from switchover.errors import InvalidInput
from switchover.move.canonical import Form
from switchover.move.probes.torture import Torture
from switchover.move.reconcile import Trust
from switchover.wire.imap.quirks import GENERIC, Profile, Quirk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.move.folder_name import TargetFacts

LOOKED_FOR: Final = frozenset(
    {
        Quirk.BODIES_REGENERATED,
        Quirk.SIZES_ESTIMATED,
        Quirk.LINE_ENDS_NORMALISED,
        Quirk.NUL_BECOMES_0X80,
        Quirk.BARE_NEWLINES_REFUSED,
        Quirk.NUL_REFUSED,
        Quirk.EIGHT_BIT_HEADERS_CHANGED,
        Quirk.EMPTY_MAIL_REFUSED,
        Quirk.DATES_BEFORE_1970_WRAP,
        Quirk.FUTURE_DATES_BECOME_NOW,
        Quirk.ZONES_NOT_KEPT,
        Quirk.SIMILAR_MAILS_REPLACED,
        Quirk.DOTS_MAKE_LEVELS,
        Quirk.NAMES_WITHOUT_CASE,
        Quirk.NAMES_WITHOUT_OUTER_BLANKS,
    }
)
"""What a whole probe tells of: one of these that it did not meet is not there."""
_WEAKNESS: Final = (Form.EXACT, Form.LINES, Form.STRUCTURE)
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NameLimits:
    """What folder names may be; lengths in bytes on the wire, 0 where no limit was met."""

    longest_name: int = 0
    longest_level: int = 0
    deepest: int = 0
    forbidden: str = ""
    forbidden_first: str = ""
    composes_unicode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDates:
    """Which internal dates come back as given.

    ``usual``: those of the last years at all. ``earliest`` in UTC seconds, None for any; ``future``: those
    after the present moment.
    """

    usual: bool = True
    earliest: int | None = None
    future: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a probe found out about one server.

    ``identity`` is what the server said of itself then: another one makes all of it void.
    ``connections`` is how many were let in where fewer were than tried; limits are None where none was met.
    """

    probed_at: datetime
    identity: Mapping[str, str]
    form: Form
    quirks: frozenset[Quirk] = frozenset()
    refused: frozenset[Torture] = frozenset()
    changed: frozenset[Torture] = frozenset()
    dates: KeptDates = field(default_factory=KeptDates)
    keeps_keywords: bool = True
    keywords_a_folder: int | None = None
    longest_keyword: int | None = None
    forbidden_in_keywords: str = ""
    connections: int | None = None
    names: NameLimits = field(default_factory=NameLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointProfile:
    """What to expect of one server.

    ``server`` holds the kind, its quirks and its limits, corrected by the probe. ``written_form`` is what
    a mail that was stored has in common with what is read back; ``read_form`` what two readings of a mail
    have in common. ``refused`` and ``changed`` are kinds of mails that it does not take, or not as they
    are. ``measured`` is None where no probe counts.
    """

    server: Profile
    written_form: Form
    read_form: Form = Form.EXACT
    refused: frozenset[Torture] = frozenset()
    changed: frozenset[Torture] = frozenset()
    measured: Measured | None = None

    def trust(self, *, is_alone: bool = True) -> Trust:
        """Return what may be believed of listings when mails in doubt are looked for."""
        return Trust(
            sizes=Quirk.SIZES_ESTIMATED not in self.server.quirks,
            dates=self.dates.usual,
            is_alone=is_alone,
        )

    @property
    def dates(self) -> KeptDates:
        """Which internal dates come back as given."""
        if self.measured is not None:
            return self.measured.dates
        quirks = self.server.quirks
        return KeptDates(
            earliest=0 if Quirk.DATES_BEFORE_1970_WRAP in quirks else None,
            future=Quirk.FUTURE_DATES_BECOME_NOW not in quirks,
        )

    def keeps_date(self, epoch_seconds: int, *, now: int) -> bool:
        """True when an internal date comes back as it was given; ``now`` is the present (UTC seconds)."""
        dates = self.dates
        if not dates.usual or (dates.earliest is not None and epoch_seconds < dates.earliest):
            return False
        return dates.future or epoch_seconds <= now

    def takes_keyword(self, keyword: bytes) -> bool:
        """True when a mail with this keyword is not refused because of it, as far as is known."""
        known = self.measured
        if known is None:
            return True
        is_short = known.longest_keyword is None or len(keyword) <= known.longest_keyword
        return is_short and not set(keyword) & set(known.forbidden_in_keywords.encode("ascii"))

    def refine(self, facts: TargetFacts) -> TargetFacts:
        """Return what a folder plan has to know of names, with what is known of this server."""
        names = self.measured.names if self.measured else NameLimits()
        quirks = self.server.quirks
        return replace(
            facts,
            is_case_sensitive=Quirk.NAMES_WITHOUT_CASE not in quirks,
            is_blank_tidy=Quirk.NAMES_WITHOUT_OUTER_BLANKS in quirks,
            composes_unicode=names.composes_unicode,
            forbidden="".join(sorted({*self.server.forbidden_in_names, *names.forbidden})),
            forbidden_first=names.forbidden_first,
            reserved=frozenset(name.lower() for name in self.server.reserved_names),
            longest_name=names.longest_name,
            longest_level=names.longest_level,
            deepest=names.deepest,
        )


def profile_of(
    server: Profile, identity: Mapping[str, str], measured: Measured | None
) -> EndpointProfile:
    """Return the profile of a server that looks like ``server`` and was measured, or was not.

    What was measured counts only where the server still says the same of itself.
    """
    if measured is None or software(measured.identity) != software(identity):
        return _recognised(server)
    quirks = (server.quirks - LOOKED_FOR) | measured.quirks
    return EndpointProfile(
        server=replace(
            server,
            quirks=quirks,
            connections=measured.connections or server.connections,
            keywords_a_folder=measured.keywords_a_folder,
        ),
        written_form=measured.form,
        read_form=_read_form(quirks),
        refused=measured.refused,
        changed=measured.changed,
        measured=measured,
    )


def software(identity: Mapping[str, str]) -> dict[str, str]:
    """Return what of an answer to ID names the software; other fields change with every connection."""
    return {name: identity[name] for name in ("name", "vendor", "version") if name in identity}


def form_between(source: EndpointProfile, target: EndpointProfile) -> Form:
    """Return the strictest form in which a mail at the source and its copy at the target are equal."""
    return weakest(source.read_form, target.written_form, target.read_form)


def weakest(*forms: Form) -> Form:
    """Return the form that promises least."""
    return max(forms, key=_WEAKNESS.index)


_REFUSES: Final = {
    Quirk.BARE_NEWLINES_REFUSED: Torture.BARE_LF,
    Quirk.NUL_REFUSED: Torture.NUL,
    Quirk.EMPTY_MAIL_REFUSED: Torture.EMPTY,
}
_CHANGES: Final = {
    Quirk.LINE_ENDS_NORMALISED: Torture.BARE_LF,
    Quirk.NUL_BECOMES_0X80: Torture.NUL,
    Quirk.EIGHT_BIT_HEADERS_CHANGED: Torture.EIGHT_BIT_HEADER,
    Quirk.DATES_BEFORE_1970_WRAP: Torture.DATE_1950,
    Quirk.FUTURE_DATES_BECOME_NOW: Torture.DATE_2099,
}


def _recognised(server: Profile) -> EndpointProfile:
    quirks = server.quirks
    read = _read_form(quirks)
    return EndpointProfile(
        server=server,
        written_form=weakest(read, Form.LINES),
        read_form=read,
        refused=frozenset(kind for quirk, kind in _REFUSES.items() if quirk in quirks),
        changed=frozenset(kind for quirk, kind in _CHANGES.items() if quirk in quirks),
    )


def _read_form(quirks: frozenset[Quirk]) -> Form:
    return Form.STRUCTURE if Quirk.BODIES_REGENERATED in quirks else Form.EXACT


UNKNOWN: Final = _recognised(GENERIC)


def to_json(measured: Measured) -> dict[str, Any]:
    """Return what ``from_json`` reads back."""
    return {
        "version": _VERSION,
        "probed_at": measured.probed_at.isoformat(),
        "identity": dict(measured.identity),
        "form": measured.form.value,
        "quirks": sorted(quirk.name for quirk in measured.quirks),
        "refused": sorted(kind.name for kind in measured.refused),
        "changed": sorted(kind.name for kind in measured.changed),
        "dates": {name: getattr(measured.dates, name) for name in KeptDates.__slots__},
        "keeps_keywords": measured.keeps_keywords,
        "keywords_a_folder": measured.keywords_a_folder,
        "longest_keyword": measured.longest_keyword,
        "forbidden_in_keywords": measured.forbidden_in_keywords,
        "connections": measured.connections,
        "names": {name: getattr(measured.names, name) for name in NameLimits.__slots__},
    }


def from_json(found: Mapping[str, Any]) -> Measured:
    """Return what ``to_json`` wrote; raises InvalidInput for anything else."""
    try:
        if found["version"] != _VERSION:
            raise InvalidInput(f"version {found['version']} is not known here")
        return Measured(
            probed_at=datetime.fromisoformat(found["probed_at"]),
            identity={str(name): str(value) for name, value in found["identity"].items()},
            form=Form(found["form"]),
            quirks=frozenset(Quirk[name] for name in found["quirks"]),
            refused=frozenset(Torture[name] for name in found["refused"]),
            changed=frozenset(Torture[name] for name in found["changed"]),
            dates=KeptDates(**found["dates"]),
            keeps_keywords=bool(found["keeps_keywords"]),
            keywords_a_folder=found["keywords_a_folder"],
            longest_keyword=found["longest_keyword"],
            forbidden_in_keywords=found["forbidden_in_keywords"],
            connections=found["connections"],
            names=NameLimits(**found["names"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(f"it does not hold what a probe writes: {error}") from error
