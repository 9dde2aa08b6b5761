"""Counters and gauges in Prometheus' text format. No metric names a machine, a vault or a sender."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]

COUNTERS = {
    "remediate_http_requests_total": "HTTP requests answered, by path and status.",
    "remediate_deliveries_total": "Deliveries by what became of them at the door.",
    "remediate_alerts_total": "Alerts by what became of them.",
    "remediate_verdicts_total": "Verdicts of runs and dry runs.",
    "remediate_worker_errors_total": "Errors that a worker did not expect.",
    "remediate_notifications_total": "Notifications by channel and result.",
}
GAUGES = {
    "remediate_queue_deliveries": "Deliveries that wait or are worked on.",
    "remediate_queue_oldest_seconds": "Age of the oldest delivery that waits.",
    "remediate_open_runs": "Runs without a final verdict.",
    "remediate_frozen": "1 while the kill switch is on.",
    "remediate_ready": "1 while journal and Azure can be used.",
    "remediate_workers": "Workers that are alive.",
    "remediate_mode": "1 for the mode that is in force.",
    "remediate_build_info": "1; the version is in the label.",
}


class Metrics:
    """Counts; may be given to many threads."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self._turn = threading.Lock()

    def count(self, name: str, **labels: str) -> None:
        """Count one.

        Args:
            name: one of :data:`COUNTERS`.
            labels: labels, each from a small fixed set of values.
        """
        with self._turn:
            self._counts[name, tuple(sorted(labels.items()))] += 1

    def text(self, gauges: Iterable[Sample]) -> str:
        """Return everything as Prometheus reads it.

        Args:
            gauges: samples of :data:`GAUGES`.
        """
        with self._turn:
            counts: list[Sample] = [(name, labels, value) for (name, labels), value in self._counts.items()]
        samples = sorted([*counts, *gauges])
        lines: list[str] = []
        for names, kind in ((COUNTERS, "counter"), (GAUGES, "gauge")):
            for name, means in names.items():
                lines += [f"# HELP {name} {means}", f"# TYPE {name} {kind}"]
                lines += [_line(one) for one in samples if one[0] == name]
        return "\n".join(lines) + "\n"


def _line(sample: Sample) -> str:
    name, labels, value = sample
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
