"""``switchover copy`` as a person runs it between two servers of the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.imap_servers import ImapServer
from tests.integration.suite import run_cli

MAILS_REFUSED, LEFT = 5, 75
"""What the command ends with when not all is done."""


def copy_mailbox(
    directory: Path, source: tuple[ImapServer, str], target: tuple[ImapServer, str], *more: str
) -> dict[str, Any]:
    """Copy from a user of one server to one of another, and return the report."""
    urls = [f"imap://{user}@{server.address}:{server.port}" for server, user in (source, target)]
    done = run_cli(
        "copy", *urls, "--allow-plaintext", "--output", "json", "--data", str(directory), *more,
        environment={
            "SWITCHOVER_SOURCE_PASSWORD": source[0].password,
            "SWITCHOVER_TARGET_PASSWORD": target[0].password,
        },
        seconds=170,
    )  # fmt: skip
    assert done.code in {0, MAILS_REFUSED, LEFT}, (done.code, done.err[-3000:])
    assert done.out, (done.code, done.err[-3000:])
    report: dict[str, Any] = json.loads(done.out)
    assert report["exit_code"] == done.code
    return report
