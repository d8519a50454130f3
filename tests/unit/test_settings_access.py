"""Settings of sign-in and TLS are whole or refused with what to set."""

from __future__ import annotations

from pathlib import Path

import pytest

from switchover.errors import InvalidInput
from switchover.settings import Settings, Tls, read_settings

OIDC = {
    "SWITCHOVER_PUBLIC_URL": "https://mail-console.contoso.example",
    "SWITCHOVER_OIDC_ISSUER": "https://login.contoso.example/realms/mail",
    "SWITCHOVER_OIDC_CLIENT_ID": "switchover",
    "SWITCHOVER_OIDC_ADMIN_GROUPS": "CN=mail admins,DC=contoso,DC=example; other",
}


def read(environment: dict[str, str], **given: str) -> Settings:
    return read_settings({"HOME": "/home/ada", **environment}, user_id=1000, **given)  # type: ignore[arg-type]


def test_a_provider_is_read_whole() -> None:
    found = read(OIDC).oidc
    assert found is not None
    assert found.admin_groups == ("CN=mail admins,DC=contoso,DC=example", "other")
    assert found.scopes == ("openid", "profile", "email")
    assert found.client_secret is None
    assert read({}).oidc is None


def test_the_client_secret_comes_from_a_file_and_never_shows_itself(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("very secret\n")
    settings = read({**OIDC, "SWITCHOVER_OIDC_CLIENT_SECRET_FILE": str(file)})
    assert settings.oidc is not None
    assert settings.oidc.client_secret is not None
    assert settings.oidc.client_secret.reveal() == "very secret"
    assert "very secret" not in repr(settings)
    file.write_text("two\nlines\n")
    with pytest.raises(InvalidInput, match="one line with a secret"):
        read({**OIDC, "SWITCHOVER_OIDC_CLIENT_SECRET_FILE": str(file)})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"SWITCHOVER_OIDC_CLIENT_ID": ""}, "set SWITCHOVER_OIDC_CLIENT_ID too"),
        ({"SWITCHOVER_PUBLIC_URL": ""}, "set SWITCHOVER_PUBLIC_URL too"),
        ({"SWITCHOVER_OIDC_ADMIN_GROUPS": ""}, "no group gets a role"),
        ({"SWITCHOVER_OIDC_ADMIN_GROUPS": ";;"}, "is no list"),
        ({"SWITCHOVER_PUBLIC_URL": "http://mail-console.contoso.example"}, "must be https"),
        ({"SWITCHOVER_OIDC_ISSUER": "http://login.contoso.example"}, "is not https"),
        ({"SWITCHOVER_OIDC_ISSUER": "https://x.example/?a=b"}, "is no issuer"),
        ({"SWITCHOVER_OIDC_ISSUER": "login"}, "is no issuer"),
        ({"SWITCHOVER_OIDC_NAME": "a\nb"}, "is no line"),
        ({"SWITCHOVER_OIDC_CA_FILE": "/nowhere"}, "is no file"),
    ],
)
def test_half_a_provider_is_refused_with_what_is_missing(change: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read({**OIDC, **change})


def test_openid_is_always_asked_for() -> None:
    assert read({"SWITCHOVER_OIDC_SCOPES": "email, groups"}).oidc_scopes == (
        "openid", "email", "groups",
    )  # fmt: skip
    assert read({"SWITCHOVER_OIDC_SCOPES": "openid"}).oidc_scopes == ("openid",)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Mail.contoso.example/", "https://mail.contoso.example"),
        ("https://mail.contoso.example:8443", "https://mail.contoso.example:8443"),
        ("http://[2001:db8::1]:80", "http://[2001:db8::1]:80"),
    ],
)
def test_a_public_url_is_scheme_name_and_port(text: str, url: str) -> None:
    assert read({"SWITCHOVER_PUBLIC_URL": text}).public_url == url


@pytest.mark.parametrize(
    "text",
    ["mail", "ftp://x", "https://", "https://x/path", "https://a:b@x", "https://x y", "https://[x"],
)
def test_anything_else_is_no_public_url(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"SWITCHOVER_PUBLIC_URL: .* is no address"):
        read({"SWITCHOVER_PUBLIC_URL": text})


@pytest.mark.parametrize(
    ("api", "tls", "has_tls"),
    [
        ("127.0.0.1:8440", "auto", False),
        ("[::1]:8440", "auto", False),
        ("localhost:8440", "auto", False),
        ("127.0.0.1:8440", "on", True),
        ("0.0.0.0:8440", "auto", True),
        ("mail.contoso.example:8440", "auto", True),
        ("0.0.0.0:8440", "off", False),
    ],
)
def test_tls_is_on_unless_only_this_machine_can_connect(
    api: str, tls: str, *, has_tls: bool
) -> None:
    assert read({"SWITCHOVER_TLS": tls}, api=api).has_tls is has_tls


def test_a_certificate_of_one_s_own_turns_tls_on_and_needs_its_key(tmp_path: Path) -> None:
    certificate, key = tmp_path / "a.pem", tmp_path / "a.key"
    certificate.touch()
    key.touch()
    assert read({}, tls_certificate=str(certificate), tls_key=str(key)).has_tls
    with pytest.raises(InvalidInput, match="belong together"):
        read({}, tls_certificate=str(certificate))
    with pytest.raises(InvalidInput, match="SWITCHOVER_TLS is off"):
        read({"SWITCHOVER_TLS": "off"}, tls_certificate=str(certificate), tls_key=str(key))
    with pytest.raises(InvalidInput, match="none of auto, on, off"):
        read({"SWITCHOVER_TLS": "maybe"})
    assert read({"SWITCHOVER_TLS": "AUTO"}).tls is Tls.AUTO


def test_proxies_are_addresses_or_networks() -> None:
    found = read({"SWITCHOVER_TRUSTED_PROXIES": "192.0.2.1, 198.51.100.7/24,2001:db8::1"})
    assert found.trusted_proxies == ("192.0.2.1", "198.51.100.0/24", "2001:db8::1")
    with pytest.raises(InvalidInput, match="no address and no network"):
        read({"SWITCHOVER_TRUSTED_PROXIES": "proxy"})
