"""A Dovecot from Debian for one test: on an address of its own, with its own certificate, mailboxes and log.

It runs as a plain process with a configuration below a short directory; nothing of the machine's own mail
system is read, started or changed. It needs root, as it does in real life.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import pwd
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.integration.suite import loopback

from switchover import clock
from switchover.wire.imap.sasl import Password
from switchover.wire.imap.shell import Target

PORT, TLS_PORT, LMTP_PORT = 10143, 10993, 10024
USER, PASSWORD = "user@contoso.example", "correct horse ü"
MASTER, MASTER_PASSWORD = "master", "battery staple"
READY_SECONDS = 20.0
MAIL_OWNER = "nobody"
MECHANISMS = ("plain", "login", "scram-sha-1", "scram-sha-256")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a Dovecot is set up.

    ``capabilities`` replaces what it announces before the sign-in and after; ``names`` and ``valid_days``
    are those of its certificate, by default its own address and a month from yesterday; ``more`` is
    configuration in Dovecot's own words, behind all else, with ``{directory}`` in it for its own.
    ``in_memory`` puts the mailboxes where no disk is waited for.
    """

    storage: str = "maildir"
    users: tuple[str, ...] = (USER,)
    mechanisms: tuple[str, ...] = MECHANISMS
    plaintext: bool = True
    compresses: bool = True
    capabilities: str = ""
    separator: str = "/"
    fsync: str = "never"
    in_memory: bool = True
    names: tuple[str, ...] = ()
    valid_days: tuple[int, int] = (-1, 30)
    more: str = ""


def make_certificate(directory: Path, names: Sequence[str], valid_days: tuple[int, int]) -> None:
    """Write ``ca.pem``, ``server.crt`` and ``server.key``: an authority for this test, one certificate."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    root = _certificate(authority, ca_key, (-400, 400), is_authority=True)
    leaf = _certificate(subject, key, valid_days, is_authority=False)
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    leaf = leaf.issuer_name(authority).add_extension(alternatives, critical=False)
    leaf = leaf.add_extension(issuer, critical=False)
    pem = serialization.Encoding.PEM
    (directory / "ca.pem").write_bytes(
        root.issuer_name(authority).sign(ca_key, hashes.SHA256()).public_bytes(pem)
    )
    (directory / "server.crt").write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (directory / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    valid_days: tuple[int, int],
    *,
    is_authority: bool,
) -> x509.CertificateBuilder:
    now = clock.now()
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    allowed = x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
        **usage,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=valid_days[0]))
        .not_valid_after(now + timedelta(days=valid_days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(allowed, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(kw_only=True)
class Dovecot:
    """One instance: ``start`` it, talk to it through ``target``, ``stop`` or ``kill`` it, start it again."""

    directory: Path
    options: Options
    address: str = field(default_factory=loopback)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "dovecot.log"

    @property
    def mail(self) -> Path:
        """Where the mailboxes are: a directory for each user."""
        return self.directory / "mail"

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs to believe its certificate."""
        return ssl.create_default_context(cafile=self.directory / "ca.pem")

    @property
    def credentials(self) -> Password:
        return Password(user=self.options.users[0], password=PASSWORD)

    @property
    def tls(self) -> Target:
        """Where TLS begins at once."""
        return Target(host=self.address, port=TLS_PORT, context=self.trust, answer_seconds=20.0)

    @property
    def clear(self) -> Target:
        """Where STARTTLS is."""
        return replace(self.tls, port=PORT, tls=False)

    @property
    def plain(self) -> Target:
        """Where nothing is encrypted, and that is allowed."""
        return replace(self.clear, allow_plaintext=True)

    def said(self) -> str:
        """Return its log so far."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def start(self) -> None:
        """Start it and wait until it listens."""
        (self.directory / "run").mkdir(exist_ok=True)
        with (self.directory / "dovecot.out").open("ab") as printed:
            self.process = subprocess.Popen(
                ["/usr/sbin/dovecot", "-F", "-c", str(self.directory / "dovecot.conf")],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not (self.directory / "run" / "master.pid").exists():
            assert self.process.poll() is None, f"dovecot ended: {self._tail()}"
            assert time.monotonic() < deadline, f"dovecot is not up: {self._tail()}"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it and its children: they share a process group of their own."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        (self.directory / "run" / "master.pid").unlink(missing_ok=True)

    def restart(self) -> None:
        """Stop it and start it again, with the mailboxes and the users that it has."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Let all of it stand still: connections stay, and nothing answers."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def doveadm(self, *arguments: str) -> str:
        """Return what doveadm prints."""
        done = subprocess.run(
            ["/usr/bin/doveadm", "-c", str(self.directory / "dovecot.conf"), *arguments],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout.decode("utf-8", "replace")

    def put_mails(self, mails: Sequence[bytes], *, user: str = "", folder: str = "") -> None:
        """Put mails into a Maildir folder as a delivery would, only faster."""
        assert self.options.storage == "maildir"
        home = self.mail / (user or self.options.users[0]) / "Maildir"
        base = home / f".{folder}" if folder else home
        for part in ("cur", "new", "tmp"):
            (base / part).mkdir(parents=True, exist_ok=True)
        for number, mail in enumerate(mails):
            name = f"{1_500_000_000 + number}.M{number}P1.test,S={len(mail)},W={len(mail)}:2,"
            (base / "cur" / name).write_bytes(mail)
        _own(home.parent)

    def _tail(self) -> str:
        files = (self.directory / "dovecot.out", self.log)
        return "".join(one.read_text("utf-8", "replace")[-3000:] for one in files if one.exists())


@contextlib.contextmanager
def dovecot(options: Options | None = None) -> Iterator[Dovecot]:
    """Run a Dovecot until the block ends; then nothing of it is left."""
    chosen = options or Options()
    parent = "/dev/shm" if chosen.in_memory else "/tmp"
    server = Dovecot(
        directory=Path(tempfile.mkdtemp(prefix="sw-imap-", dir=parent)), options=chosen
    )
    server.directory.chmod(0o711)
    try:
        configure(server)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)


