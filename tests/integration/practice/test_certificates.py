from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.integration.practice.asking import NAME, ask_web, farm_of

from switchover.errors import Conflict
from switchover.practice.certificates import KeyType, PracticeAuthority, issue_wrong
from switchover.practice.farm import Farm, FarmSpec, PracticeServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("key_type", "expected"),
    [(KeyType.ECDSA, ec.EllipticCurvePrivateKey), (KeyType.RSA, rsa.RSAPrivateKey)],
)
def test_a_bundle_holds_a_key_and_its_certificate(
    tmp_path: Path, key_type: KeyType, expected: type
) -> None:
    files = PracticeAuthority(tmp_path).issue("cas1", (NAME, "127.0.0.1"), key_type)
    key = load_pem_private_key(files.bundle.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(files.bundle.read_bytes())
    assert isinstance(key, expected)
    assert key.public_key() == certificate.public_key()
    ssl.create_default_context().load_cert_chain(files.bundle)


def test_only_the_owner_can_read_what_is_written(tmp_path: Path) -> None:
    PracticeAuthority(tmp_path).issue("cas1", (NAME,))
    issue_wrong(tmp_path, "cas1-wrong")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"ca.pem", "cas1.pem", "cas1.crt", "cas1.key", "cas1-wrong.pem"} <= set(modes)


def test_the_strictest_verification_accepts_the_certificates(tmp_path: Path) -> None:
    authority = PracticeAuthority(tmp_path)
    files = authority.issue("cas1", (NAME,))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.bundle)
    client = ssl.create_default_context(cafile=authority.path)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ends = [ssl.MemoryBIO() for _ in range(4)]
    speaker = client.wrap_bio(ends[0], ends[1], server_hostname=NAME)
    listener = server.wrap_bio(ends[2], ends[3], server_side=True)
    for _ in range(3):
        for side, out, into in ((speaker, ends[1], ends[2]), (listener, ends[3], ends[0])):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            into.write(out.read())
    assert speaker.getpeercert()


async def test_a_farm_can_run_on_rsa(tmp_path: Path) -> None:
    spec = FarmSpec(servers=(PracticeServer(name="cas1"),), names=(NAME,), key_type=KeyType.RSA)
    async with Farm(spec, tmp_path) as farm:
        assert await ask_web(farm, "/owa/") == "200"
        assert farm.front is not None
        assert farm.front.bundle == tmp_path / "front.pem"


async def test_a_taken_port_is_a_conflict_and_leaves_nothing_open(tmp_path: Path) -> None:
    async with farm_of(tmp_path, PracticeServer(name="cas1")) as farm:
        taken = farm.servers["cas1"].ports["https"]
        late = PracticeServer(name="cas2", ports={"http": "free", "https": taken})
        with pytest.raises(Conflict, match=f"127.0.0.1:{taken}"):
            async with farm_of(tmp_path / "late", late):
                pass
        assert await ask_web(farm, "/owa/") == "200"
