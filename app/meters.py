"""What the server counts of itself, for Prometheus. No label can take a value that a reader chooses."""

from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

Refusal = Literal["queue-full", "own-queue-full", "unavailable", "too-large"]
Origin = Literal["made", "shared", "kept"]


class Meters:
    """One set for each application: two in one process do not count together."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._runs = Counter(
            "tapescope_runs", "Snippets run in the sandbox.", ("kind", "outcome", "reason"), registry=registry
        )
        self._run_seconds = Histogram(
            "tapescope_run_seconds", "From a run's request to its answer, waiting included.", ("kind",),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._refused = Counter("tapescope_refused", "Runs that were not accepted.", ("why",), registry=registry)
        self._answers = Counter("tapescope_answers", "Where answers came from.", ("origin",), registry=registry)
        self._left = Counter("tapescope_left", "Requests whose reader left before the answer.", registry=registry)
        self._replaced = Counter(
            "tapescope_zygotes_replaced", "Processes that fork, replaced.", ("why",), registry=registry
        )
        self._requests = Counter("tapescope_requests", "Answered requests.", ("route", "status"), registry=registry)
        self._request_seconds = Histogram(
            "tapescope_request_seconds", "From a request to the end of its answer.", ("route",),
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip

    def ran(self, kind: str, outcome: str, reason: str | None, seconds: float) -> None:
        """A run has ended. `kind` and `outcome` are the wire's own words."""
        self._runs.labels(kind, outcome, reason or "").inc()
        self._run_seconds.labels(kind).observe(seconds)

    def refused(self, why: Refusal) -> None:
        """A run was not accepted."""
        self._refused.labels(why).inc()

    def answered(self, origin: Origin) -> None:
        """An answer was made for its reader, shared with others who waited, or kept from before."""
        self._answers.labels(origin).inc()

    def reader_left(self) -> None:
        """A reader closed the connection before the answer."""
        self._left.inc()

    def zygote_replaced(self, why: Literal["died", "grown"]) -> None:
        """Another process forks from here on."""
        self._replaced.labels(why).inc()

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is a path as it was declared, not as it was asked for."""
        self._requests.labels(route, f"{status // 100}xx").inc()
        self._request_seconds.labels(route).observe(seconds)

    def watch(self, name: str, about: str, measure: Callable[[], float]) -> None:
        """Ask for a number whenever somebody reads."""
        Gauge(f"tapescope_{name}", about, registry=self._registry).set_function(measure)

    def read(self) -> bytes:
        """All of it, as `media_type` says."""
        return generate_latest(self._registry)
