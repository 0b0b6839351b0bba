"""A request's body as it comes off the socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pileus.kernel.http import Body, BodyCutShort, BodyTooLarge

if TYPE_CHECKING:
    from pileus.gateway.connection import Connection


class BodyTooSlow(BodyCutShort):
    """Nothing came for longer than the limit allows."""


INTAKE_MIN_BYTES = 64 * 1024
"""Of a body that are still to come, for the change of ways to be worth it."""

LARGE_BYTES = 256 * 1024
"""A body that is not read ahead of its handler. The transport reads as much at once."""


class SocketBody(Body):
    """Filled by its connection, read once by the handler.

    Holds little: past `Limits.body_held_bytes` the connection stops reading, and TCP makes the sender wait. Of a large
    body nothing is read before the handler wants it, beyond what came with the head. Chunks come as large as the
    handler is slow (what has arrived meanwhile is joined). `readinto` has the bytes of a large body put into the
    handler's memory by the transport itself (`Intake`): on their other way, through the parser, they are copied four
    times, which costs 4 ms of a core for 8 MiB.

    length        what Content-Length says; None for a chunked body
    is_complete   all of it has arrived (not: has been read)
    """

    # Defaults of the class, for most bodies never set most of them.
    is_complete = False
    received_bytes = 0
    held_bytes = 0
    waiting_since_s: float | None = None
    _failure: Exception | None = None
    _waiter: asyncio.Future | None = None
    _discarding = False
    _taken = False
    _is_wanted = False
    _intake: "Intake | None" = None
    _disconnected: asyncio.Event | None = None

    def __init__(self, connection: "Connection", length: int | None, waits_for_continue: bool) -> None:
        self.length = length
        self.is_large = length is not None and length >= LARGE_BYTES
        self.waits_for_continue = waits_for_continue
        self._connection = connection
        self._chunks: list[bytes] = []

    # The handler's side

    @property
    def disconnected(self) -> asyncio.Event:
        """Set when the client went away. For handlers that wait long: their answer would reach nobody."""
        if self._disconnected is None:
            self._disconnected = asyncio.Event()
            if self._connection.is_peer_gone:
                self._disconnected.set()
        return self._disconnected

    def read_arrived(self, limit_bytes: int) -> bytes | None:
        if not self.is_complete or self._failure is not None:
            return None
        if self.received_bytes > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        self._take_once()
        return self._take() if self._chunks else b""

    async def read(self, limit_bytes: int) -> bytes:
        arrived = self.read_arrived(limit_bytes)
        if arrived is not None:
            return arrived
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

    async def readinto(self, room: memoryview) -> int:
        """Fill the room, but for the body's end and what has already come."""
        self._taken = True
        while not self._chunks:
            if self._failure is not None:
                raise self._failure
            if self.is_complete:
                return 0
            if self._intake is None and self.is_large and self.length - self.received_bytes >= INTAKE_MIN_BYTES:
                self._connection.begin_intake(self)
            if self._intake is not None:
                return await self._received(room)
            await self._wait()
        count = 0
        while self._chunks and count < len(room):
            first = memoryview(self._chunks[0])
            some = min(len(room) - count, len(first))
            room[count : count + some] = first[:some]
            count += some
            self._chunks[:1] = [first[some:]] if some < len(first) else []
        self.held_bytes -= count
        self._connection.adjust_reading()
        return count

    @property
    def is_at_end(self) -> bool:
        return self.is_complete and not self._chunks

    async def _received(self, room: memoryview) -> int:
        intake = self._intake
        before = self.received_bytes
        intake.room = room[: self.length - before]
        try:
            while intake.room and self._failure is None:
                await self._wait()
        finally:
            intake.room = None
            self._connection.adjust_reading()
        if self._failure is not None:
            raise self._failure
        return self.received_bytes - before

    def _take_once(self) -> None:
        assert not self._taken, "a body is read once"
        self._taken = True

    def _take(self) -> bytes:
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self.held_bytes = 0
        if self._connection.read_paused:
            self._connection.adjust_reading()
        return data

    async def _wait(self) -> None:
        if self.waits_for_continue:
            self.waits_for_continue = False
            # A sender that did not wait for it needs no leave any more (RFC 9110, 10.1.1).
            if not self.received_bytes:
                self._connection.write_continue()
        loop = asyncio.get_running_loop()
        self._is_wanted = True
        self._connection.adjust_reading()
        self._waiter = loop.create_future()
        self.waiting_since_s = loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = self.waiting_since_s = None

    # The connection's side

    @property
    def is_full(self) -> bool:
        """Whether nothing should be read for it now."""
        if self._discarding:
            return False
        if self._intake is not None:
            return not self._intake.room
        if self.is_large and not self._is_wanted:
            return True
        return self.held_bytes > self._connection.limits.body_held_bytes

    def feed(self, data: bytes) -> None:
        count = len(data)
        self.received_bytes += count
        if self._discarding:
            return
        self._chunks.append(data)
        self.held_bytes += count
        if self._waiter is not None:
            self._wake()

    def begin_intake(self, intake: "Intake") -> None:
        self._intake = intake

    def taken_in(self, count: int) -> None:
        """The transport has put so many bytes into the intake's room."""
        self.received_bytes += count
        if self._waiter is not None:
            self.waiting_since_s = self._connection.loop.time()
        if not self._intake.room:
            self._wake()

    def complete(self) -> None:
        self.is_complete = True
        if self._waiter is not None:
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


class Intake(asyncio.BufferedProtocol):
    """Stands in for the connection while the rest of a large body comes: the transport reads straight into `room`.

    With nobody to read it (the body is discarded) the rest is swallowed.
    """

    def __init__(self, connection: "Connection", body: SocketBody) -> None:
        self.room: memoryview | None = None
        self._connection = connection
        self._body = body

    def get_buffer(self, sizehint: int) -> memoryview:
        if self.room:
            return self.room
        return memoryview(bytearray(max(1, min(self._body.length - self._body.received_bytes, LARGE_BYTES))))

    def buffer_updated(self, nbytes: int) -> None:
        body = self._body
        if self.room:
            self.room = self.room[nbytes:]
        body.taken_in(nbytes)
        if body.received_bytes == body.length:
            self._connection.end_intake()
        elif not self.room:
            self._connection.adjust_reading()

    def eof_received(self) -> bool:
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
