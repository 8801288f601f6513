"""The middleware's metrics, with an application that fails in ways ours must not."""

import asyncio
from types import SimpleNamespace

import pytest

from tfseg.serving.access import Access
from tfseg.serving.metrics import Metrics
from tfseg.serving.middleware import Middleware


async def crash(scope, receive, send):
    raise RuntimeError("a mistake")


async def read(scope, receive, send):
    while (await receive())["type"] != "http.disconnect":
        pass


def count_of(app, status):
    """Runs one request that is closed after its headers; returns the count of a status."""
    metrics, access = Metrics(), Access(None, None, any_address=True)
    middleware = Middleware(app, access, 100, 4, lambda size: False, 5, metrics)
    metrics.watch(lambda: 0, lambda: SimpleNamespace(number=1, runtime="saved_model"))

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    try:
        asyncio.run(middleware(scope, receive, send))
    finally:
        assert f'path="other",status="{status}"}} 1.0'.encode() in metrics.text()
    assert middleware.active == 0


def test_a_crash_counts_as_500():
    with pytest.raises(RuntimeError, match="a mistake"):
        count_of(crash, 500)


def test_who_left_counts_as_499():
    count_of(read, 499)
