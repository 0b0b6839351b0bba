"""A request's body as it comes off the socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pileus.kernel.http import Body, BodyCutShort, BodyTooLarge

if TYPE_CHECKING:
    from pileus.gateway.connection import Connection


class BodyTooSlow(BodyCutShort):
    """Nothing came for longer than the limit allows."""


class SocketBody(Body):
    """Filled by its connection, read once by the handler.

    Holds little: past `Limits.body_held_bytes` the connection stops reading, and TCP makes the sender wait. Chunks
    come as large as the handler is slow (what has arrived meanwhile is joined), so hashing and writing to disk are
    done in few large steps.

    length        what Content-Length says; None for a chunked body
    is_complete   all of it has arrived (not: has been read)
    """

    def __init__(self, connection: "Connection", length: int | None, waits_for_continue: bool) -> None:
        self.length = length
        self.is_complete = False
        self.received_bytes = 0
        self.held_bytes = 0
        self.waits_for_continue = waits_for_continue
        self.waiting_since_s: float | None = None
        self._connection = connection
        self._chunks: list[bytes] = []
        self._failure: Exception | None = None
        self._waiter: asyncio.Future | None = None
        self._discarding = False
        self._taken = False
        self._disconnected: asyncio.Event | None = None

    # The handler's side

    @property
    def disconnected(self) -> asyncio.Event:
        """Set when the client went away. For handlers that wait long: their answer would reach nobody."""
        if self._disconnected is None:
            self._disconnected = asyncio.Event()
            if self._connection.is_peer_gone:
                self._disconnected.set()
        return self._disconnected

    async def read(self, limit_bytes: int) -> bytes:
        if self.length is not None and self.length > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        self._take_once()
        parts: list[bytes] = []
        total = 0
        while True:
            if self._chunks:
                total += self.held_bytes
                if total > limit_bytes:
                    raise BodyTooLarge(limit_bytes)
                parts.append(self._take())
            if self._failure is not None:
                raise self._failure
            if self.is_complete:
                return parts[0] if len(parts) == 1 else b"".join(parts)
            await self._wait()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._take_once()
        while True:
            if self._chunks:
                yield self._take()
            elif self._failure is not None:
                raise self._failure
            elif self.is_complete:
                return
            else:
                await self._wait()

    def _take_once(self) -> None:
        assert not self._taken, "a body is read once"
        self._taken = True

    def _take(self) -> bytes:
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self.held_bytes = 0
        self._connection.adjust_reading()
        return data

    async def _wait(self) -> None:
        if self.waits_for_continue:
            self.waits_for_continue = False
            # A sender that did not wait for it needs no leave any more (RFC 9110, 10.1.1).
            if not self.received_bytes:
                self._connection.write_continue()
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self.waiting_since_s = loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = self.waiting_since_s = None

    # The connection's side

    def feed(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self._discarding:
            return
        self._chunks.append(data)
        self.held_bytes += len(data)
        self._wake()

    def complete(self) -> None:
        self.is_complete = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        if not self.is_complete and self._failure is None:
            self._failure = failure
            self._wake()

    def peer_gone(self) -> None:
        self.fail(BodyCutShort("the connection ended before the body did"))
        if self._disconnected is not None:
            self._disconnected.set()

    def discard(self) -> None:
        """Nobody will read the rest."""
        self._discarding = True
        self._chunks = []
        self.held_bytes = 0

    def can_be_drained(self, limit_bytes: int) -> bool:
        """Whether what is still to come is little enough to swallow, so that the connection can be kept."""
        if self.is_complete:
            return True
        if self._failure is not None or self.length is None or self.waits_for_continue:
            return False
        return self.length - self.received_bytes <= limit_bytes

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
