"""Endpoints are read as people write them, passwords are never taken and never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchover.errors import InvalidInput
from switchover.move.endpoint import (
    ArchiveEndpoint,
    ArchiveKind,
    Endpoint,
    ImapEndpoint,
    Security,
    parse_endpoint,
    same_mailbox,
)


def imap(text: str) -> ImapEndpoint:
    endpoint = parse_endpoint(text)
    assert isinstance(endpoint, ImapEndpoint)
    return endpoint


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("imaps://ann@mail.contoso.example", "ann", "mail.contoso.example", 993),
        ("IMAPS://ann@Mail.Contoso.Example./", "ann", "mail.contoso.example", 993),
        ("imap://ann@192.0.2.7:1143", "ann", "192.0.2.7", 1143),
        ("imap://ann@mail:", "ann", "mail", 143),
        ("imaps://ann@[2001:DB8:0::1]:9993", "ann", "2001:db8::1", 9993),
        ("imaps://ann@[fe80::1%25eth0]", "ann", "fe80::1%eth0", 993),
        ("imaps://ann%40contoso.example@mail", "ann@contoso.example", "mail", 993),
        ("imaps://ann@contoso.example@mail", "ann@contoso.example", "mail", 993),
        ("imaps://ann*master@mail", "ann*master", "mail", 993),
        ("imaps://contoso/admin/ann@mail", "contoso/admin/ann", "mail", 993),
        ("imaps://CONTOSO\\ann@mail", "CONTOSO\\ann", "mail", 993),
        ("imaps://a%3Ab%25c@mail", "a:b%c", "mail", 993),
        ("imaps://zo%C3%AB@mail", "zoë", "mail", 993),
        ("imaps://zoë@bücher.example", "zoë", "xn--bcher-kva.example", 993),
    ],
)
def test_a_server_is_read(text: str, user: str, host: str, port: int) -> None:
    endpoint = imap(text)
    assert (endpoint.user, endpoint.host, endpoint.port) == (user, host, port)


def test_plain_text_must_be_allowed() -> None:
    assert imap("imap://ann@mail").security is Security.STARTTLS
    assert imap("imaps://ann@mail").security is Security.TLS
    allowed = parse_endpoint("imap://ann@mail", allow_plaintext=True)
    assert isinstance(allowed, ImapEndpoint)
    assert allowed.security is Security.STARTTLS_IF_OFFERED


def test_allowing_plain_text_does_not_weaken_tls() -> None:
    endpoint = parse_endpoint("imaps://ann@mail", allow_plaintext=True)
    assert isinstance(endpoint, ImapEndpoint)
    assert endpoint.security is Security.TLS


@pytest.mark.parametrize("kind", ArchiveKind)
@pytest.mark.parametrize(
    "path", ["/srv/ann", "Mail", "~/Mail", "with%20percent", "a b", "///x", "C:\\x"]
)
def test_a_path_is_taken_as_it_is(kind: ArchiveKind, path: str) -> None:
    assert parse_endpoint(f"{kind}:{path}") == ArchiveEndpoint(kind=kind, path=path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begins with the way"),
        ("mail.contoso.example", "begins with the way"),
        ("ann@mail", "begins with the way"),
        ("https://mail", "https://"),
        ("pop3://ann@mail", "pop3://"),
        ("imaps:ann@mail", "//"),
        ("imaps://mail", "names no user"),
        ("imaps://@mail", "names no user"),
        ("imaps://ann@", "names no host"),
        ("imaps://ann@2001:db8::1", "brackets"),
        ("imaps://ann@[nonsense]", "IPv6"),
        ("imaps://ann@mail:0", "no port"),
        ("imaps://ann@mail:65536", "no port"),
        ("imaps://ann@mail:99999999", "is no port"),
        ("imaps://ann@mail:abc", "is no port"),
        ("imaps://ann@[::1]:abc", "is no port"),
        ("imaps://ann@mail/INBOX", "--folder"),
        ("imaps://ann@mail?x", "--folder"),
        ("imaps://ann@ma il", "no host name"),
        ("imaps://ann@a..b", "no host name"),
        ("imaps://ann@-x", "no host name"),
        ("imaps://a%ff@mail", "UTF-8"),
        ("imaps://\udcff@mail", "UTF-8"),
        ("imaps://a%0Ab@mail", "control"),
        ("imaps://a\nb@mail", "control"),
        ("imaps://" + "a" * 5000 + "@mail", "too long"),
        ("maildir:", "names no path"),
        ("maildir://host/path", "names a host"),
    ],
)
def test_what_is_no_endpoint_gets_a_sentence(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_endpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "imaps://ann:secret@mail",
        "imaps://ann:p@secret@mail",
        "imap://ann:secret@mail/INBOX",
        "imaps://:secret@mail",
        "ann:secret@mail",
        "imaps://ann:secret",
        "imaps:ann:secret@mail",
        "imapz://ann:secret@mail",
    ],
)
def test_a_password_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_endpoint(text)
    assert "secret" not in str(caught.value)
    assert "secret" not in "".join(map(str, caught.value.problems))


def test_a_refused_password_comes_with_the_way_to_give_it() -> None:
    with pytest.raises(InvalidInput, match="--source-password-file"):
        parse_endpoint("imaps://ann:secret@mail")


USERS = st.text(min_size=1, max_size=20).filter(
    lambda text: not any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in text)
)
ENDPOINTS: st.SearchStrategy[Endpoint] = st.one_of(
    st.builds(
        ImapEndpoint,
        user=USERS,
        host=st.sampled_from(
            ["mail", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "xn--bcher-kva.example"]
        ),
        port=st.integers(1, 65535),
        security=st.sampled_from([Security.TLS, Security.STARTTLS]),
    ),
    st.builds(ArchiveEndpoint, kind=st.sampled_from(ArchiveKind), path=st.just("/srv/x y%20")),
)


@given(ENDPOINTS)
def test_what_is_written_is_read_back(endpoint: Endpoint) -> None:
    assert parse_endpoint(str(endpoint)) == endpoint


@given(st.text(max_size=60).map("imaps://".__add__))
def test_any_text_is_an_endpoint_or_a_sentence(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except InvalidInput:
        return
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        ("imaps://ann@mail", "imap://Ann@MAIL", True),
        ("imaps://ann*master@mail", "imaps://ann@mail", True),
        ("imaps://contoso/admin/ann@mail", "imaps://CONTOSO\\ann@mail", True),
        ("imaps://ann@mail", "imaps://bob@mail", False),
        ("imaps://ann@mail", "imaps://ann@mail2", False),
        ("imap://ann@mail:1143", "imap://ann@mail:1144", False),
        ("maildir:/srv/./ann/", "mbox:/srv/ann", True),
        ("maildir:/srv/ann", "maildir:/srv/bob", False),
        ("maildir:/srv/ann", "imaps://ann@mail", False),
        ("imaps://*@mail", "imaps://*@mail", True),
    ],
)
def test_one_mailbox_on_both_sides_is_seen(left: str, right: str, is_same: bool) -> None:
    assert same_mailbox(parse_endpoint(left), parse_endpoint(right)) is is_same


@pytest.mark.parametrize("other", ["127.0.0.1", "[::1]", "LOCALHOST", "localhost.localdomain"])
def test_this_machine_is_one_server_by_all_its_names(other: str) -> None:
    assert same_mailbox(imap("imaps://ann@localhost"), imap(f"imap://ann@{other}"))
    assert not same_mailbox(imap("imaps://ann@localhost"), imap("imap://ann@127.0.0.2"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("pop3://ann@mail", "no folders"),
        ("imap+tls://ann@mail", "STARTTLS"),
        ("file:///srv/mail", "maildir:PATH"),
        ("http://ann@mail", "write imaps://USER@HOST"),
    ],
)
def test_an_unknown_scheme_is_told_what_comes_near(text: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=hint):
        parse_endpoint(text)
