"""HTTP requests and responses as plain values: what the server hands to the gateway and takes back.

Only `gateway/` speaks to the server library; everything else knows these.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec


class Body:
    """A request's body: a stream that is read once.

    This one holds all its bytes already; the gateway's reads from the socket. `read` is for bodies that a limit keeps
    small, iteration for those that must stream, `readinto` for those that stream into memory of the reader's: then
    the reader computes the `digests` and ends with `check`.
    """

    digests: Sequence[str] = ()
    _pieces: AsyncIterator[bytes] | None = None
    _left = memoryview(b"")

    def __init__(self, data: bytes = b"") -> None:
        self._data = data

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body. Raises BodyTooLarge past the limit, BodyCutShort if the sender went away."""
        if len(self._data) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        return self._data

    def read_arrived(self, limit_bytes: int) -> bytes | None:
        """What `read` would give, where all of it is known to be here; None: it takes `read` to say."""
        return None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._data:
            yield self._data

    async def readinto(self, room: memoryview) -> int:
        """Put what comes next at the room's beginning and return how many bytes it is; 0 at the end."""
        if self._pieces is None:
            self._pieces = aiter(self)
        while not self._left:
            piece = await anext(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(room), len(self._left))
        room[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    @property
    def is_at_end(self) -> bool:
        """Whether it is sure that `readinto` would return 0. A body may learn of its end only by looking."""
        return False

    def check(self, digests: Mapping[str, bytes]) -> None:
        """Raise what iterating would have raised at the end, if the bytes that `readinto` gave have other digests."""

    @property
    def disconnected(self) -> asyncio.Event:
        """Set when the client went away: who waits long looks at it before taking anything. Never set in memory."""
        return asyncio.Event()


class BodyTooLarge(Exception):
    """More bytes than the reader's limit."""


class BodyCutShort(Exception):
    """The connection ended, or fewer bytes came than Content-Length says."""


class Peer(msgspec.Struct):
    """The other end of a connection: where it is, where it came to, and what has been found out about it.

    is_function  whether a function that runs here made it; None: nobody has asked yet
    """

    remote: tuple
    local: tuple
    is_function: bool | None = None


class HttpRequest(msgspec.Struct):
    """As it came over the wire.

    path     percent-encoded as sent, never normalized: S3 keys and signatures depend on it
    query    without "?", undecoded
    headers  lower-case names; repeated ones joined with ","
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: Body = msgspec.field(default_factory=Body)
    scheme: str = "http"
    client_host: str = "127.0.0.1"
    client_certificate_pem: str | None = None
    peer: Peer | None = None
    """None: it came over no connection, but was made in this process."""

    @property
    def host(self) -> str:
        return self.headers.get("host", "localhost")

    def with_body(self, body: Body) -> "HttpRequest":
        """The same with another body. structs.replace takes three times as long, and every upload comes by here."""
        return HttpRequest(
            self.method,
            self.path,
            self.query,
            self.headers,
            body,
            self.scheme,
            self.client_host,
            self.client_certificate_pem,
            self.peer,
        )


@dataclass(slots=True)
class FilePart:
    """A body that lies in a file: `length` bytes from `offset` on."""

    path: str
    offset: int
    length: int


class HttpResponse(msgspec.Struct):
    """`body` is bytes, a FilePart, or an async iterator of bytes (then Content-Length may be absent: chunked)."""

    status: int = 200
    headers: list[tuple[str, str]] = []
    body: bytes | FilePart | AsyncIterator[bytes] = b""
