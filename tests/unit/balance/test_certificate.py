"""Certificates as the engine and clients read them."""

from __future__ import annotations

from typing import cast

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.unit.balance.paper import TODAY, Paper

from switchover.balance import certificate
from switchover.balance.certificate import (
    name_matches,
    read_authorities,
    read_der,
    read_presented,
    read_shown,
)
from switchover.errors import InvalidInput

# Made with `openssl req -x509 -sha1` (the library in use no longer signs with SHA-1); no key is kept.
SHA1_CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIBjzCCATagAwIBAgIUApM3tbkORMLPdQyWdf6tdZwU8vAwCQYHKoZIzj0EATAe
MRwwGgYDVQQDDBNvbGQuY29udG9zby5leGFtcGxlMB4XDTI2MTEyMjEwMDMxNloX
DTM2MTExOTEwMDMxNlowHjEcMBoGA1UEAwwTb2xkLmNvbnRvc28uZXhhbXBsZTBZ
MBMGByqGSM49AgEGCCqGSM49AwEHA0IABBIXQancFue04CDvoXY/dVl+lCKvcwKZ
OhOtSI5VK8pq45RDBLqdPhZE5JtbrKtNp84NPF8W1eyYOHpvm0rROsOjUzBRMB0G
A1UdDgQWBBS2LaaqAhOk3lep+M1vxwOpk3eMvDAfBgNVHSMEGDAWgBS2LaaqAhOk
3lep+M1vxwOpk3eMvDAPBgNVHRMBAf8EBTADAQH/MAkGByqGSM49BAEDSAAwRQIh
AP7sKS7PkuSXwi1IHGKI7JQrig4O9ccoHBS4M2GhtddxAiBrfuNKzCY3VqjuHtO9
0UZ3JTX3B+Qu7eaS7GNmDDe67Q==
-----END CERTIFICATE-----"""


def fault(content: bytes, name: str = "mail.pem") -> str:
    """Message and hint of the refusal."""
    with pytest.raises(InvalidInput) as caught:
        read_shown(content, name=name)
    problem = caught.value.problems[0]
    return f"{problem.message} | {problem.hint}"


def test_facts_are_those_of_the_certificate():
    paper = Paper("mail.contoso.example", "192.0.2.7", common_name="mail", days=(-3, 40))
    facts = read_shown(paper.bundle, name="mail.pem").leaf
    assert facts.names == ("mail.contoso.example", "192.0.2.7")
    assert (facts.key_type, facts.key_bits, facts.signature_hash) == ("ECDSA", 256, "sha256")
    assert (facts.not_after - TODAY).days == 40
    assert facts.common_name == "mail"
    assert facts.is_self_signed
    assert not facts.is_authority
    assert facts.is_for_servers
    assert len(facts.sha256) == 64
    assert facts.short.replace(":", "") == facts.sha256[:16]


@pytest.mark.parametrize(
    ("key", "type_", "bits"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA", 1024),
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA", 384),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", 256),
        (ed448.Ed448PrivateKey.generate(), "Ed448", 456),
        (dsa.generate_private_key(1024), "DSA", 1024),
    ],
)
def test_every_kind_of_key_is_named(key, type_, bits):
    facts = read_shown(Paper("mail.contoso.example", key=key).bundle, name="mail.pem").leaf
    assert (facts.key_type, facts.key_bits) == (type_, bits)


def test_old_signatures_are_seen():
    assert read_presented(SHA1_CERTIFICATE, name="old.pem").leaf.signature_hash == "sha1"


def test_a_live_certificate_reads_like_its_file():
    paper = Paper("mail.contoso.example")
    assert read_der(paper.der) == read_presented(paper.pem, name="x").leaf


def test_something_else_than_a_certificate_is_refused():
    with pytest.raises(InvalidInput, match="no certificate"):
        read_der(b"hello")


def test_a_certificate_without_names_or_usage_has_none():
    facts = read_presented(Paper(common_name="").pem, name="x").leaf
    assert facts.names == ()
    assert facts.common_name == ""
    client = Paper("a.example", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    assert not read_der(client.der).is_for_servers


def test_the_issuers_address_is_noticed():
    assert read_der(Paper("a.example", issuer_url="http://ca.example/ca.crt").der).names_issuer_url
    assert not read_der(Paper("a.example", issuer_url="ldap:///CN=ca").der).names_issuer_url


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("mail.contoso.example", "MAIL.contoso.example.", True),
        ("*.contoso.example", "mail.contoso.example", True),
        ("*.contoso.example", "contoso.example", False),
        ("*.contoso.example", "a.mail.contoso.example", False),
        ("*.example", "contoso.example", False),
        ("m*.contoso.example", "mail.contoso.example", False),
        ("2001:db8::1", "2001:db8:0:0::1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "mail.contoso.example", False),
    ],
)
def test_names_match_as_clients_match_them(name, host, expected):
    assert name_matches(name, host) is expected


def test_order_of_key_and_certificate_does_not_matter():
    paper = Paper("a.example")
    assert read_shown(paper.pem + paper.key_pem(), name="x") == read_shown(paper.bundle, name="x")


@pytest.mark.parametrize(
    "dress",
    [
        lambda pem: pem.replace(b"\n", b"\r\n"),
        lambda pem: b"\xef\xbb\xbf" + pem,
        lambda pem: b"Bag Attributes\n    localKeyID: 01\n" + pem + b"trailing words\n",
        lambda pem: pem.replace(b"-----\n", b"-----  \n"),
    ],
    ids=["crlf", "byte-order-mark", "bag-attributes", "trailing-blanks"],
)
def test_harmless_dress_is_accepted(dress):
    paper = Paper("a.example")
    assert read_shown(dress(paper.bundle), name="x").leaf.names == ("a.example",)


def test_a_chain_is_linked_when_each_signed_the_one_before():
    root = Paper(common_name="root", is_authority=True)
    middle = Paper(common_name="middle", by=root, is_authority=True)
    leaf = Paper("a.example", by=middle)
    assert read_shown(leaf.bundle + middle.pem + root.pem, name="x").is_linked
    assert not read_shown(leaf.bundle + root.pem + middle.pem, name="x").is_linked
    assert [item.common_name for item in read_shown(leaf.bundle + middle.pem, name="x").chain] == [
        "middle"
    ]


@pytest.mark.parametrize("traditional", [False, True])
def test_a_key_with_a_password_says_how_to_remove_it(traditional):
    paper = Paper("a.example")
    told = fault(paper.pem + paper.key_pem("hunter2", traditional=traditional))
    assert "has a password" in told
    assert "openssl pkey -in mail.pem" in told


def test_a_missing_key_is_a_fault():
    assert "holds no private key" in fault(Paper("a.example").pem)


def test_a_foreign_key_is_a_fault():
    assert "does not belong to its certificate" in fault(
        Paper("a.example").pem + Paper("a.example").key_pem()
    )


def test_of_two_keys_the_first_counts_as_for_the_engine():
    paper = Paper("a.example")
    told = fault(paper.pem + Paper("a.example").key_pem() + paper.key_pem())
    assert told.startswith("the first private key")


def test_a_chain_before_the_certificate_is_a_fault_with_the_position():
    leaf, other = Paper("a.example"), Paper("b.example")
    assert "stands at position 2" in fault(other.pem + leaf.bundle)


def test_a_broken_key_never_shows_itself():
    broken = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0IG1hdGVyaWFs\n-----END PRIVATE KEY-----\n"
    told = fault(Paper("a.example").pem + broken)
    assert "can not be read" in told
    assert "c2Vjc" not in told


def test_a_tiny_rsa_key_is_refused_before_the_engine_does():
    p, q = 2**256 - 189, 2**256 - 357  # both prime; the library makes no keys below 1024 bits
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(65537, p * q),
    )  # fmt: skip
    key = numbers.private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert "has 512 bits" in fault(Paper("a.example").pem + key)


def test_windows_exports_are_recognised():
    assert "binary (PFX or DER)" in fault(Paper("a.example").der, name="mail.pfx")
    assert "UTF-16" in fault(Paper("a.example").bundle.decode().encode("utf-16"))


@pytest.mark.parametrize("content", [b"", b"hello", b"  -----BEGIN CERTIFICATE-----\n", b"0 s:CN"])
def test_no_certificate_is_said_plainly(content):
    assert "no certificate in PEM form" in fault(content)


def test_a_damaged_certificate_is_named_by_position():
    damaged = b"-----BEGIN CERTIFICATE-----\nnope\n-----END CERTIFICATE-----\n"
    assert "certificate 2 of 2" in fault(Paper("a.example").bundle + damaged)


def test_an_endless_file_of_openings_is_read_in_one_pass():
    assert "no certificate" in fault(b"-----BEGIN A-----\n" * 100_000)


def test_authorities_must_be_able_to_vouch():
    root = Paper(common_name="root", is_authority=True)
    assert read_authorities(root.pem, name="ca.pem")[0].is_authority
    with pytest.raises(InvalidInput, match="no certificate of an authority"):
        read_authorities(Paper("a.example", by=root).pem, name="ca.pem")
    assert read_authorities(Paper("self.example").pem, name="ca.pem")[0].is_self_signed


def test_a_certificate_with_an_unreadable_key_still_has_facts():
    class Unreadable:
        def public_key(self) -> None:
            raise UnsupportedAlgorithm("a curve of the future")

        @property
        def signature_hash_algorithm(self) -> None:
            raise UnsupportedAlgorithm("a hash of the future")

    odd = cast(x509.Certificate, Unreadable())
    assert certificate._key(odd) == ("unknown", 0)
    assert certificate._signature_hash(odd) == ""
    assert certificate._key_bytes(odd) is None


def test_a_key_of_another_kind_is_unknown():
    class Odd:
        def public_key(self) -> object:
            return object()

    assert certificate._key(cast(x509.Certificate, Odd())) == ("unknown", 0)


def test_fingerprints_are_those_of_the_blocks_that_count():
    first, second = Paper("mail.contoso.example"), Paper("other.contoso.example")
    told = b"see -----BEGIN CERTIFICATE----- below\n" + first.bundle + second.pem
    sha1 = [paper.certificate.fingerprint(hashes.SHA1()).hex() for paper in (first, second)]
    assert list(certificate.fingerprints(told)) == sha1
    assert certificate.fingerprints(b"") == ()
    assert certificate.fingerprints(told.replace(b"MII", b"M!I")) == ()
