"""The API answers as its OpenAPI document says, whatever it is sent: schemathesis looks for exceptions.

It makes requests from the document, right ones and wrong ones, and sends them to a switchover with a
real engine and database of its own. ``SWITCHOVER_CONTRACT_EXAMPLES`` lets it look longer.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.edges.conftest import good_text
from tests.integration.practice_farm import PracticeFarm
from tests.integration.suite import Suite, lent_suite

from switchover.store.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.xdist_group("contract"), pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[3]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
EXAMPLES = os.environ.get("SWITCHOVER_CONTRACT_EXAMPLES", "8")


@pytest.fixture(scope="module")
def victim(postgres: EmbeddedPostgres) -> Iterator[Suite]:
    """A switchover of its own: what is sent to it may drain, weigh and roll back anything."""
    with lent_suite(postgres, cycle_seconds="0.5") as found:
        yield found


async def test_whatever_is_sent_gets_an_answer_that_the_document_knows(
    victim: Suite, farm: PracticeFarm, tmp_path: Path
) -> None:
    text = good_text(farm, victim)
    await victim.apply(text, farm.files)
    await victim.apply(text.replace("Webmail", "Our webmail"))
    made = await victim.post("/tokens", {"name": "contract", "role": "admin"})
    ids = [token["id"] for token in (await victim.get("/tokens"))["tokens"]]
    (tmp_path / "platform.yaml").write_text(text)
    (tmp_path / "openapi.json").write_text(json.dumps(await victim.get("/openapi.json")))
    (tmp_path / "schemathesis.toml").write_text(
        'hooks = "tests.integration.edges.contract_hooks"\n'
        'headers = { Authorization = "Bearer ${CONTRACT_SECRET}" }\n'
        # Not POST: /servers/cas1/weight has none, but is an action that does not exist (422) all the same.
        '[phases.coverage]\nunexpected-methods = ["DELETE", "GET", "PATCH", "PUT", "TRACE"]\n'
    )
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", "openapi.json", "--url", victim.url),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", EXAMPLES, "--generation-deterministic", "--continue-on-failure"),
            *("--warnings", "off", "--no-color"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "CONTRACT_SECRET": made["secret"],
            "CONTRACT_TOKENS": " ".join(ids),
            "CONTRACT_FILE": str(tmp_path / "platform.yaml"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4000:]
    # It has asked, and had more than refusals: its token still opens, and changes were made.
    assert (await victim.api("GET", "/status", token=made["secret"])).status == 200
    assert int(re.findall(r"(\d+) generated", done.stdout)[-1]) > 1000
    verbs = {row["verb"] for row in (await victim.get("/revisions", limit="500"))["revisions"]}
    assert {"apply", "drain", "weight", "rollback"} <= verbs
