from __future__ import annotations

import pytest

from switchover.wire.imap.commands import inventory, status_items
from switchover.wire.imap.message_commands import FetchField
from switchover.wire.imap.quirks import GENERIC, PROFILES, Profile, Quirk, Server
from switchover.wire.imap.recognition import meaning, recognise


@pytest.mark.parametrize(
    ("greeting", "server"),
    [
        ("The Microsoft Exchange IMAP4 service is ready.", Server.EXCHANGE),
        ("The Microsoft Exchange IMAP4 service is ready. [UwBJADIAUABS]", Server.EXCHANGE),
        ("Microsoft Exchange Server 2007 IMAP4 service is ready", Server.EXCHANGE),
        ("Gimap ready for requests from 192.0.2.1 a1mb1", Server.GMAIL),
        ("Dovecot ready.", Server.DOVECOT),
        ("[CAPABILITY IMAP4rev1 LITERAL+] Dovecot (Debian) ready.", Server.DOVECOT),
        ("mail Cyrus IMAP 3.6.1-Debian-3.6.1-4 server ready", Server.CYRUS),
        ("Courier-IMAP ready. Copyright 1998-2018 Double Precision, Inc.", Server.COURIER),
        ("Proton Mail Bridge 03.12.0 - gluon session ID 1", Server.PROTON_BRIDGE),
        ("mail.contoso.example Zimbra IMAP4rev1 server ready", Server.ZIMBRA),
        (
            "Domino IMAP4 Server Release 10.0.1FP3 ready Wed, 30 Oct 2019 09:28:06 +0100",
            Server.DOMINO,
        ),
        ("mail.contoso.example Yandex IMAP4rev1 at imap", Server.YANDEX),
        ("wall.contoso.example IMAP4 Server (Zoho Mail IMAP4rev1 Server version 1.0)", Server.ZOHO),
        ("IMAP4rev1 ready", Server.GENERIC),
        ("", Server.GENERIC),
        ("dovecot.contoso.example Cyrus IMAP 3.6 server ready", Server.CYRUS),
        ("exchange.contoso.example ready", Server.GENERIC),
    ],
)
def test_a_server_is_recognised_by_its_greeting(greeting: str, server: Server) -> None:
    assert recognise(greeting=greeting).server is server


@pytest.mark.parametrize(
    ("identity", "server"),
    [
        ({"name": "Microsoft.Exchange.Imap4.Imap4Server", "version": "15.2"}, Server.EXCHANGE),
        ({"name": "GImap", "vendor": "Google, Inc."}, Server.GMAIL),
        ({"name": "Dovecot"}, Server.DOVECOT),
        ({"name": "Cyrus IMAP", "version": "3.6.1"}, Server.CYRUS),
        ({"name": "Zimbra", "version": "8.8.15"}, Server.ZIMBRA),
        ({"name": "Courier-IMAP"}, Server.COURIER),
        ({"name": "Proton Mail Bridge", "vendor": "Proton"}, Server.PROTON_BRIDGE),
        ({}, Server.GENERIC),
    ],
)
def test_a_server_is_recognised_by_what_it_says_it_is(
    identity: dict[str, str], server: Server
) -> None:
    assert recognise(identity=identity).server is server


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("outlook.office365.com", Server.EXCHANGE),
        ("imap.gmail.com.", Server.GMAIL),
        ("p00-imap.mail.me.com", Server.ICLOUD),
        ("imap.mail.ru", Server.MAIL_RU),
        ("IMAP.YANDEX.COM", Server.YANDEX),
        ("imap.zoho.eu", Server.ZOHO),
        ("imap.strato.de", Server.STRATO),
        ("notstrato.de.contoso.example", Server.GENERIC),
        ("mygmail.com", Server.GENERIC),
    ],
)
def test_a_hosting_company_is_recognised_by_its_name(host: str, server: Server) -> None:
    assert recognise(host=host).server is server


def test_a_server_is_recognised_by_a_capability_of_its_own() -> None:
    assert recognise(capabilities=["IMAP4rev1", "X-GM-EXT-1"]).server is Server.GMAIL
    assert recognise(capabilities=["XAPPLEPUSHSERVICE", "AUTH=ATOKEN"]).server is Server.ICLOUD
    assert recognise(capabilities=["XAPPLEPUSHSERVICE"]).server is Server.GENERIC


def test_what_a_server_says_of_itself_counts_more_than_who_greets() -> None:
    proxied = recognise(greeting="Dovecot ready.", identity={"name": "Cyrus IMAP"})
    assert proxied.server is Server.CYRUS
    hosted = recognise(
        greeting="Dovecot ready.", identity={"name": "Dovecot"}, host="imap.strato.de"
    )
    assert hosted.server is Server.STRATO


def test_every_server_has_a_profile_and_every_quirk_a_server() -> None:
    assert set(PROFILES) == set(Server)
    of_servers = set().union(*(profile.quirks for profile in PROFILES.values()))
    assert of_servers == set(Quirk)
    assert PROFILES[Server.GENERIC] is GENERIC


