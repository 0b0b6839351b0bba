"""The HTTP server: a port, its connections, and their orderly end.

Speaks HTTP/1.1 and 1.0 by httptools and the event loop's transports (uvloop's or asyncio's own); why no framework's
server is in `docs/decisions/0001-http-server.md`. One file a subject: `connection` (requests off the wire, one answer
after the other), `incoming` (bodies), `outgoing` (responses), `turn` (which responses leave together), `limits`.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import orjson

from pileus.gateway.connection import Connection
from pileus.gateway.limits import Limits
from pileus.gateway.outgoing import FileThreads
from pileus.gateway.turn import Turn
from pileus.kernel.clock import Clock
from pileus.kernel.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
Refuser = Callable[[int, str, str], HttpResponse]
OnWebsocket = Callable[[HttpRequest, asyncio.Transport, bytes], None]

FILE_THREADS = 16
"""They wait for the disk, and for a receiver only while there are some to spare."""

BACKLOG = 1024


def refuse_as_json(status: int, code: str, message: str) -> HttpResponse:
    """An error that no service answers for, in the shape most of AWS's protocols share."""
    headers = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-errortype", code)]
    return HttpResponse(status, headers, orjson.dumps({"__type": code, "message": message}))


class Server:
    """Listens on one port and asks `handle` for each response.

    handle        async, one request in, one response out. May raise BodyTooLarge and BodyCutShort as they come.
                  Not cancelled when the client leaves: handlers that wait long look at `request.body.disconnected`
    port          0 takes a free one; `port` is the real one after `start`
    tls           with `verify_mode` CERT_OPTIONAL or CERT_REQUIRED, requests show the client's certificate
    refuse        makes the response for what never reaches `handle` (status, AWS code, message)
    on_websocket  called with a request to upgrade, its transport and the bytes already read behind it; must give the
                  transport another protocol before it returns. Without it the answer is 501
    clock         for the Date header only, by which SDKs correct their own clock
    """

    __slots__ = (
        "_all_closed",
        "_connections",
        "_date",
        "_date_s",
        "_listener",
        "_look",
        "clock",
        "file_threads",
        "handle",
        "host",
        "limits",
        "loop",
        "on_websocket",
        "port",
        "refuse",
        "tls",
        "turn",
    )

    def __init__(
        self,
        handle: Handler,
        host: str,
        port: int,
        *,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        refuse: Refuser = refuse_as_json,
        on_websocket: OnWebsocket | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.handle = handle
        self.host = host
        self.port = port
        self.limits = limits or Limits()
        self.tls = tls
        self.refuse = refuse
        self.on_websocket = on_websocket
        self.clock = clock or Clock()
        self.loop: asyncio.AbstractEventLoop = None  # the one that `start` runs in
        self.file_threads: FileThreads = None  # its threads start with the first file
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._look: asyncio.TimerHandle | None = None
        self.turn: Turn = None  # of the loop
        self._all_closed: asyncio.Event | None = None
        self._date_s = -1
        self._date = ""

    async def start(self) -> None:
        """Return when connections are accepted. Raises OSError if the port is taken."""
        self.loop = asyncio.get_running_loop()
        self.turn = Turn(self.loop)
        self.file_threads = FileThreads(FILE_THREADS)
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        handshake = {"ssl_handshake_timeout": self.limits.head_s} if self.tls is not None else {}
        self._listener = await self.loop.create_server(
            lambda: Connection(self), self.host, self.port, ssl=self.tls, backlog=BACKLOG, **handshake
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self, grace_s: float = 10) -> None:
        """Accept no more, let the requests under way end within `grace_s`, then cut what is left."""
        if self._listener is None:
            return
        self._listener.close()
        self.turn.end()
        for connection in list(self._connections):
            connection.stop()
        try:
            await asyncio.wait_for(self._all_closed.wait(), grace_s)
        except TimeoutError:
            await self._cut()
        await self._listener.wait_closed()
        self._listener = None
        if self._look is not None:
            self._look.cancel()
            self._look = None
        self.file_threads.shutdown(wait=False)

    async def _cut(self) -> None:
        tasks = [connection.task for connection in self._connections if connection.task is not None]
        for connection in list(self._connections):
            connection.transport.abort()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._all_closed.wait()

    # Called by connections

    def add(self, connection: Connection) -> bool:
        """Take it on; False if there are already as many as may be (it is to say so and go)."""
        self._connections.add(connection)
        self._all_closed.clear()
        if self._look is None:
            self._look = self.loop.call_later(self.limits.look_every_s, self._look_at_clock)
        return len(self._connections) <= self.limits.connections

    def remove(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_closed.set()

    def date_header(self) -> str:
        """The Date line (RFC 9110, 5.6.7), made once a second."""
        now_s = self.clock.now_ms() // 1000
        if now_s != self._date_s:
            self._date_s = now_s
            self._date = f"date: {formatdate(now_s, usegmt=True)}\r\n"
        return self._date

    def _look_at_clock(self) -> None:
        """One timer for all connections: setting and cancelling one per request would cost more than the request."""
        now_s = self.loop.time()
        for connection in list(self._connections):
            connection.look_at_clock(now_s)
        self._look = None
        if self._connections:
            self._look = self.loop.call_later(self.limits.look_every_s, self._look_at_clock)
