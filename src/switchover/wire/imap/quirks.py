"""Server oddities by name, and the limits servers keep.

A profile is only a first belief: what it says of limits and of changes to mails is confirmed or
corrected by measuring (the fidelity probe, throttling answers). Nothing is believed because of a
profile that could lose a mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class Server(StrEnum):
    """A kind of server, by the name that people know."""

    EXCHANGE = "Exchange"
    GMAIL = "Gmail"
    DOVECOT = "Dovecot"
    CYRUS = "Cyrus"
    COURIER = "Courier"
    ICLOUD = "iCloud"
    PROTON_BRIDGE = "Proton Mail Bridge"
    ZIMBRA = "Zimbra"
    DOMINO = "Domino"
    MAIL_RU = "mail.ru"
    YANDEX = "Yandex"
    ZOHO = "Zoho"
    STRATO = "Strato"
    MAILDIR = "Maildir"
    MBOX = "mbox"
    EML = "eml"
    GENERIC = "generic"


class Quirk(StrEnum):
    """One oddity, as a sentence for the report on an endpoint; the comments name the servers."""

    # How mails come out. Exchange keeps properties, not the text of a mail.
    BODIES_REGENERATED = "mails are made anew for each reader, so their bytes change"  # Exchange
    SIZES_ESTIMATED = "RFC822.SIZE is an estimate"  # Exchange, unless EnableExactRFC822Size
    CALENDAR_AS_LINKS = "calendar items come as web links"  # Exchange, unless ImapForceICal...
    HEADERS_REWRITTEN = "headers are rewritten, so they identify no mail"  # Domino
    HEADERS_SOMETIMES_EMPTY = "FETCH sometimes answers with an empty header"  # Zimbra
    RFC822_EMPTY = "RFC822 is answered without data; BODY.PEEK[] is asked instead"  # iCloud
    ENVELOPE_MALFORMED = "ENVELOPE is malformed; it is never asked for"  # iCloud
    FETCH_LEAVES_ITEMS_OUT = "FETCH may leave out what was asked for"  # iCloud, Yandex
    SEARCH_INVENTS_UIDS = "UID SEARCH without UID 1:* names UIDs that do not exist"  # iCloud

    # How mails go in.
    EVERY_BYTE_KEPT = "a mail comes back byte by byte, however odd it is"  # found by a probe only
    LINE_ENDS_NORMALISED = "bare LF becomes CRLF, CR CR LF becomes CR LF"  # Dovecot
    NUL_BECOMES_0X80 = "NUL becomes the octet 0x80"  # Dovecot
    BARE_NEWLINES_REFUSED = "a mail with a bare LF is refused"  # Cyrus
    NUL_REFUSED = "a mail with a NUL is refused"  # Cyrus
    EIGHT_BIT_HEADERS_CHANGED = "octets above 127 in headers are changed"  # Cyrus
    EMPTY_MAIL_REFUSED = "a mail of no octets is refused"  # Dovecot
    DATES_BEFORE_1970_WRAP = (
        "an internal date before 1970 becomes one in the next century"  # Dovecot
    )
    DATES_BEFORE_1970_REFUSED = (
        "a mail with an internal date before 1970 is refused"  # Cyrus, Courier
    )
    FUTURE_DATES_BECOME_NOW = "an internal date in the future becomes the present one"  # Dovecot
    ZONES_NOT_KEPT = "internal dates come back in UTC, not in the zone given"  # Dovecot
    LAST_LINE_ENDED = "a last line without its end gets one"  # mbox
    FLAGGED_ONLY_BY_STORE = "\\Flagged must be set by STORE to be seen elsewhere"  # Exchange
    READ_RECEIPTS_SENT_AGAIN = (
        "an unread mail that asks for a receipt may send it again"  # Exchange
    )
    SEEN_IS_PERSONAL = "each user has own \\Seen flags, an administrator too"  # Cyrus
    SIMILAR_MAILS_REPLACED = "a mail with the Message-ID and date of another replaces it"  # Gmail
    DELETED_VANISH = "mails marked \\Deleted vanish by themselves"  # Gmail

    # Folders.
    NAMES_WITHOUT_CASE = "folder names that differ only in case are the same"  # Exchange
    NAMES_WITHOUT_OUTER_BLANKS = "no blank at either end of a folder name, no two together"  # Gmail
    DOTS_MAKE_LEVELS = (
        "the separator in a name silently makes levels"  # Dovecot with Maildir, Courier
    )
    NAMES_WITHOUT_TILDE_FIRST = "a folder name that begins with ~ is refused"  # Dovecot
    RAW_UTF8_NAMES_REFUSED = "names in UTF-8 are refused, modified UTF-7 is right"  # Dovecot
    LABELS_ARE_FOLDERS = "folders are labels: a mail in several is one mail"  # Gmail
    ALL_BELOW_INBOX = "every folder stands below INBOX"  # Courier, Cyrus unless altnamespace
    SENT_NOT_REAL = "the Sent folder is a view, not a folder"  # Domino
    UID_VALIDITY_RESETS = "updates of the server give every folder a new UIDVALIDITY"  # Proton
    NAMES_UNQUOTED = "LIST names come unquoted or with control characters"  # Exchange

    # How it speaks.
    CODES_WITHOUT_STATUS = "a response code comes without OK before it"  # Exchange Online
    CODES_WITHOUT_TEXT = "no text follows a response code"  # Gmail
    NUMBERS_MALFORMED = "numbers come negative, with a fraction or an exponent"  # mail.ru
    MOD_SEQ_MINUS_ONE = "MODSEQ is -1"  # Zoho
    EXTRA_PARENTHESES = "lists come with one pair of parentheses too many"  # Domino
    DATA_AFTER_BYE = "answers go on after an untagged BYE"  # Yandex
    BYE_ON_LOCKED_SHARES = "a locked shared folder ends the connection with BYE"  # Zimbra
    CAPABILITIES_AFTER_LOGIN = "most capabilities are named only after the sign-in"  # iCloud
    ADMIN_LOGIN_FORMS = "an administrator signs in as domain/admin/mailbox"  # Exchange
    ADMIN_ACTS_AS = "an administrator signs in with PLAIN and the user's name beside"  # Cyrus
    UIDS_TOLD_AS_RANGE = "APPENDUID names the mails of a MULTIAPPEND as a range"  # Dovecot
    REFUSALS_CRYPTIC = "a refusal is a number, or says what it does not mean"  # Exchange
    SUGGESTS_BACK_OFF = "a refusal for haste names the milliseconds to wait"  # Exchange
    MASTER_LOGIN = "a master user signs in as user*master"  # Dovecot


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What to expect of one server. None means that no limit is known.

    ``connections`` is how many it lets in for one account, the user's own clients among them.
    ``mail_octets`` is the largest mail it takes where APPENDLIMIT does not say, ``mail_line_octets`` the
    longest line within one. ``idle_seconds`` is how long it bears silence. ``broken_capabilities`` are
    announced and do not work.
    """

    server: Server
    quirks: frozenset[Quirk] = frozenset()
    # RFC 7162 section 4 asks clients to stay within this and servers to take it.
    line_octets: int = 8192
    # Dovecot's mail_max_userip_connections; many others are set alike.
    connections: int = 10
    mail_octets: int | None = None
    mail_line_octets: int | None = None
    download_octets_a_day: int | None = None
    upload_octets_a_day: int | None = None
    idle_seconds: int = 1800  # RFC 9051 section 5.4
    errors_before_cut: int | None = None
    keywords_a_folder: int | None = None
    longest_keyword: int | None = None
    forbidden_in_keywords: str = ""
    refused_keywords: frozenset[str] = frozenset()
    # Lengths of names in bytes on the wire.
    longest_name: int | None = None
    longest_level: int | None = None
    deepest: int | None = None
    forbidden_in_names: str = ""
    forbidden_first: str = ""
    composes_unicode: bool = False
    reserved_names: frozenset[str] = frozenset()
    broken_capabilities: frozenset[str] = frozenset()

    def takes_keyword(self, keyword: bytes) -> bool:
        """True when a mail is not refused because of this keyword, as far as is known."""
        longest = len(keyword) if self.longest_keyword is None else self.longest_keyword
        is_plain = not set(keyword) & set(self.forbidden_in_keywords.encode("ascii"))
        is_word = keyword.decode("latin-1").upper() not in self.refused_keywords
        return is_plain and is_word and len(keyword) <= longest

    def usable(
        self, capabilities: Collection[str], enabled: Collection[str] = ()
    ) -> frozenset[str]:
        """Return the capabilities to build commands on, in upper case.

        IMAP4rev2 brings its own, once enabled or where the server knows nothing older (RFC 9051
        appendix E); what is broken here is taken out.
        """
        named = {name.upper() for name in capabilities}
        is_revision_2 = "IMAP4REV1" not in named or "IMAP4REV2" in {one.upper() for one in enabled}
        if "IMAP4REV2" in named and is_revision_2:
            named |= _IN_REVISION_2
        return frozenset(named - self.broken_capabilities)


