"""Dovecot, Postfix and nginx from Debian, each started for one test on loopback and stopped with it.

They run with configurations of their own below a directory that the test made; nothing of the machine's
own mail system is read, started or changed. They need root, as they do in real life.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PORTS = {143: 20143, 993: 20993, 110: 20110, 995: 20995, 4190: 24190, 24: 20024}
SMTP_PORT = 20025
HTTPS_PORT = 20443
PASSWORD = "practice"
READY_SECONDS = 20.0


def require_root() -> None:
    """Fail, never skip: without these servers the claim is not shown."""
    assert os.geteuid() == 0, "Dovecot and Postfix start as root only: run script/test as root"
    for program in ("dovecot", "postfix", "nginx"):
        assert shutil.which(program, path="/usr/sbin:/usr/bin"), f"{program} is not installed"


@dataclass(kw_only=True)
class DebianServer:
    """One program with its directory; ``log`` is where it tells who connected."""

    process: subprocess.Popen[bytes]
    directory: Path
    log: Path
    name: str

    def said(self) -> str:
        """Return its log so far."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def stop(self) -> None:
        """End it and its children: they share a process group of their own."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)


@dataclass(kw_only=True)
class Place:
    """Where a server lives: its address, directory and certificate."""

    name: str
    address: str
    directory: Path
    certificate: Path
    key: Path
    running: list[DebianServer] = field(default_factory=list)

    def stop(self) -> None:
        """End everything here."""
        for server in self.running:
            server.stop()

    def kill(self, name: str) -> None:
        """End one program, as if it had crashed."""
        next(server for server in self.running if server.name == name).stop()

    def said(self, name: str) -> str:
        """Return the log of one program."""
        return next(server for server in self.running if server.name == name).said()


def _launch(place: Place, name: str, arguments: list[str], log: Path) -> None:
    with (place.directory / f"{name}.out").open("wb") as printed:
        process = subprocess.Popen(
            arguments,
            stdout=printed,
            stderr=printed,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    place.running.append(
        DebianServer(process=process, directory=place.directory / name, log=log, name=name)
    )
    pid_file = place.directory / name / "master.pid"
    deadline = time.monotonic() + READY_SECONDS
    while not pid_file.exists():
        assert process.poll() is None, f"{name} ended: {_output(place, name)}"
        assert time.monotonic() < deadline, f"{name} is not up: {_output(place, name)}"
        time.sleep(0.05)


def _output(place: Place, name: str) -> str:
    files = [place.directory / f"{name}.out", place.directory / f"{name}.log"]
    return "".join(file.read_text("utf-8", "replace")[-2000:] for file in files if file.exists())


def start_dovecot(place: Place) -> None:
    """Start Dovecot with IMAP, POP3, ManageSieve and LMTP; every login port demands PROXY."""
    base = place.directory / "dovecot"
    base.mkdir(mode=0o755)
    mail = base / "mail"
    mail.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(mail, nobody.pw_uid, nobody.pw_gid)
    log = place.directory / "dovecot.log"
    (base / "dovecot.conf").write_text(
        f"""
        base_dir = {base}/run
        log_path = {log}
        listen = {place.address}
        protocols = imap pop3 sieve lmtp
        haproxy_trusted_networks = 127.0.0.0/8
        ssl = yes
        ssl_cert = <{place.certificate}
        ssl_key = <{place.key}
        disable_plaintext_auth = no
        auth_mechanisms = plain
        mail_location = maildir:{mail}/%u
        first_valid_uid = 1
        passdb {{
          driver = static
          args = password={PASSWORD}
        }}
        userdb {{
          driver = static
          args = uid=nobody gid=nogroup home={mail}/%u
        }}
        service imap-login {{
          inet_listener imap {{
            port = {PORTS[143]}
            haproxy = yes
          }}
          inet_listener imaps {{
            port = {PORTS[993]}
            ssl = yes
            haproxy = yes
          }}
        }}
        service pop3-login {{
          inet_listener pop3 {{
            port = {PORTS[110]}
            haproxy = yes
          }}
          inet_listener pop3s {{
            port = {PORTS[995]}
            ssl = yes
            haproxy = yes
          }}
        }}
        service managesieve-login {{
          inet_listener sieve {{
            port = {PORTS[4190]}
            haproxy = yes
          }}
        }}
        service lmtp {{
          inet_listener lmtp {{
            address = {place.address}
            port = {PORTS[24]}
          }}
        }}
        """
    )
    (base / "master.pid").symlink_to(base / "run" / "master.pid")
    _launch(place, "dovecot", ["/usr/sbin/dovecot", "-F", "-c", str(base / "dovecot.conf")], log)


def start_postfix(place: Place) -> None:
    """Start Postfix; its smtpd demands PROXY, mail for contoso.example is taken and discarded.

    ``inet_interfaces`` takes addresses of interfaces only, so ``master.cf`` names the real one.
    """
    base = place.directory / "postfix"
    queue, data, etc = base / "queue", base / "data", base / "etc"
    for directory in (queue, data, etc, queue / "pid"):
        directory.mkdir(parents=True, mode=0o755)
    postfix = pwd.getpwnam("postfix")
    os.chown(data, postfix.pw_uid, postfix.pw_gid)
    for name, mode in (
        ("active", 0o700), ("bounce", 0o700), ("corrupt", 0o700), ("defer", 0o700),
        ("deferred", 0o700), ("flush", 0o700), ("hold", 0o700), ("incoming", 0o700),
        ("private", 0o700), ("saved", 0o700), ("trace", 0o700), ("maildrop", 0o730),
        ("public", 0o710),
    ):  # fmt: skip
        (queue / name).mkdir(mode=mode)
        os.chown(queue / name, postfix.pw_uid, -1)
        (queue / name).chmod(mode)
    log = place.directory / "postfix.log"
    (etc / "main.cf").write_text(
        f"""
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {log}
maillog_file_prefixes = /tmp
myhostname = {place.name}.contoso.example
mydestination = contoso.example
local_recipient_maps =
local_transport = discard:
mynetworks = 192.0.2.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_tls_cert_file = {place.certificate}
smtpd_tls_key_file = {place.key}
smtpd_tls_security_level = may
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
"""
    )
    (etc / "master.cf").write_text(
        f"""
{place.address}:{SMTP_PORT} inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
postlog   unix-dgram n  -       n       -       1       postlogd
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
anvil     unix  -       -       n       -       1       anvil
proxymap  unix  -       -       n       -       -       proxymap
discard   unix  -       -       n       -       -       discard
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
"""
    )
    arguments = ["/usr/lib/postfix/sbin/master", "-c", str(etc), "-d"]
    (base / "master.pid").symlink_to(queue / "pid" / "master.pid")
    _launch(place, "postfix", arguments, log)


def start_nginx(place: Place) -> None:
    """Start nginx as web mail and DAV server over TLS; the port demands PROXY."""
    base = place.directory / "nginx"
    base.mkdir(mode=0o755)
    log = place.directory / "nginx.log"
    (base / "nginx.conf").write_text(
        f"""
        daemon off;
        worker_processes 1;
        pid {base}/master.pid;
        error_log {place.directory}/nginx-error.log;
        events {{}}
        http {{
          log_format seen '$proxy_protocol_addr $http_x_forwarded_for $host $request $status';
          access_log {log} seen;
          client_body_temp_path {base}/body;
          proxy_temp_path {base}/proxy;
          fastcgi_temp_path {base}/fastcgi;
          uwsgi_temp_path {base}/uwsgi;
          scgi_temp_path {base}/scgi;
          server {{
            listen {place.address}:{HTTPS_PORT} ssl proxy_protocol;
            ssl_certificate {place.certificate};
            ssl_certificate_key {place.key};
            location /webmail/ {{
              default_type text/html;
              return 200 "{place.name} answers: rcmloginuser";
            }}
            location /dav/ {{
              add_header DAV "1, 2, calendar-access";
              add_header X-Answered-By {place.name};
              return 200;
            }}
          }}
        }}
        """
    )
    _launch(place, "nginx", ["/usr/sbin/nginx", "-c", str(base / "nginx.conf")], log)