def configure(server: Dovecot) -> None:
    """Write the configuration, the users and the certificate."""
    assert os.geteuid() == 0, "Dovecot starts as root only: run script/test as root"
    assert shutil.which("dovecot", path="/usr/sbin:/usr/bin"), "dovecot is not installed"
    options, base = server.options, server.directory
    make_certificate(base, options.names or (server.address,), options.valid_days)
    server.mail.mkdir(exist_ok=True)
    _own(server.mail)
    for file, users, password in (
        ("users", options.users, PASSWORD),
        ("masters", (MASTER,), MASTER_PASSWORD),
    ):
        (base / file).write_text("".join(f"{user}:{{PLAIN}}{password}\n" for user in users))
        (base / file).chmod(0o644)
    owner = pwd.getpwnam(MAIL_OWNER)
    (base / "dovecot.conf").write_text(
        f"""
        base_dir = {base}/run
        state_dir = {base}/run
        instance_name = {base.name}
        log_path = {server.log}
        listen = {server.address}
        protocols = imap lmtp
        ssl = yes
        ssl_cert = <{base}/server.crt
        ssl_key = <{base}/server.key
        disable_plaintext_auth = {"no" if options.plaintext else "yes"}
        auth_mechanisms = {" ".join(options.mechanisms)}
        auth_master_user_separator = *
        auth_failure_delay = 0
        mail_location = {options.storage}:~/{_HOMES[options.storage]}
        mail_fsync = {options.fsync}
        mail_max_userip_connections = 400
        mail_plugins = {"zlib" if options.compresses else ""}
        first_valid_uid = 1
        namespace inbox {{
          inbox = yes
          separator = {options.separator}
        }}
        passdb {{
          driver = passwd-file
          master = yes
          args = {base}/masters
        }}
        passdb {{
          driver = passwd-file
          args = {base}/users
        }}
        userdb {{
          driver = static
          args = uid={owner.pw_uid} gid={owner.pw_gid} home={server.mail}/%u
        }}
        protocol imap {{
          mail_plugins = {"zlib imap_zlib" if options.compresses else ""}
        }}
        {f"imap_capability = {options.capabilities}" if options.capabilities else ""}
        service imap-login {{
          service_count = 0
          inet_listener imap {{
            port = {PORT}
          }}
          inet_listener imaps {{
            port = {TLS_PORT}
            ssl = yes
          }}
        }}
        service anvil {{
          unix_listener anvil-auth-penalty {{
            mode = 0
          }}
        }}
        service lmtp {{
          inet_listener lmtp {{
            port = {LMTP_PORT}
          }}
        }}
        protocol lmtp {{
          postmaster_address = postmaster@contoso.example
        }}
        {options.more.format(directory=base)}
        """
    )


_HOMES = {"maildir": "Maildir", "sdbox": "sdbox", "mdbox": "mdbox"}


def _own(directory: Path) -> None:
    owner = pwd.getpwnam(MAIL_OWNER)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
