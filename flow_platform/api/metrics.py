"""The metrics of the service, for Prometheus. One registry for each app: two apps share nothing.

Labels are route templates, never paths: a path may hold text that a person typed.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "flow_api_requests", "Requests.", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "flow_api_request_seconds",
            "Time from the request's head to the response's end.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_progress = Gauge(
            "flow_api_requests_in_progress", "Requests being answered.", registry=self.registry
        )
        self.refused = Counter(
            "flow_api_refused", "Requests over a limit.", ("limit",), registry=self.registry
        )
        self.failed_sign_ins = Counter(
            "flow_api_failed_sign_ins", "Sign-ins refused.", registry=self.registry
        )
        self.model_swaps = Counter(
            "flow_api_model_swaps", "Champions taken into use.", ("flow",), registry=self.registry
        )
        self.model_broken = Gauge(
            "flow_api_model_broken",
            "1 while the vintage that should serve cannot be used.",
            ("flow", "measure"),
            registry=self.registry,
        )
        # `labels` takes a lock and builds a key: a third of the cost of counting.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (route, method, status)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = (
                self.requests.labels(route, method, str(status)),
                self.seconds.labels(route, method),
            )
        found[0].inc()
        found[1].observe(seconds)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
