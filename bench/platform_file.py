"""How long a large platform file takes: the whole ``switchover check`` process, and its parts.

``.venv/bin/python bench/platform_file.py [--servers 500] [--runs 5]`` makes a file with that many servers in
50 services, checks it as a user would, and prints medians; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from switchover.balance.outage import parse_outage
from switchover.balance.resolve import resolve
from switchover.balance.what_if import what_if
from switchover.model.platform_file.read import read_platform_file

SWITCHOVER = Path(sys.executable).with_name("switchover")


def platform(servers: int, services: int = 50) -> str:
    """Return a platform file: Exchange servers, layouts l4 and l4-names in turn."""
    names = [f"cas{number}" for number in range(servers)]
    share = max(1, servers // services)
    return yaml.safe_dump(
        {
            "platform": "contoso",
            "servers": {
                name: {
                    "address": f"192.0.{2 + number // 250}.{1 + number % 250}",
                    "site": "brussels" if number % 2 else "ghent",
                    "runs": ["exchange"],
                    "product": "exchange-se",
                }
                for number, name in enumerate(names)
            },
            "services": {
                f"mail{number}": {
                    "address": f"203.0.113.{1 + number}",
                    "port": 443,
                    "layout": "l4",
                    "workloads": ["owa", "ecp", "activesync", "ews", "mapi", "rpc", "oab"],
                    "names": [f"mail{number}.contoso.example"],
                    "servers": names[number * share : (number + 1) * share] or names[:1],
                }
                for number in range(services)
            },
        },
        sort_keys=False,
    )


def median_seconds(runs: int, work: Callable[[], object]) -> float:
    """Return the median of wall-clock seconds over ``runs`` runs."""
    spent = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    text = platform(options.servers)
    balance = resolve(read_platform_file(text))
    outage = parse_outage(balance, ["cas1/owa", "cas2"])
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "farm.yaml"
        file.write_text(text)
        command = [str(SWITCHOVER), "check", str(file), "-o", "json"]
        figures = {
            "servers": options.servers,
            "file_bytes": len(text),
            "check_process_s": median_seconds(
                options.runs, lambda: subprocess.run(command, check=True, capture_output=True)
            ),
            "help_process_s": median_seconds(
                options.runs,
                lambda: subprocess.run(
                    [str(SWITCHOVER), "--help"], check=True, capture_output=True
                ),
            ),
            "read_s": median_seconds(options.runs, lambda: read_platform_file(text)),
            "resolve_s": median_seconds(options.runs, lambda: resolve(read_platform_file(text))),
            "what_if_s": median_seconds(options.runs, lambda: what_if(balance, outage)),
        }
    for name, value in figures.items():
        print(f"{name:18} {value:.3f}" if isinstance(value, float) else f"{name:18} {value:,}")
    print(json.dumps({key: round(value, 4) for key, value in figures.items()}))


if __name__ == "__main__":
    main()
