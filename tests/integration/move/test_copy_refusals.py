"""``switchover copy`` when a server takes not all: what comes over, what is named, how it goes on."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.integration.imap_servers import Dovecot, Options, dovecot
from tests.integration.move.copying import Copy, append, digests, mail, mails, sign_in

pytestmark = pytest.mark.timeout(180)

QUOTA = """
  mail_plugins = quota
  protocol imap {{
    mail_plugins = quota imap_quota
  }}
  plugin {{
    quota = count:User quota
    quota_vsizes = yes
    quota_rule = *:storage=30k
    quota_grace = 0
  }}
"""


def test_a_full_quota_leaves_what_does_not_fit_and_takes_what_does(data: Path) -> None:
    with dovecot() as source, dovecot(Options(compresses=False, more=QUOTA)) as target:
        bodies = [mail(1, size=8000), mail(2, size=60_000, subject="the big one"), mail(3)]
        source.put_mails([*bodies, *mails(5, first=10)])
        pair = Copy(source=source, target=target, data=data)
        done = pair.run(code=75)
        assert "the big one" in done.out
        assert "<2@contoso.example>" in done.out
        assert re.search(r"no room left for it: Quota exceeded", done.out)
        report = pair.run("-o", "json", code=75).json
        (skipped,) = report["skipped"]
        assert (skipped["folder"], skipped["subject"]) == ("INBOX", "the big one")
        assert (skipped["message_id"], report["copied"]) == ("<2@contoso.example>", 0)
        for level in ("0", "1"):
            told = pair.run("--level", level, name="verify", code=75).out
            assert "1 mail is left; run the copy again" in " ".join(told.split())
        wanted = digests(source)["INBOX"]
        missing = wanted - digests(target)["INBOX"]
        assert missing == Counter([hashlib.sha256(bodies[1]).hexdigest()])
        planned = pair.run("--dry-run", "-o", "json").json
        assert [(one["to_copy"], one["to_skip"]) for one in planned["folders"]] == [(1, {})]
        configuration = target.directory / "dovecot.conf"
        configuration.write_text(configuration.read_text().replace("storage=30k", "storage=300k"))
        target.restart()
        assert pair.run("-o", "json").json["copied"] == 1
        assert digests(target) == digests(source)


def test_a_mail_above_the_largest_size_is_refused_for_good_and_named(data: Path) -> None:
    limited = QUOTA.replace("storage=30k", "storage=1G\n    quota_max_mail_size = 20k")
    with dovecot() as source, dovecot(Options(compresses=False, more=limited)) as target:
        pair = Copy(source=source, target=target, data=data)
        source.put_mails([mail(1), mail(2, size=60_000, subject="the big one"), mail(3)])
        report = pair.run("-o", "json", code=5).json
        (skipped,) = report["skipped"]
        assert (skipped["subject"], skipped["reason"]) == (
            "the big one",
            "larger than the target takes",
        )
        assert digests(target)["INBOX"].total() == 2
        assert "the big one" in pair.run(code=5).out


ACL = """
  mail_plugins = acl
  protocol imap {{
    mail_plugins = acl imap_acl
  }}
  plugin {{
    acl = vfile:{directory}/acl
  }}
"""


@contextmanager
def readable_target(*folders: str) -> Iterator[Dovecot]:
    """Lend a target in which these folders may only be read."""
    with dovecot(Options(compresses=False, more=ACL)) as target:
        append(target, "Sent", [])
        (target.directory / "acl").mkdir(exist_ok=True)
        for name in folders:
            (target.directory / "acl" / name).write_text("owner lr\n")
        target.restart()
        yield target


def test_a_folder_that_may_not_be_written_is_named_and_the_others_are_copied(
    pair: Copy, data: Path
) -> None:
    with readable_target("Sent") as target:
        pair.target = target
        done = pair.run("-o", "json", code=5).json
        left = {one["name"]: one["left"] for one in done["folders"]}
        assert "lets nobody write into Sent" in left["Sent"]
        assert digests(target)["INBOX"] == digests(pair.source)["INBOX"]


def test_a_target_that_may_only_be_read_is_a_sentence_for_each_folder(
    pair: Copy, data: Path
) -> None:
    with readable_target("INBOX", "Sent") as target:
        pair.target = target
        done = pair.run("-o", "json", code=5).json
        assert {name: "lets nobody write into" in why for name, why in done["left"].items()} == {
            "INBOX": True,
            "Sent": True,
        }
        assert (done["copied"], digests(target)) == (0, {})
        assert "give the target's user the rights to it" in pair.run(code=5).out


def test_a_folder_deleted_meanwhile_keeps_no_other_from_being_copied(
    pair: Copy, data: Path
) -> None:
    with dovecot() as source:
        pair.source = source
        append(source, "Gone", mails(5, first=50))
        # Fourteen seconds of work, so that the deletion comes before its end however slow the machine is.
        append(source, "Long", mails(140))
        running = pair.start(
            "--connections", "1", "--max-mails-per-second", "10", "--progress", "json", "-o", "json"
        )
        assert running.stderr is not None
        for line in running.stderr:
            if json.loads(line)["mails"] > 3:
                break
        connection = sign_in(source)
        assert connection.delete("Gone")[0] == "OK"
        connection.logout()
        out, err = running.communicate(timeout=60)
        report = json.loads(out)
        left = {one["name"]: one["left"] for one in report["folders"] if one["left"]}
        assert set(left) == {"Gone"}, err
        assert digests(pair.target)["Long"] == digests(source)["Long"]


def test_a_data_directory_that_can_not_be_written_is_named(pair: Copy) -> None:
    pair.data = Path("/proc/nothing/here")
    refused = pair.run(code=5)
    assert "/proc/nothing" in refused.words
    assert "--data" in refused.words
