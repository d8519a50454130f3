"""What we accept as a certificate or page, the engine loads; what we refuse, it refuses or could not use."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.unit.balance.paper import Paper

from switchover.balance.assets import LARGEST_PAGE_BYTES
from switchover.balance.certificate import read_shown
from switchover.balance.compile import sorry_response
from switchover.errors import InvalidInput
from switchover.wire.haproxy.binary import find_binary

FRONTEND = """\
defaults
    mode http
    timeout client 5s
frontend test
    bind 127.0.0.1:8443 {bind}
    {line}
"""
LEAF = Paper("mail.contoso.example")
OTHER = Paper("other.contoso.example")
ROOT = Paper(common_name="root", is_authority=True)
SIGNED = Paper("mail.contoso.example", by=ROOT)
DAMAGED = b"-----BEGIN CERTIFICATE-----\nnope\n-----END CERTIFICATE-----\n"

FILES: dict[str, bytes] = {
    "key-first": LEAF.bundle,
    "certificate-first": LEAF.pem + LEAF.key_pem(),
    "traditional-key": LEAF.pem + LEAF.key_pem(traditional=True),
    "rsa": Paper("a.example", key=rsa.generate_private_key(65537, 2048)).bundle,
    "p384": Paper("a.example", key=ec.generate_private_key(ec.SECP384R1())).bundle,
    "ed25519": Paper("a.example", key=ed25519.Ed25519PrivateKey.generate()).bundle,
    "chain": SIGNED.bundle + ROOT.pem,
    "chain-in-disorder": SIGNED.bundle + OTHER.pem + ROOT.pem,
    "windows-lines": LEAF.bundle.replace(b"\n", b"\r\n"),
    "byte-order-mark": b"\xef\xbb\xbf" + LEAF.bundle,
    "bag-attributes": b"Bag Attributes\n    localKeyID: 01\n" + LEAF.bundle + b"end\n",
    "blanks-after-dashes": LEAF.bundle.replace(b"-----\n", b"-----  \n"),
    "expired": Paper("a.example", days=(-900, -800)).bundle,
    "no-names": Paper().bundle,
    "empty": b"",
    "no-key": LEAF.pem,
    "no-certificate": LEAF.key_pem(),
    "foreign-key": OTHER.pem + LEAF.key_pem(),
    "foreign-key-first": OTHER.key_pem() + LEAF.bundle,
    "chain-first": OTHER.pem + LEAF.bundle,
    "password": LEAF.pem + LEAF.key_pem("secret"),
    "password-traditional": LEAF.pem + LEAF.key_pem("secret", traditional=True),
    "damaged": LEAF.bundle + DAMAGED,
    "indented": b"".join(b"  " + line for line in LEAF.bundle.splitlines(keepends=True)),
    "utf16": LEAF.bundle.decode().encode("utf-16"),
    "der": LEAF.der,
}


def engine_check(
    folder: Path, *, bind: str = "", line: str = ""
) -> subprocess.CompletedProcess[str]:
    binary, _ = find_binary()
    (folder / "haproxy.cfg").write_text(FRONTEND.format(bind=bind, line=line))
    return subprocess.run(
        [binary, "-c", "-f", "haproxy.cfg"],
        check=False,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        start_new_session=True,  # no terminal to ask for a password on
    )


def accepted(read: Callable[..., object], content: bytes) -> bool:
    try:
        read(content, name="mail.pem")
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("kind", FILES)
def test_the_engine_agrees_with_us_about_a_certificate(tmp_path, kind):
    (tmp_path / "mail.pem").write_bytes(FILES[kind])
    engine = engine_check(tmp_path, bind="ssl crt mail.pem")
    assert accepted(read_shown, FILES[kind]) is (engine.returncode == 0), engine.stderr


def test_the_largest_page_loads_without_a_warning(tmp_path):
    (tmp_path / "sorry.http").write_bytes(sorry_response(b"x" * LARGEST_PAGE_BYTES))
    engine = engine_check(tmp_path, line="errorfile 503 sorry.http")
    assert engine.returncode == 0
    assert "runs over the buffer" not in engine.stderr


def test_a_page_a_little_larger_than_the_buffer_would_keep_the_engine_from_starting(tmp_path):
    (tmp_path / "sorry.http").write_bytes(sorry_response(b"x" * 16_384))
    assert engine_check(tmp_path, line="errorfile 503 sorry.http").returncode != 0
