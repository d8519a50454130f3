"""The columns of statistics, by how they are added up. Pure."""

from __future__ import annotations

COUNTERS = (
    "sessions", "requests", "bytes_in", "bytes_out", "connect_errors", "response_errors",
    "retries", "redispatches", "denied", "http_2xx", "http_3xx", "http_4xx", "http_5xx",
    "failed_checks", "down_seconds",
)  # fmt: skip
TOPS = ("current_sessions_max", "queue_max")
MEANS = ("total_ms_avg", "response_ms_avg")
KEYS = ("service", "workload", "server")
VALUES = (*COUNTERS, *TOPS, *MEANS)
"""In the order in which ``Minute.values`` gives them."""
