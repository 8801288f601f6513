"""Checks every request's access, size and time, and overload; counts metrics."""

import asyncio
import time

from fastapi import HTTPException

from tfseg.serving.answers import BUSY, refusal

GONE = 499  # nginx's status for a client that left before its answer
DRAIN = 5.0  # seconds to read and drop the rest of a body after its answer
DRAINED = 4  # most bytes of it to drop, as a multiple of the largest body


class Middleware:
    """ASGI middleware: refuses requests before reading their bodies, if possible.

    Args:
        access: a `tfseg.serving.access.Access`.
        max_bytes: largest body; counted on arrival, whatever the header says.
        queue: most POST requests in progress; more get 503.
        is_busy: tells whether a body of so many bytes would be refused.
        timeout: seconds from a request's first line to its answer.
        metrics: a `tfseg.serving.metrics.Metrics`.
    """

    def __init__(self, app, access, max_bytes, queue, is_busy, timeout, metrics):
        self.app, self.access, self.max_bytes, self.queue = app, access, max_bytes, queue
        self.is_busy, self.timeout, self.metrics = is_busy, timeout, metrics
        self.active = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange, start = _Exchange(scope, receive, send, self.max_bytes), time.monotonic()
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # uvicorn, with its own, leaves out the body
        refused = self._refusal(scope, exchange.headers)
        try:
            if refused:
                await refused(scope, exchange.receive, exchange.send)
            elif late := await self._answer(scope, exchange):
                await late(scope, exchange.receive, exchange.send)
        finally:
            status = exchange.status or (GONE if exchange.gone else 500)
            path = getattr(scope.get("route"), "path_format", "other")
            self.metrics.request(path, status, time.monotonic() - start)

    async def _answer(self, scope, exchange):
        """Runs the application within the timeout; returns a response if it was too late."""
        counted = scope["method"] == "POST"
        self.active += counted
        try:
            async with asyncio.timeout(self.timeout):
                await self.app(scope, exchange.receive, exchange.send)
        except TimeoutError:
            if exchange.status:  # the client reads too slowly; the connection is closed
                return None
            return refusal(504, "Deadline exceeded") if exchange.whole else refusal(408, "Too slow")
        finally:
            self.active -= counted
        return None

    def _refusal(self, scope, headers):
        """The response that refuses a request, else None."""
        if refused := self.access.refusal(scope["path"], headers):
            return refused
        coding = headers.get(b"content-encoding", b"identity").decode("latin-1")
        if coding.strip().lower() not in ("identity", ""):
            message = f"Content-Encoding: {coding[:40]!r}; send the body as it is"
            return refusal(415, message, {"Accept-Encoding": "identity"})
        digits = headers.get(b"content-length", b"0")
        length = int(digits) if digits.isdigit() else 0
        if length > self.max_bytes:
            return refusal(413, _too_large(self.max_bytes))
        if scope["method"] == "POST" and (self.active >= self.queue or self.is_busy(length)):
            return refusal(*BUSY)
        return None


def _too_large(max_bytes):
    return f"the body is larger than {max_bytes} bytes, the most this server takes"


class _Exchange:
    """Wraps one request's `receive` and `send`.

    Attributes:
        whole: the body has arrived completely.
        gone: the client has closed the connection.
        status: status of the answer, once it has begun.
    """

    def __init__(self, scope, receive, send, max_bytes):
        self.headers = headers = dict(scope["headers"])
        self._receive, self._send, self._max_bytes = receive, send, max_bytes
        self._bytes, self.gone, self.status = 0, False, None
        self.whole = b"transfer-encoding" not in headers
        self.whole &= headers.get(b"content-length", b"0") == b"0"

    async def receive(self):
        """The next piece of the body. Raises `HTTPException` 413 if it gets too large."""
        message = await self._next()
        if self._bytes > self._max_bytes:
            raise HTTPException(413, _too_large(self._max_bytes))
        return message

    async def _next(self):
        message = await self._receive()
        self.gone = message["type"] == "http.disconnect"
        self.whole = not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        return message

    async def send(self, message):
        """Sends the answer; drains the body first, because closing early would lose the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self.whole:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        elif not self.whole and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _drain(self):
        """Reads and drops the rest of the body, within bounds."""
        if b"expect" in self.headers and not self._bytes:
            return  # the client waits to be asked for the body
        try:
            async with asyncio.timeout(DRAIN):
                while not self.whole and self._bytes < DRAINED * self._max_bytes:
                    await self._next()
        except TimeoutError:
            pass
