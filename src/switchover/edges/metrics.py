"""Metrics in Prometheus' text format, read from the last sample at each scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from switchover.balance.work.cycle import Cycle
    from switchover.balance.work.observation import Observation

_LABELS = ["service", "workload", "server"]
_COUNTERS = {
    "sessions": "Connections (or, decrypted, sessions) sent to the server.",
    "requests": "HTTP requests sent to the server.",
    "bytes_in": "Bytes from clients.",
    "bytes_out": "Bytes to clients.",
    "connect_errors": "Connections to the server that failed.",
    "response_errors": "Answers of the server that failed.",
    "retries": "Connections tried again.",
    "redispatches": "Requests moved to another server.",
    "checks_failed": "Health checks that failed.",
    "went_down": "Times the server was taken out.",
    "downtime_seconds": "Seconds the server was out.",
    "answers_2xx": "Answers with status 2xx.",
    "answers_3xx": "Answers with status 3xx.",
    "answers_4xx": "Answers with status 4xx.",
    "answers_5xx": "Answers with status 5xx.",
}


class _Source:
    """A collector over what was observed; made anew for each scrape, so it keeps nothing."""

    def __init__(self, observation: Observation, cycle: Cycle) -> None:
        self.observation = observation
        self.cycle = cycle

    def collect(self) -> Iterator[Metric]:
        yield from self._servers()
        yield from self._counters()
        yield self._terminations()
        yield from self._cycle()

    def _servers(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "switchover_server_up", "1 when the server gets new clients.", labels=_LABELS
        )
        connections = GaugeMetricFamily(
            "switchover_server_connections", "Open connections.", labels=_LABELS
        )
        for row in self.observation.rows:
            service, _, workload = row.proxy.partition(".")
            if row.name in {"FRONTEND", "BACKEND"} or not workload:
                continue
            labels = [service, workload, row.name]
            up.add_metric(labels, float(row.status.startswith(("UP", "no check"))))
            connections.add_metric(labels, row.sessions_now)
        yield up
        yield connections

    def _counters(self) -> Iterator[Metric]:
        rows = {
            (*key[0].partition(".")[::2], key[1]): counters
            for key, counters in self.observation.totals.items()
            if key[1] not in {"FRONTEND", "BACKEND"}
        }
        for name, text in _COUNTERS.items():
            family = CounterMetricFamily(f"switchover_server_{name}", text, labels=_LABELS)
            for labels, counters in rows.items():
                family.add_metric(list(labels), getattr(counters, name))
            yield family

    def _terminations(self) -> Metric:
        family = CounterMetricFamily(
            "switchover_terminations",
            "Connections and requests that did not end normally, by termination state.",
            labels=[*_LABELS, "state"],
        )
        for key, count in self.observation.terminations.items():
            family.add_metric(list(key), count)
        return family

    def _cycle(self) -> Iterator[Metric]:
        report = self.cycle.report
        drift = GaugeMetricFamily("switchover_drift", "Differences that nobody ordered.")
        drift.add_metric([], len(report.drifts) if report else 0)
        yield drift
        revision = GaugeMetricFamily("switchover_revision", "Number of the revision in force.")
        revision.add_metric([], (report.revision or 0) if report else 0)
        yield revision
        database = GaugeMetricFamily("switchover_database_up", "1 when the database answers.")
        database.add_metric([], float(report.database_answers) if report else 0.0)
        yield database
        engine = GaugeMetricFamily("switchover_engine_up", "1 when the engine runs.")
        engine.add_metric([], float(report.engine_runs) if report else 0.0)
        yield engine


def render_metrics(observation: Observation, cycle: Cycle) -> tuple[bytes, str]:
    """Return the metrics and their content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Source(observation, cycle))
    return generate_latest(registry), CONTENT_TYPE_LATEST