@pytest.mark.parametrize(
    ("server", "quirks"),
    [
        (
            Server.EXCHANGE,
            {
                Quirk.BODIES_REGENERATED,
                Quirk.SIZES_ESTIMATED,
                Quirk.SUGGESTS_BACK_OFF,
                Quirk.REFUSALS_CRYPTIC,
                Quirk.FLAGGED_ONLY_BY_STORE,
                Quirk.READ_RECEIPTS_SENT_AGAIN,
                Quirk.CALENDAR_AS_LINKS,
                Quirk.NAMES_WITHOUT_CASE,
                Quirk.ADMIN_LOGIN_FORMS,
            },
        ),
        (
            Server.GMAIL,
            {
                Quirk.LABELS_ARE_FOLDERS,
                Quirk.SIMILAR_MAILS_REPLACED,
                Quirk.NAMES_WITHOUT_OUTER_BLANKS,
                Quirk.DELETED_VANISH,
            },
        ),
        (
            Server.DOVECOT,
            {
                Quirk.LINE_ENDS_NORMALISED,
                Quirk.NUL_BECOMES_0X80,
                Quirk.ZONES_NOT_KEPT,
                Quirk.DATES_BEFORE_1970_WRAP,
                Quirk.FUTURE_DATES_BECOME_NOW,
                Quirk.EMPTY_MAIL_REFUSED,
                Quirk.NAMES_WITHOUT_TILDE_FIRST,
                Quirk.RAW_UTF8_NAMES_REFUSED,
                Quirk.DOTS_MAKE_LEVELS,
                Quirk.UIDS_TOLD_AS_RANGE,
            },
        ),
        (
            Server.CYRUS,
            {
                Quirk.BARE_NEWLINES_REFUSED,
                Quirk.NUL_REFUSED,
                Quirk.SEEN_IS_PERSONAL,
                Quirk.ADMIN_ACTS_AS,
            },
        ),
        (
            Server.ICLOUD,
            {Quirk.RFC822_EMPTY, Quirk.SEARCH_INVENTS_UIDS, Quirk.ENVELOPE_MALFORMED},
        ),
        (Server.PROTON_BRIDGE, {Quirk.UID_VALIDITY_RESETS}),
        (Server.ZIMBRA, {Quirk.HEADERS_SOMETIMES_EMPTY, Quirk.BYE_ON_LOCKED_SHARES}),
        (Server.DOMINO, {Quirk.HEADERS_REWRITTEN, Quirk.SENT_NOT_REAL}),
    ],
)
def test_each_oddity_that_was_seen_has_a_name_at_its_server(
    server: Server, quirks: set[Quirk]
) -> None:
    assert quirks <= PROFILES[server].quirks


def test_nothing_is_asked_for_that_servers_answer_malformed() -> None:  # iCloud
    asked = {field.value.upper() for field in FetchField}
    assert not asked & {"ENVELOPE", "BODYSTRUCTURE", "RFC822", "RFC822.HEADER", "ALL", "FULL"}
    assert FetchField.BODY.value == "BODY.PEEK[]"


def test_limits_are_those_of_the_servers() -> None:
    exchange, gmail = PROFILES[Server.EXCHANGE], PROFILES[Server.GMAIL]
    assert (exchange.line_octets, exchange.connections, exchange.errors_before_cut) == (
        10240,
        16,
        10,
    )
    assert exchange.mail_line_octets == 9900
    assert exchange.idle_seconds == 1800
    assert "Files" in exchange.reserved_names
    assert {Quirk.SIZES_ESTIMATED, Quirk.FLAGGED_ONLY_BY_STORE} <= exchange.quirks
    assert gmail.mail_octets == 35_651_584
    assert (gmail.download_octets_a_day, gmail.upload_octets_a_day) == (2_500_000_000, 500_000_000)
    assert gmail.forbidden_in_names == "^"
    assert PROFILES[Server.DOVECOT].keywords_a_folder == 26


def test_capabilities_that_do_not_work_are_not_used() -> None:
    announced = ["IMAP4rev1", "LIST-EXTENDED", "SPECIAL-USE", "CONDSTORE", "Namespace"]
    strato = PROFILES[Server.STRATO].usable(announced)
    assert strato == {"IMAP4REV1", "SPECIAL-USE", "CONDSTORE", "NAMESPACE"}
    assert len(inventory(strato)) == 2
    proton = PROFILES[Server.PROTON_BRIDGE].usable(announced)
    assert "SPECIAL-USE" not in inventory(proton)[0].show()
    zoho = PROFILES[Server.ZOHO].usable(announced)
    assert "HIGHESTMODSEQ" not in status_items(zoho)
    assert "NAMESPACE" not in PROFILES[Server.EXCHANGE].usable(announced)


@pytest.mark.parametrize(
    ("announced", "enabled", "is_in_force"),
    [
        (["IMAP4rev2"], [], True),
        (["IMAP4rev1", "IMAP4rev2"], [], False),
        (["IMAP4rev1", "IMAP4rev2"], ["IMAP4rev2"], True),
        (["IMAP4rev1"], ["IMAP4rev2"], False),
    ],
)
def test_revision_2_brings_its_own_once_it_is_in_force(
    announced: list[str], enabled: list[str], is_in_force: bool
) -> None:
    usable = GENERIC.usable(announced, enabled)
    assert ({"UIDPLUS", "LIST-STATUS", "LITERAL-", "ESEARCH"} <= usable) is is_in_force


def test_a_broken_capability_stays_out_of_revision_2() -> None:
    broken = Profile(server=Server.GENERIC, broken_capabilities=frozenset({"LIST-EXTENDED"}))
    assert "LIST-EXTENDED" not in broken.usable(["IMAP4rev2"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("User is authenticated but not connected.", "full-access right"),
        ("Command Error. 11", "quota is full"),
        ("Command Argument Error. 11", "too large"),
    ],
)
def test_a_cryptic_refusal_of_exchange_is_explained(text: str, told: str) -> None:
    assert told in (meaning(text) or "")


@pytest.mark.parametrize("text", ["", "Command Error. 10", "error 110", "mailbox not found"])
def test_other_refusals_speak_for_themselves(text: str) -> None:
    assert meaning(text) is None
