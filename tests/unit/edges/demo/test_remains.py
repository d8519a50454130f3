from __future__ import annotations

from pathlib import Path

import pytest

from switchover.edges.demo.remains import name_remain

PLACE = Path("/tmp/switchover-demo-1000")


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("/opt/haproxy -W -f /tmp/switchover-demo-1000/data/engine/haproxy.cfg", "haproxy"),
        ("/opt/bin/postgres -D /tmp/switchover-demo-1000/data/postgresql/cluster", "postgres"),
        ("python -m switchover.practice --spec /tmp/switchover-demo-1000/farm.json", "practice"),
        ("vim /tmp/switchover-demo-1000/contoso.yaml", None),
        ("switchover apply /tmp/switchover-demo-1000/contoso.yaml", None),
        ("/opt/haproxy -W -f /tmp/switchover-demo-10005/data/engine/haproxy.cfg", None),
        ("/opt/haproxy -W -f /etc/haproxy/haproxy.cfg", None),
        ("", None),
    ],
)
def test_only_servers_that_work_in_the_directory_belong_to_it(
    command: str, what: str | None
) -> None:
    assert name_remain(command.split(" "), PLACE) == what
