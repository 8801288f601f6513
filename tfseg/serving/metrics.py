"""Metrics for Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one server."""

    def __init__(self):
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        make = {"registry": self._registry}
        self._requests = Counter("tfseg_requests", "Requests answered", ["path", "status"], **make)
        self._seconds = Histogram(
            "tfseg_request_seconds", "From first line to answer", ["path"], buckets=SECONDS, **make
        )
        self._images = Histogram("tfseg_batch_images", "Images per batch", buckets=IMAGES, **make)
        self._network = Histogram(
            "tfseg_network_seconds", "Seconds per batch in the network", buckets=SECONDS, **make
        )
        self._waiting = Gauge("tfseg_queue_requests", "Waiting requests", **make)
        self._version = Gauge("tfseg_model_version", "Current version", **make)
        self._runtime = Gauge("tfseg_model_runtime", "Current runtime", ["runtime"], **make)

    def request(self, path, status, seconds):
        """Counts an answered request; `path` is the route's pattern."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, images, seconds):
        self._images.observe(images)
        self._network.observe(seconds)

    def watch(self, waiting, current):
        """Sets functions that return the queue's length and the current `Version`."""
        self._waiting.set_function(waiting)
        self._version.set_function(lambda: current().number)
        self._current = current

    def text(self):
        self._runtime.clear()
        self._runtime.labels(self._current().runtime).set(1)
        return generate_latest(self._registry)
