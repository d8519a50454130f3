"""What a server's profile means for the copying: what may be believed of its listings, which form mails keep. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switchover.move.canonical import Form
from switchover.move.reconcile import Trust
from switchover.move.segment import Skip, SkipReason
from switchover.wire.imap.quirks import Quirk
from switchover.wire.imap.response_codes import CodeName, is_throttling

if TYPE_CHECKING:
    from collections.abc import Collection

    from switchover.wire.imap.quirks import Profile

_LIMIT = "APPENDLIMIT="
_REASONS = {
    "OVERQUOTA": SkipReason.NO_ROOM,
    "TOOBIG": SkipReason.TOO_LARGE,
    "UNAVAILABLE": SkipReason.NOT_NOW,
    "INUSE": SkipReason.NOT_NOW,
    "SERVERBUG": SkipReason.NOT_NOW,
    "THROTTLED": SkipReason.NOT_NOW,
}
# SERVERBUG is not among them: a server may stumble over one mail. Many in a row are the folder's failure.
_OF_FOLDER = frozenset(
    {
        CodeName.AUTHORIZATIONFAILED,
        CodeName.CONTACTADMIN,
        CodeName.CORRUPTION,
        CodeName.EXPIRED,
        CodeName.NONEXISTENT,
        CodeName.NOPERM,
        CodeName.NOROOM,
        CodeName.PRIVACYREQUIRED,
        CodeName.READ_ONLY,
        CodeName.TRYCREATE,
    }
)
_OF_MAIL = re.compile(
    r"\b(?:message|e?-?mail) (?:contains|has|is|was|format|header|body)\b|\bheaders?\b|newline|line ends?\b"
    r"|\bnul\b|8.?bit|malformed|\binvalid (?:date|message|mail|literal)|virus|malware|\bspam\b"
    r"|\btoo (?:long|large|big)\b",
    re.IGNORECASE | re.ASCII,
)
# RFC 5530 gives LIMIT to any limit: of a mail's size, of how many may be stored, of how fast. Only the words tell.
_LARGE_WORDS = re.compile(
    r"\b(?:message|mail|allocation)(?: size)?(?: is| was)? "
    r"(?:too (?:large|big)|(?:larger|bigger) than|exceeds)"
    r"|(?:larger|bigger) than[a-z ]{0,30} (?:mail|message) size|too (?:large|big) (?:a )?(?:message|mail)\b",
    re.IGNORECASE | re.ASCII,
)


def trust_of(profile: Profile, *, is_alone: bool) -> Trust:
    """Return what may be believed of the listings of such a server; ``is_alone``: nobody else adds mails."""
    return Trust(
        sizes=not profile.quirks & {Quirk.SIZES_ESTIMATED, Quirk.BODIES_REGENERATED},
        is_alone=is_alone,
    )


def form_of(source: Profile, target: Profile) -> Form:
    """Return the strictest form that a mail keeps on its way from one to the other.

    A source that sends every line end right leaves nothing for the target to mend, and one that
    refuses wrong ones changes none. Else line ends are not told apart, which takes three times as long.
    """
    if Quirk.BODIES_REGENERATED in source.quirks | target.quirks:
        return Form.STRUCTURE
    if Quirk.LAST_LINE_ENDED in target.quirks:
        return Form.LINES
    is_clean = Quirk.LINE_ENDS_NORMALISED in source.quirks
    is_safe = {Quirk.BARE_NEWLINES_REFUSED, Quirk.EVERY_BYTE_KEPT} & target.quirks
    return Form.EXACT if is_clean or is_safe else Form.LINES


def largest_mail(capabilities: Collection[str], profile: Profile) -> int:
    """Return how many bytes the largest mail may have that the server takes, 0 when it says nothing.

    RFC 7889: ``APPENDLIMIT=n`` for all folders; without a number each folder has its own.
    """
    told = [name[len(_LIMIT) :] for name in capabilities if name.upper().startswith(_LIMIT)]
    numbers = [int(one) for one in told if one.isascii() and one.isdigit()]
    return min(numbers) if numbers else profile.mail_octets or 0


def refusal(code: str | None, words: str) -> Skip:
    """Return why a mail that was sent alone is not copied; ``code`` is the response code of the answer.

    RFC 5530, RFC 7889 and RFC 9208 name the codes; many servers only say it in words.
    """
    name = (code or "").upper()
    reason = _REASONS.get(name)
    if name == "LIMIT":
        reason = SkipReason.TOO_LARGE if _LARGE_WORDS.search(words) else SkipReason.NOT_NOW
    if reason is None and is_throttling(None, words):
        reason = SkipReason.NOT_NOW
    if reason is None:
        is_quota = "quota" in words.lower()
        reason = SkipReason.NO_ROOM if is_quota else SkipReason.REFUSED
    return Skip(reason, words)


def is_of_folder(code: str | None) -> bool:
    """Return whether a refusal with this response code is about the folder, whatever mail it gets.

    RFC 5530: it is gone, or ours no more, or broken.
    """
    return (code or "").upper() in _OF_FOLDER


def may_be_of_folder(skip: Skip) -> bool:
    """Return whether a mail may have been refused because of its folder, as far as its words tell."""
    if skip.reason not in {SkipReason.REFUSED, SkipReason.NOT_NOW}:
        return False
    return _OF_MAIL.search(skip.detail) is None