Correction: TypeAlias = "Callable[[Profile, Mapping[str, str]], Profile]"
"""Gets the profile of the kind and what the server says it is, and returns what is known of this very one."""

_IN_REVISION_2 = frozenset(
    {
        "ENABLE",
        "ESEARCH",
        "IDLE",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "LITERAL-",
        "MOVE",
        "NAMESPACE",
        "SASL-IR",
        "SEARCHRES",
        "SPECIAL-USE",
        "STATUS=SIZE",
        "UIDPLUS",
        "UNSELECT",
    }
)

GENERIC: Final = Profile(server=Server.GENERIC)

_PROFILES = (
    Profile(
        server=Server.EXCHANGE,
        quirks=frozenset(
            {
                Quirk.BODIES_REGENERATED,
                Quirk.SIZES_ESTIMATED,
                Quirk.CALENDAR_AS_LINKS,
                Quirk.FLAGGED_ONLY_BY_STORE,
                Quirk.READ_RECEIPTS_SENT_AGAIN,
                Quirk.NAMES_WITHOUT_CASE,
                Quirk.NAMES_UNQUOTED,
                Quirk.CODES_WITHOUT_STATUS,
                Quirk.ADMIN_LOGIN_FORMS,
                Quirk.REFUSALS_CRYPTIC,
                Quirk.SUGGESTS_BACK_OFF,
            }
        ),
        # Set-ImapSettings: MaxCommandSize 10,240, MaxConnectionsPerUser 16, AuthenticatedConnection-
        # Timeout 30 minutes; the lines and the ten errors as imapsync's FAQ on Exchange has them.
        line_octets=10_240,
        connections=16,
        mail_line_octets=9_900,
        errors_before_cut=10,
        reserved_names=frozenset({"Files"}),
        broken_capabilities=frozenset({"NAMESPACE", "MULTIAPPEND"}),
    ),
    Profile(
        server=Server.GMAIL,
        quirks=frozenset(
            {
                Quirk.LABELS_ARE_FOLDERS,
                Quirk.SIMILAR_MAILS_REPLACED,
                Quirk.DELETED_VANISH,
                Quirk.NAMES_WITHOUT_OUTER_BLANKS,
                Quirk.CODES_WITHOUT_TEXT,
            }
        ),
        # Google's support pages: 15 connections, and so many bytes a day before a lockout of up to a
        # day; the largest mail is what its APPENDLIMIT says.
        connections=15,
        mail_octets=35_651_584,
        download_octets_a_day=2_500_000_000,
        upload_octets_a_day=500_000_000,
        forbidden_in_names="^",
    ),
    Profile(
        server=Server.DOVECOT,
        quirks=frozenset(
            {
                Quirk.LINE_ENDS_NORMALISED,
                Quirk.NUL_BECOMES_0X80,
                Quirk.EMPTY_MAIL_REFUSED,
                Quirk.DATES_BEFORE_1970_WRAP,
                Quirk.FUTURE_DATES_BECOME_NOW,
                Quirk.ZONES_NOT_KEPT,
                Quirk.DOTS_MAKE_LEVELS,
                Quirk.MASTER_LOGIN,
                Quirk.NAMES_WITHOUT_TILDE_FIRST,
                Quirk.RAW_UTF8_NAMES_REFUSED,
                Quirk.UIDS_TOLD_AS_RANGE,
            }
        ),
        keywords_a_folder=26,  # of Maildir, whose file names have a letter for each
        forbidden_first="~",
    ),
    Profile(
        server=Server.CYRUS,
        quirks=frozenset(
            {
                Quirk.BARE_NEWLINES_REFUSED,
                Quirk.NUL_REFUSED,
                Quirk.EIGHT_BIT_HEADERS_CHANGED,
                Quirk.DATES_BEFORE_1970_REFUSED,
                Quirk.ALL_BELOW_INBOX,
                Quirk.SEEN_IS_PERSONAL,
                Quirk.ADMIN_ACTS_AS,
            }
        ),
        # What its GOODCHARS leaves out, as 3.6 was seen to refuse.
        forbidden_in_names='!"%;<>\\^`{|}',
    ),
    Profile(
        server=Server.COURIER,
        quirks=frozenset(
            {
                Quirk.DATES_BEFORE_1970_REFUSED,
                Quirk.ALL_BELOW_INBOX,
                Quirk.DOTS_MAKE_LEVELS,
            }
        ),
        connections=4,  # MAXPERIP of its shipped configuration
    ),
    Profile(
        server=Server.ICLOUD,
        quirks=frozenset(
            {
                Quirk.RFC822_EMPTY,
                Quirk.ENVELOPE_MALFORMED,
                Quirk.FETCH_LEAVES_ITEMS_OUT,
                Quirk.SEARCH_INVENTS_UIDS,
                Quirk.CAPABILITIES_AFTER_LOGIN,
            }
        ),
    ),
    Profile(
        server=Server.PROTON_BRIDGE,
        quirks=frozenset({Quirk.UID_VALIDITY_RESETS}),
        broken_capabilities=frozenset({"SPECIAL-USE"}),  # LIST asking for it is answered BAD
    ),
    Profile(
        server=Server.ZIMBRA,
        quirks=frozenset({Quirk.HEADERS_SOMETIMES_EMPTY, Quirk.BYE_ON_LOCKED_SHARES}),
    ),
    Profile(
        server=Server.DOMINO,
        quirks=frozenset({Quirk.HEADERS_REWRITTEN, Quirk.SENT_NOT_REAL, Quirk.EXTRA_PARENTHESES}),
    ),
    Profile(server=Server.MAIL_RU, quirks=frozenset({Quirk.NUMBERS_MALFORMED})),
    Profile(
        server=Server.YANDEX,
        quirks=frozenset({Quirk.FETCH_LEAVES_ITEMS_OUT, Quirk.DATA_AFTER_BYE}),
    ),
    Profile(
        server=Server.ZOHO,
        quirks=frozenset({Quirk.MOD_SEQ_MINUS_ONE}),
        broken_capabilities=frozenset({"CONDSTORE", "QRESYNC"}),
    ),
    # Archives, which we serve to ourselves. A dot and a slash can not be within a level of Maildir++.
    Profile(server=Server.MAILDIR, forbidden_in_names="/", keywords_a_folder=26),
    Profile(server=Server.MBOX, quirks=frozenset({Quirk.LAST_LINE_ENDED})),
    Profile(server=Server.EML, quirks=frozenset({Quirk.EVERY_BYTE_KEPT})),
    # LIST with RETURN (SUBSCRIBED CHILDREN) leaves folders out.
    Profile(server=Server.STRATO, broken_capabilities=frozenset({"LIST-EXTENDED", "LIST-STATUS"})),
)
PROFILES: Final[Mapping[Server, Profile]] = {one.server: one for one in (*_PROFILES, GENERIC)}
