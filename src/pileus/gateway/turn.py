"""The responses of one turn of the event loop, which leave together.

The problem. A send to a client that sleeps wakes it, which costs the sender more than the rest of the send. Where making
the next response takes longer than the client is busy with this one, every single send wakes it.

The way. Small responses are held until the loop has done what is before it, and sent in a row: the first wakes the
client, the others find it awake. Measured with 16 clients: GetItem 10,900/s without, 13,900 with it.
"""

import asyncio


class Turn:
    """Holds at most one response of each connection: the next one's request begins after the turn."""

    __slots__ = (
        "_held",
        "_loop",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._held: list[tuple[asyncio.Transport, bytes]] = []

    def hold(self, transport: asyncio.Transport, message: bytes) -> None:
        """Send it when what the loop has before it now is done."""
        if not self._held:
            self._loop.call_soon(self.end)
        self._held.append((transport, message))

    def end(self) -> None:
        """Send what is held. Whoever closes a connection, or gives it to another protocol, ends the turn first."""
        held, self._held = self._held, []
        for transport, message in held:
            if not transport.is_closing():
                transport.write(message)
