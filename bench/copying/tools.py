"""The tools: how each is told to copy one mailbox to another."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from copying.accounting import Call
from copying.wire import PASSWORD, Place

IMAPSYNC_PACKAGES = (
    "libauthen-ntlm-perl libcgi-pm-perl libcrypt-openssl-rsa-perl libdata-uniqid-perl "
    "libdigest-hmac-perl libencode-imaputf7-perl libfile-copy-recursive-perl libfile-tail-perl "
    "libio-compress-perl libio-socket-inet6-perl libio-socket-ssl-perl libio-tee-perl "
    "libjson-webtoken-perl libmail-imapclient-perl libreadonly-perl libregexp-common-perl "
    "libsys-meminfo-perl libterm-readkey-perl libunicode-string-perl libwww-perl"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One mailbox to copy. ``directory`` is the tool's own, kept between runs; ``target_configuration`` is
    that of the target's Dovecot, ``data`` our data directory."""

    source: Place
    target: Place
    directory: Path
    target_configuration: Path
    data: Path
    imapsync: Path | None = None


Tool = Callable[[Job], Call]


def switchover(job: Job, *options: str) -> Call:
    """Return our own command, as a user gives it."""
    return Call(
        command=(
            sys.executable, "-m", "switchover", "copy", job.source.url, job.target.url,
            "--allow-plaintext", "--data", str(job.data), "-o", "json", *options,
        ),
        environment={
            "SWITCHOVER_SOURCE_PASSWORD": PASSWORD,
            "SWITCHOVER_TARGET_PASSWORD": PASSWORD,
        },
        directory=job.directory,
    )  # fmt: skip


def mirror(job: Job) -> Call:
    """Return our own command, with deletions."""
    return switchover(job, "--delete")


def mbsync(job: Job) -> Call:
    """Return mbsync one way, with dates, making and removing folders as it does."""
    state = job.directory / "state"
    state.mkdir(exist_ok=True)
    lines = []
    for name, place in (("far", job.source), ("near", job.target)):
        lines += [
            f"IMAPAccount {name}", f"Host {place.address}", f"Port {place.port}",
            f"User {place.user}", f"Pass {PASSWORD}", "SSLType None", "AuthMechs LOGIN",
            "Timeout 900", "", f"IMAPStore {name}", f"Account {name}", "",
        ]  # fmt: skip
    lines += [
        "Channel all", "Far :far:", "Near :near:", "Patterns *", "Create Near", "Remove Near",
        "Expunge Near", "Sync Pull", "CopyArrivalDate yes", f"SyncState {state}/", "",
    ]  # fmt: skip
    rules = job.directory / "mbsyncrc"
    rules.write_text("\n".join(lines), "utf-8")
    return Call(
        command=("mbsync", "-q", "-c", str(rules), "all"), environment={}, directory=job.directory
    )


def doveadm(job: Job) -> Call:
    """Return a backup that pulls over IMAP and writes the target's store itself."""
    settings = {
        "imapc_host": job.source.address,
        "imapc_port": str(job.source.port),
        "imapc_user": job.source.user,
        "imapc_password": PASSWORD,
        "imapc_features": "rfc822.size fetch-headers",
        "mail_prefetch_count": "20",
    }
    words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    return Call(
        command=(
            "doveadm", "-c", str(job.target_configuration), *words, "backup", "-R",
            "-u", job.target.user, "imapc:",
        ),
        environment={}, directory=job.directory,
    )  # fmt: skip


def imapsync(job: Job, *options: str) -> Call:
    """Return imapsync as it comes, without TLS and without a log."""
    assert job.imapsync is not None
    words = []
    for number, place in enumerate((job.source, job.target), start=1):
        words += [
            f"--host{number}", place.address, f"--port{number}", str(place.port),
            f"--user{number}", place.user, f"--password{number}", PASSWORD,
            f"--nossl{number}", f"--notls{number}",
        ]  # fmt: skip
    directory = str(job.directory)
    return Call(
        command=(
            "perl", str(job.imapsync), "--noreleasecheck", "--nolog", "--delete2",
            "--tmpdir", directory, "--pidfile", f"{directory}/pid", *words, *options,
        ),
        environment={}, directory=job.directory,
    )  # fmt: skip


def imapsync_tuned(job: Job) -> Call:
    """Return imapsync by UIDs and its cache, without counting folders before and after."""
    return imapsync(
        job, "--useuid", "--nofoldersizes", "--nofoldersizesatend", "--nocheckmessageexists"
    )


TOOLS: Mapping[str, Tool] = {
    "switchover": switchover,
    "switchover, new data directory": switchover,
    "switchover --delete": mirror,
    "mbsync": mbsync,
    "doveadm backup": doveadm,
    "imapsync": imapsync,
    "imapsync tuned": imapsync_tuned,
}


def check_imapsync(program: Path | None) -> None:
    """End with a sentence when imapsync does not run here."""
    if program is None:
        return
    done = subprocess.run(
        ["perl", str(program), "--version"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no words"]
        raise SystemExit(
            f"{program} does not run: {lines[0]}\n"
            f"Its Debian packages: apt-get install {IMAPSYNC_PACKAGES}"
        )


def versions(imapsync_program: Path | None) -> dict[str, str]:
    """Return what each peer says of itself."""
    asked: dict[str, Sequence[str]] = {
        "mbsync": ("mbsync", "--version"),
        "dovecot": ("dovecot", "--version"),
    }
    if imapsync_program is not None:
        asked["imapsync"] = ("perl", str(imapsync_program), "--version")
    found = {}
    for name, command in asked.items():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found[name] = ((done.stdout or done.stderr).strip().splitlines() or ["unknown"])[0]
    return found


def end_database(data: Path) -> None:
    """End the PostgreSQL of one of our data directories, where a command was cut off and left it."""
    cluster = data / "postgresql" / "cluster"
    with contextlib.suppress(OSError, ValueError):
        pid = int((cluster / "postmaster.pid").read_text("ascii").split()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        if str(cluster).encode() not in words:
            return
        os.kill(pid, signal.SIGINT)
        for _ in range(100):
            os.kill(pid, 0)
            time.sleep(0.05)
