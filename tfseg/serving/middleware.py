"""What stands before every request: token, size, overload, time; and what counts them."""

import asyncio
import hmac
import time

from fastapi import HTTPException
from fastapi.responses import JSONResponse

OPEN = ("/", "/healthz", "/docs", "/openapi.json")  # without a token: they tell nothing private
RETRY_AFTER = "1"  # seconds
DRAIN = 2.0  # seconds that a refused body is read and dropped, so that its sender sees the answer


class Middleware:
    """ASGI middleware: refuses what it can before the body is read.

    Args:
        token: bearer token that requests must bear, or None.
        max_bytes: largest body; it is counted while it comes in, whatever its header says.
        queue: POST requests under way at once; more are answered 503.
        timeout: seconds from a request's first line to its answer.
        metrics: a `tfseg.serving.metrics.Metrics`.
    """

    def __init__(self, app, token, max_bytes, queue, timeout, metrics):
        self.app, self.max_bytes, self.queue = app, max_bytes, queue
        self.timeout, self.metrics = timeout, metrics
        self.token = token.encode() if token else None
        self.active = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self.max_bytes)
        start, refusal = time.monotonic(), self._refusal(scope, exchange.headers)
        counted = scope["method"] == "POST" and not refusal
        self.active += counted
        try:
            async with asyncio.timeout(self.timeout):
                await (refusal or self.app)(scope, exchange.receive, exchange.send)
        except TimeoutError:
            if exchange.status:  # it reads its answer too slowly; the connection is closed
                return
            late = _error(504, "Deadline exceeded") if exchange.whole else _error(408, "Too slow")
            await late(scope, exchange.receive, exchange.send)
        finally:
            self.active -= counted
            path = getattr(scope.get("route"), "path_format", "other")
            self.metrics.request(path, exchange.status, time.monotonic() - start)

    def _refusal(self, scope, headers):
        """The answer to a request that is not let in, else None."""
        if self.token and scope["path"] not in OPEN and not self._bears_token(headers):
            return _error(401, "wanted the token: Authorization: Bearer TOKEN", _BEARER)
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.max_bytes:
            return _error(413, _too_large(self.max_bytes))
        if scope["method"] == "POST" and self.active >= self.queue:
            return _error(503, "overloaded; try again", {"Retry-After": RETRY_AFTER})
        return None

    def _bears_token(self, headers):
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self.token)


_BEARER = {"WWW-Authenticate": "Bearer"}


def _too_large(max_bytes):
    return f"the body is larger than {max_bytes} bytes, the most this server takes"


def _error(status, message, headers=None):
    return JSONResponse({"error": message}, status, headers)


class _Exchange:
    """One request's `receive` and `send`, watched."""

    def __init__(self, scope, receive, send, max_bytes):
        self.headers = dict(scope["headers"])
        self._receive, self._send, self._max_bytes = receive, send, max_bytes
        self._bytes, self.whole, self.status = 0, False, None

    async def receive(self):
        """The next piece of the body. Raises `HTTPException` 413 for one piece too many."""
        message = await self._receive()
        self.whole = not message.get("more_body", False)
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._max_bytes:
            raise HTTPException(413, _too_large(self._max_bytes))
        return message

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            await self._drain()
        await self._send(message)

    async def _drain(self):
        """Reads the rest of the body: a connection closed before that loses the answer."""
        if b"expect" in self.headers and not self._bytes:
            return  # the sender waits to be asked for the body
        try:
            async with asyncio.timeout(DRAIN):
                while not self.whole:
                    self.whole = not (await self._receive()).get("more_body", False)
        except TimeoutError:
            pass
