"""The configuration says what is meant, whatever stands in a name or password, and shows no secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchover.errors import InvalidInput
from switchover.move.imapc import ImapcSource, imapc_configuration

SOURCE = ImapcSource(
    host="old.contoso.example", port=993, security="imaps", user="ann", password="secret"
)
BASE = "/etc/dovecot/dovecot.conf"


def test_the_source_is_named_and_its_certificate_checked() -> None:
    assert imapc_configuration(SOURCE, BASE).splitlines() == [
        "!include /etc/dovecot/dovecot.conf",
        'imapc_host = "old.contoso.example"',
        'imapc_port = "993"',
        'imapc_user = "ann"',
        'imapc_password = "secret"',
        'imapc_ssl = "imaps"',
        'mail_prefetch_count = "20"',
        'imapc_ssl_verify = "yes"',
        'ssl_client_ca_dir = "/etc/ssl/certs"',
    ]


def test_what_is_special_to_dovecot_is_quoted() -> None:
    odd = replace(SOURCE, user="50%u", password='<a "b" \\ $c #', sign_in_as="%m", security="no")
    text = imapc_configuration(replace(odd, prefix="INBOX"), BASE)
    assert 'imapc_user = "50%%u"' in text
    assert 'imapc_master_user = "%%m"' in text
    assert 'imapc_password = "<a \\"b\\" \\\\ $c #"' in text
    assert 'imapc_list_prefix = "INBOX"' in text
    assert "ssl_client" not in text


def test_own_authorities_stand_in_place_of_the_machines() -> None:
    text = imapc_configuration(replace(SOURCE, authorities="/etc/ca.pem"), BASE)
    assert 'ssl_client_ca_file = "/etc/ca.pem"' in text
    assert "ssl_client_ca_dir" not in text


@pytest.mark.parametrize("password", ["a\nb", "a\rb", "a\x00b", "\x7f"])
def test_lines_can_not_be_smuggled_in(password: str) -> None:
    with pytest.raises(InvalidInput, match="control characters") as caught:
        imapc_configuration(replace(SOURCE, password=password), BASE)
    assert password not in str(caught.value)


@pytest.mark.parametrize("base", ["relative.conf", "/etc/with blank", "/etc/a\nb = c", ""])
def test_the_base_is_a_path(base: str) -> None:
    with pytest.raises(InvalidInput):
        imapc_configuration(SOURCE, base)


def test_a_source_does_not_show_its_password() -> None:
    assert "secret" not in repr(SOURCE)
