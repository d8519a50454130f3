"""Where probes leave what they found: one small file for each server in the data directory."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from switchover import clock
from switchover.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from switchover.move.probes.profile import Measured
    from switchover.move.work.mailbox import Account
    from switchover.wire.imap.conversation import Conversation
    from switchover.wire.imap.quirks import Profile
    from switchover.wire.imap.shell import Target

_STANDARD_PORTS = frozenset({143, 993})


def profile_for(data_dir: Path, target: Target, conversation: Conversation) -> Profile:
    """Return what is known of a server: by its looks now, and by the last probe of it if there was one.

    ``conversation`` is one that has asked for the server's ID. A file that can not be read counts as no
    probe.
    """
    from switchover.move.probes.profile import corrected  # noqa: PLC0415 - start-up time

    return corrected(conversation.profile, conversation.identity, load_measured(data_dir, target))


def knowing(account: Account, data_dir: Path) -> Account:
    """Return the account so that its connections know what the last probe of the server found."""
    measured = load_measured(data_dir, account.target)
    if measured is None:
        return account
    correct = partial(_correct, measured)
    return replace(account, target=replace(account.target, correct=correct))


def _correct(measured: Measured, kind: Profile, identity: Mapping[str, str]) -> Profile:
    from switchover.move.probes.profile import corrected  # noqa: PLC0415 - start-up time

    return corrected(kind, identity, measured)


def load_measured(data_dir: Path, target: Target) -> Measured | None:
    """Return what the last probe of a server found, whoever's mailbox it was; None without one."""
    try:
        content = _file(data_dir, target).read_bytes()
    except OSError:
        return None
    from switchover.move.probes.profile import from_json  # noqa: PLC0415 - start-up time

    try:
        return from_json(json.loads(content))
    except (ValueError, InvalidInput):
        return None


def save_measured(data_dir: Path, target: Target, measured: Measured) -> Path:
    """Keep what a probe found, instead of what an earlier one did, and return where."""
    from switchover.move.probes.profile import to_json  # noqa: PLC0415 - start-up time

    file = _file(data_dir, target)
    new = file.with_suffix(f".{clock.new_secret(size_bytes=6)}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(to_json(measured), out, indent=2)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Refused(
            f"the profile can not be kept in {file}: {error.strerror}; "
            "choose another data directory with --data"
        ) from error
    return file


def _file(data_dir: Path, target: Target) -> Path:
    # One server has one file, by whichever of its usual ports it was reached.
    port = "" if target.port in _STANDARD_PORTS else f".{target.port}"
    return data_dir / "endpoints" / f"{re.sub('[^a-z0-9.-]', '_', target.host)}{port}.json"
