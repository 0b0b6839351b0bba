"""One client's connection: HTTP/1.1 requests in, responses out, in order.

httptools (llhttp, Node's parser) finds the messages; this turns them into `HttpRequest`s, runs the handler for one at
a time (pipelined ones wait), and decides when the connection ends. What is kept small on purpose: nothing is read
ahead of a slow handler or written ahead of a slow receiver beyond `Limits`, no timer is set per request (the server
looks at all connections now and then), and a small request costs one task and no future.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING

import httptools

from pileus.gateway.incoming import BodyTooSlow, Intake, SocketBody
from pileus.gateway.outgoing import write_response
from pileus.kernel.http import BodyCutShort, BodyTooLarge, HttpRequest, HttpResponse, Peer

if TYPE_CHECKING:
    from pileus.gateway.server import Server

log = logging.getLogger("pileus.http")


_NAMES: dict[bytes, str] = {}
"""Names of headers as they came, and as the requests have them. Clients send the same few for ever."""
NAMES_MAX = 256


def _name_of(header: bytes) -> str:
    if len(_NAMES) >= NAMES_MAX:
        _NAMES.clear()
    name = _NAMES[header] = header.lower().decode("latin-1")
    return name


class Refused(Exception):
    """A message the handler will not see: status, AWS's code for it, and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Reply:
    """A request and what becomes of the reply to it.

    is_head         the response has no body (HEAD, 204, 304)
    head_sent       bytes of the response have left
    declared_bytes  the Content-Length the handler gave, if any
    """

    __slots__ = ("body", "declared_bytes", "head_sent", "is_head", "is_http_1_0", "keep_alive", "refusal", "request")

    def __init__(
        self,
        request: HttpRequest | None,
        body: SocketBody | None,
        refusal: Refused | None = None,
        *,
        keep_alive: bool = False,
        is_http_1_0: bool = False,
    ) -> None:
        self.request = request
        self.body = body
        self.refusal = refusal
        self.keep_alive = keep_alive
        self.is_head = request is not None and request.method == "HEAD"
        self.is_http_1_0 = is_http_1_0
        self.head_sent = False
        self.declared_bytes: int | None = None


