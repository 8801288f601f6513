"""Limits connections: their number, and deadlines for request headers and for reading answers.

uvicorn has none of these. This extends its h11 protocol instead of httptools: h11 comes with
uvicorn, tells in `their_state` whether the header is complete, and refuses ambiguous requests.
Compared to a network, its parser costs nothing.
"""

import contextlib
import json
from dataclasses import dataclass, field

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

LINGER = 1.0  # seconds for a refused client to read the reason
LINGERING = 64  # refused connections that may be open; more are closed at once


@dataclass
class Limits:
    """State shared by all connections of a server.

    Attributes:
        most: open connections. One more closes the connection that has been idle longest; if none
            is idle, the new one gets 503.
        header_timeout: seconds from a connection's start, or a later request's first byte, to the
            end of that request's headers.
        answer_timeout: seconds for a client to read an answer.
        lingering: connections that were refused and are not closed yet.
    """

    most: int
    header_timeout: float
    answer_timeout: float
    lingering: set = field(default_factory=set)


class Protocol(H11Protocol):
    """One connection, within `Limits`."""

    def __init__(self, *arguments, limits, **named):
        super().__init__(*arguments, **named)
        self._limits, self._deadline, self.idle_since = limits, None, None

    def connection_made(self, transport):
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        if len(self.connections) > self._limits.most and not self._make_room():
            self._refuse(503, "too many connections; try again", "Retry-After: 1\r\n")
        self._watch_head()

    def connection_lost(self, exc):
        self._stop_watch()
        self._limits.lingering.discard(self)
        super().connection_lost(exc)

    def data_received(self, data):
        if self in self._limits.lingering:
            return  # read it all, because closing a socket with unread data loses the answer
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self):
        super().on_response_complete()
        self.idle_since = self.loop.time()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(self._limits.answer_timeout, self._drop_unread)

    def send_400_response(self, msg):
        """Answers invalid HTTP, unless another answer has already begun."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse(400, msg)
        else:
            self.transport.close()

    @property
    def is_idle(self):
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self):
        """Closes the connection that has been idle longest; False if none is idle."""
        idle = [other for other in self.connections if other.is_idle and other is not self]
        if not idle:
            return False
        oldest = min(idle, key=lambda other: other.idle_since)
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _watch_head(self):
        waits = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if not waits:
            self._stop_watch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._limits.header_timeout, self._too_late)

    def _stop_watch(self):
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self):
        if self.conn.trailing_data[0]:
            self._refuse(408, "the request's headers arrived too slowly")
        else:
            self.transport.close()

    def _refuse(self, status, message, header=""):
        """Answers without a request, and closes the connection shortly after."""
        lingering = self._limits.lingering
        self._stop_watch()
        self.connections.discard(self)
        if len(lingering) >= LINGERING:
            self.transport.abort()
            return
        lingering.add(self)
        body = json.dumps({"error": message}).encode()
        phrase = STATUS_PHRASES[status].decode()
        head = (
            f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{header}Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        with contextlib.suppress(OSError):  # the client has gone already
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.abort)

    def _drop_unread(self):
        if self.transport.get_write_buffer_size():
            self.transport.abort()
