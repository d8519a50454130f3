"""What a probe found out about a server, and how it corrects what is known of such servers. Pure.

A probe counts more than the kind: it measured this very server. What no probe looks into stays as the
kind has it. Copies and proofs see the corrected profile wherever they look at a connection's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from switchover.errors import InvalidInput
from switchover.move.canonical import Form
from switchover.move.probes.torture import Torture
from switchover.wire.imap.quirks import Quirk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchover.wire.imap.quirks import Profile

LOOKED_FOR: Final = frozenset(
    {
        Quirk.EVERY_BYTE_KEPT,
        Quirk.BODIES_REGENERATED,
        Quirk.SIZES_ESTIMATED,
        Quirk.LINE_ENDS_NORMALISED,
        Quirk.NUL_BECOMES_0X80,
        Quirk.BARE_NEWLINES_REFUSED,
        Quirk.NUL_REFUSED,
        Quirk.EIGHT_BIT_HEADERS_CHANGED,
        Quirk.EMPTY_MAIL_REFUSED,
        Quirk.DATES_BEFORE_1970_WRAP,
        Quirk.DATES_BEFORE_1970_REFUSED,
        Quirk.FUTURE_DATES_BECOME_NOW,
        Quirk.ZONES_NOT_KEPT,
        Quirk.SIMILAR_MAILS_REPLACED,
        Quirk.DOTS_MAKE_LEVELS,
        Quirk.NAMES_WITHOUT_CASE,
        Quirk.NAMES_WITHOUT_OUTER_BLANKS,
    }
)
"""What a whole probe tells of: one of these that it did not meet is not there."""
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NameLimits:
    """What folder names may be; lengths in bytes on the wire, None where no limit was met."""

    longest_name: int | None = None
    longest_level: int | None = None
    deepest: int | None = None
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
    refused_keywords: frozenset[str] = frozenset()
    connections: int | None = None
    names: NameLimits = field(default_factory=NameLimits)


def corrected(kind: Profile, identity: Mapping[str, str], measured: Measured | None) -> Profile:
    """Return the profile of a server that looks like ``kind``, with what was measured.

    That counts only where the server still says the same of itself. Limits that were looked for and not
    met are none.
    """
    if measured is None or software(measured.identity) != software(identity):
        return kind
    names = measured.names
    return replace(
        kind,
        quirks=(kind.quirks - LOOKED_FOR) | measured.quirks,
        connections=measured.connections or kind.connections,
        keywords_a_folder=measured.keywords_a_folder,
        longest_keyword=measured.longest_keyword,
        forbidden_in_keywords=measured.forbidden_in_keywords,
        refused_keywords=measured.refused_keywords,
        longest_name=names.longest_name,
        longest_level=names.longest_level,
        deepest=names.deepest,
        forbidden_in_names="".join(sorted({*kind.forbidden_in_names, *names.forbidden})),
        forbidden_first="".join(sorted({*kind.forbidden_first, *names.forbidden_first})),
        composes_unicode=names.composes_unicode,
    )


def software(identity: Mapping[str, str]) -> dict[str, str]:
    """Return what of an answer to ID names the software; other fields change with every connection."""
    return {name: identity[name] for name in ("name", "vendor", "version") if name in identity}


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
        "refused_keywords": sorted(measured.refused_keywords),
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
            refused_keywords=frozenset(map(str, found["refused_keywords"])),
            connections=found["connections"],
            names=NameLimits(**found["names"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(f"it does not hold what a probe writes: {error}") from error