class Connection(asyncio.Protocol):
    # More than Python 3.11 finds quickly in an object's dict (30).
    __slots__ = (
        "_writable",
        "client_certificate_pem",
        "client_host",
        "current",
        "headers",
        "ignores_input",
        "in_head",
        "incoming",
        "is_local",
        "is_lost",
        "is_new_message",
        "is_peer_gone",
        "is_stopping",
        "is_tls",
        "limits",
        "lingering_since_s",
        "loop",
        "parser",
        "peer",
        "piece_bytes",
        "read_paused",
        "server",
        "since_s",
        "task",
        "transport",
        "unparsed_bytes",
        "upgrading",
        "url",
        "waiting",
        "write_blocked_since_s",
        "write_paused",
    )

    def __init__(self, server: "Server") -> None:
        self.server = server
        self.limits = server.limits
        self.loop = server.loop
        self.transport: asyncio.Transport = None  # set in connection_made, before anything can use it
        self.parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self.is_tls = False
        self.is_local = False
        self.client_host = ""
        self.peer: Peer = None  # set in connection_made
        self.client_certificate_pem: str | None = None
        # What is being received
        self.in_head = False
        self.url = b""
        self.headers: dict[str, str] = {}
        self.incoming: SocketBody | None = None
        self.upgrading: Reply | None = None
        self.unparsed_bytes = 0  # of a head, or of chunk framing, that have led to nothing yet
        self.piece_bytes = 0  # the length of what the parser is being fed
        self.is_new_message = False  # a head began in it
        self.ignores_input = False
        # What is being answered
        self.current: Reply | None = None
        self.task: asyncio.Task | None = None
        self.waiting: deque[Reply] = deque()
        self.is_peer_gone = False
        self.is_lost = False
        self.is_stopping = False
        # Times of the loop's clock (real time, whatever the cloud's clock says: it is about sockets)
        self.since_s = 0.0  # idle since, or the head began
        self.lingering_since_s: float | None = None
        self.write_blocked_since_s: float | None = None
        # Flow control
        self.read_paused = False
        self.write_paused = False
        self._writable: asyncio.Future | None = None

    # Called by the transport

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.since_s = self.loop.time()
        transport.set_write_buffer_limits(high=self.limits.write_held_bytes)
        peer = transport.get_extra_info("peername")
        self.client_host = peer[0] if peer else ""
        self.is_local = self.client_host in ("127.0.0.1", "::1")
        self.peer = Peer(peer or (), transport.get_extra_info("sockname") or ())
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.is_tls = True
            certificate = tls.getpeercert(binary_form=True)
            self.client_certificate_pem = ssl.DER_cert_to_PEM_cert(certificate) if certificate else None
        if not self.server.add(self):
            self._refuse(Refused(503, "ServiceUnavailable", "Too many connections."))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self.current is None:  # else its handler still runs, and `Server.stop` is to wait for it
            self.server.remove(self)
        self.parser = None  # it holds us, we hold it
        self._peer_gone()
        self.waiting.clear()
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(ConnectionResetError("the receiver went away"))

    def eof_received(self) -> bool:
        # A sender that has only finished sending still wants its answer; whether it has gone altogether, nobody can
        # tell before writing to it. (TLS closes regardless.)
        self.server.turn.end()  # its answer may be held there, and is all that keeps the connection open
        self._peer_gone()
        return self.current is not None and self.lingering_since_s is None

    def data_received(self, data: bytes) -> None:
        if self.ignores_input:
            return
        self.piece_bytes = len(data)
        self.is_new_message = False
        received_before = -1 if self.incoming is None else self.incoming.received_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError as error:
            refused = error.__context__
            if not isinstance(refused, Refused):
                log.error("a parser callback failed", exc_info=refused)
                refused = Refused(500, "InternalFailure", "The request could not be read.")
            self._refuse(refused)
            return
        except httptools.HttpParserError as error:
            self._refuse(Refused(400, "BadRequest", f"Malformed HTTP: {error}."))
            return
        # A head, a chunk's size line or trailers that never end: the parser keeps what we don't see. The piece in which
        # a head begins is not counted, for it may hold the end of a body too; the transport bounds it to 256 KiB.
        body = self.incoming
        if (self.in_head and not self.is_new_message) or (body is not None and body.received_bytes == received_before):
            self.unparsed_bytes += len(data)
            if self.unparsed_bytes > self.limits.head_bytes:
                self._refuse(self._head_too_large())

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # Called by the parser

    def on_message_begin(self) -> None:
        self.in_head = self.is_new_message = True
        self.url = b""
        self.headers = {}
        self.unparsed_bytes = 0
        self.since_s = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # Latin-1 keeps every byte, so that a signature over UTF-8 can still be checked.
        key = _NAMES.get(name) or _name_of(name)
        text = value.strip(b" \t").decode("latin-1")
        headers = self.headers
        headers[key] = f"{headers[key]},{text}" if key in headers else text

    def on_headers_complete(self) -> None:
        self.in_head = False
        headers = self.headers
        url = self.url.decode("latin-1")
        limit = self.limits.head_bytes
        if self.unparsed_bytes + self.piece_bytes > limit and self._head_length() > limit:
            raise self._head_too_large()
        if url[:1] != "/":
            url = self._to_origin_form(url)
        path, _, query = url.partition("?")
        parser = self.parser
        method = parser.get_method().decode("latin-1")
        length = headers.get("content-length")
        wants_continue = "expect" in headers and headers["expect"].lower() == "100-continue"
        body = SocketBody(self, None if length is None else int(length), wants_continue)
        request = HttpRequest(
            method,
            path,
            query,
            headers,
            body,
            "https" if self.is_tls else "http",
            self.client_host,
            self.client_certificate_pem,
            self.peer,
        )
        keep_alive = parser.should_keep_alive()
        # One of 1.0 is kept only where a header asks for it. The version costs more to ask for than all else here.
        is_http_1_0 = (not keep_alive or "connection" in headers) and parser.get_http_version() == "1.0"
        reply = Reply(request, body, keep_alive=keep_alive, is_http_1_0=is_http_1_0)
        self.incoming = body
        self.headers = {}  # trailers go nowhere: the request's headers were what was signed
        self.unparsed_bytes = 0
        if parser.should_upgrade():
            self.upgrading = reply  # `_upgraded` goes on from there
        else:
            self._enqueue(reply)
            if body.is_large:
                self.adjust_reading()

    def on_body(self, data: bytes) -> None:
        body = self.incoming
        body.feed(data)
        if body.is_full:
            self.adjust_reading()

    def on_message_complete(self) -> None:
        self.incoming.complete()
        self.incoming = None
        self.since_s = self.loop.time()

    def _head_length(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers.items())

    def _head_too_large(self) -> Refused:
        """Source: S3 API reference, "List of error codes"."""
        words = "Your request header section exceeds the maximum allowed size."
        return Refused(400, "RequestHeaderSectionTooLarge", words)

    def _to_origin_form(self, url: str) -> str:
        """`http://host/path` (a client that takes us for its proxy) as `/path`, with the host moved to its header."""
        scheme, separator, rest = url.partition("://")
        if separator and scheme.lower() in ("http", "https"):
            host, slash, path = rest.partition("/")
            self.headers["host"] = host
            return slash + path or "/"
        if url == "*":
            return url
        raise Refused(400, "BadRequest", "The request target is neither a path nor a URL.")

    def _upgraded(self, rest: bytes) -> None:
        """The parser stops at the body of a request that asks for another protocol; only WebSocket is one to us."""
        self.server.turn.end()  # an earlier answer goes before what the other protocol sends
        reply, self.upgrading = self.upgrading, None
        request = reply.request
        if request.headers.get("upgrade", "").lower() != "websocket":
            self._ignore_upgrade(request, rest)
        elif self.server.on_websocket is None:
            self._refuse(Refused(501, "NotImplemented", "Pileus does not implement WebSockets here yet."))
        elif self.current is not None:
            self._refuse(Refused(400, "BadRequest", "A WebSocket can't follow unanswered requests."))
        else:
            self.ignores_input = True
            self.server.remove(self)
            self.server.on_websocket(request, self.transport, rest)

    def _ignore_upgrade(self, request: HttpRequest, rest: bytes) -> None:
        """Go on in HTTP/1.1, as RFC 9110 (7.8) allows: Java's client offers h2c on its first request, also with a body.

        The parser has taken the body for the other protocol, so a new one is shown the head again, without the offer.
        """
        hop = ("upgrade", "connection", "http2-settings")
        target = request.path + (f"?{request.query}" if request.query else "")
        lines = [f"{request.method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name not in hop]
        if "close" in request.headers.get("connection", "").lower():
            lines.append("connection: close")
        self.parser = httptools.HttpRequestParser(self)
        self.data_received("\r\n".join([*lines, "", ""]).encode("latin-1") + rest)

    # One reply after the other

    def _enqueue(self, reply: Reply) -> None:
        if self.current is None:
            self._start(reply)
        else:
            self.waiting.append(reply)
            self.adjust_reading()

    def _start(self, reply: Reply) -> None:
        self.current = reply
        # Not the supervisor's task: it lives as long as its request, and `Server.stop` waits for or cancels it.
        self.task = self.loop.create_task(self._answer(reply))

    async def _answer(self, reply: Reply) -> None:
        try:
            try:
                response = self._refusal(reply) if reply.refusal else await self.server.handle(reply.request)
            except Exception as error:
                response = self._failed(reply, error)
            if self.transport.is_closing():
                return
            body = reply.body
            if self.is_stopping or not (
                body is None or body.is_complete or body.can_be_drained(self.limits.drain_bytes)
            ):
                reply.keep_alive = False
            waits = write_response(self, reply, response)
            if waits is not None:
                await waits
        except ConnectionError:
            reply.keep_alive = False
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        except Exception:
            # The last edge: whatever a response's source or the disk does must not leave the client waiting.
            log.exception("a response could not be sent")
            if reply.head_sent:
                self.transport.abort()  # a cut connection is the only way left to say that it went wrong
            else:
                reply.keep_alive = False
                waits = write_response(self, reply, self.server.refuse(*_INTERNAL_FAILURE))
                if waits is not None:
                    await waits
        finally:
            self._finish(reply)

    def _refusal(self, reply: Reply) -> HttpResponse:
        return self.server.refuse(reply.refusal.status, reply.refusal.code, reply.refusal.message)

    def _failed(self, reply: Reply, error: Exception) -> HttpResponse:
        """What is answered where the handler fails, in a way that is the server's to tell or not."""
        refuse = self.server.refuse
        if isinstance(error, BodyTooLarge):
            return refuse(413, "RequestEntityTooLarge", "The request body is too large.")
        if isinstance(error, BodyTooSlow):
            reply.keep_alive = False
            return refuse(408, "RequestTimeout", "The request body was not received in time.")
        if isinstance(error, BodyCutShort):
            reply.keep_alive = False
            return refuse(400, "IncompleteBody", f"The request body is incomplete: {error}.")
        # The edge between handlers and the wire: an unforeseen error of ours is logged and told, not a lost answer.
        log.error("%s %s failed", reply.request.method, reply.request.path, exc_info=error)
        return refuse(*_INTERNAL_FAILURE)

    def _finish(self, reply: Reply) -> None:
        self.current = self.task = None
        body = reply.body
        if body is not None and not body.is_complete:
            body.discard()
        if self.is_lost:
            self.server.remove(self)
        if self.transport.is_closing():
            return
        if not reply.keep_alive or self.is_stopping:
            self._end()
        elif self.waiting:
            self._start(self.waiting.popleft())
        else:
            self.since_s = self.loop.time()
        if self.read_paused:
            self.adjust_reading()

    def _refuse(self, refusal: Refused) -> None:
        """Answer and hang up: what follows on this connection can't be understood, or is not wanted."""
        self.ignores_input = True
        self.in_head = False
        if self.incoming is not None:
            # Its own request is under way or waits; the handler tells the error if it reads that far.
            self.incoming.fail(BodyCutShort(refusal.message))
            self.incoming = None
            return
        self._enqueue(Reply(None, None, refusal))

    def _end(self) -> None:
        """Close, but not before the answer can be read: unread input makes the kernel send a reset at once."""
        self.waiting.clear()
        if self.incoming is None and not self.ignores_input:
            self.transport.close()
            return
        self.ignores_input = True
        self.lingering_since_s = self.loop.time()
        if self.is_peer_gone:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def _peer_gone(self) -> None:
        self.is_peer_gone = True
        if self.current is not None and self.current.body is not None:
            self.current.keep_alive = False
            self.current.body.peer_gone()
        for reply in self.waiting:
            if reply.body is not None:
                reply.body.peer_gone()

    # Called by the server

    def stop(self) -> None:
        """Let what is being answered end, then close."""
        self.is_stopping = True
        if self.current is None:
            self.transport.close()

    def look_at_clock(self, now_s: float) -> None:
        """Act on what has taken too long."""
        limits = self.limits
        if self.lingering_since_s is not None:
            if now_s - self.lingering_since_s > limits.linger_s:
                self.transport.abort()
        elif self.write_blocked_since_s is not None:
            if now_s - self.write_blocked_since_s > limits.write_s:
                self.transport.abort()
        elif self.current is not None:
            body = self.current.body
            if body is not None and body.waiting_since_s is not None and now_s - body.waiting_since_s > limits.body_s:
                body.fail(BodyTooSlow("nothing came for too long"))
        elif self.in_head:
            if now_s - self.since_s > limits.head_s:
                self._refuse(Refused(408, "RequestTimeout", "The request head was not received in time."))
        elif now_s - self.since_s > (limits.keep_alive_s if self.incoming is None else limits.body_s):
            self.transport.close()

    # Flow control

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def adjust_reading(self) -> None:
        """Read on only if there is room: pipelined requests and unread bodies make the sender wait."""
        body = self.incoming
        pause = bool(self.waiting) or (body is not None and body.is_full)
        if pause == self.read_paused or self.is_closing():
            return
        self.read_paused = pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def begin_intake(self, body: SocketBody) -> None:
        """What is still to come of the body goes past the parser, which then starts afresh."""
        intake = Intake(self, body)
        body.begin_intake(intake)
        self._set_protocol(intake)

    def end_intake(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.on_message_complete()
        self._set_protocol(self)

    def _set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """While it reads, a transport goes on reading for the old one."""
        if not self.read_paused:
            self.transport.pause_reading()
        self.transport.set_protocol(protocol)
        self.read_paused = True
        self.adjust_reading()

    def send(self, reply: Reply, message: bytes) -> None:
        """A whole small response, at the end of the loop's turn; at once if what follows it is the connection's end."""
        if reply.keep_alive:
            self.server.turn.hold(self.transport, message)
        else:
            self.transport.write(message)

    def write_continue(self) -> None:
        if not self.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def wait_writable(self) -> asyncio.Future:
        """A future that is done when there is room again; fails with ConnectionResetError if there never will be."""
        if self.is_closing():
            raise ConnectionResetError("the receiver went away")
        self.write_blocked_since_s = self.loop.time()
        self._writable = self.loop.create_future()
        return self._writable

    def writable_again(self) -> None:
        self.write_blocked_since_s = None
        self._writable = None

    async def drained(self) -> None:
        """Return when the receiver has taken enough of what was written."""
        while self.write_paused:
            try:
                await self.wait_writable()
            finally:
                self.writable_again()

    async def flushed(self) -> None:
        """Return when all that was written has left the process."""
        if self.transport.get_write_buffer_size():
            self.transport.set_write_buffer_limits(high=0)
            try:
                await self.drained()
            finally:
                self.transport.set_write_buffer_limits(high=self.limits.write_held_bytes)

    def duplicate_socket(self) -> socket.socket:
        if self.is_closing():
            raise ConnectionResetError("the receiver went away")
        original = self.transport.get_extra_info("socket")
        duplicate = socket.fromfd(original.fileno(), original.family, original.type)
        duplicate.setblocking(False)
        return duplicate


_INTERNAL_FAILURE = (
    500,
    "InternalFailure",
    "The request processing has failed because of an unknown error, exception or failure.",
)
