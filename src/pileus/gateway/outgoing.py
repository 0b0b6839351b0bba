"""Writing a response: the head, and a body from memory, from a file or from an iterator."""

import asyncio
import http
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pileus.kernel.http import FilePart, HttpResponse

if TYPE_CHECKING:
    from pileus.gateway.connection import Connection, Reply

READ_BYTES = 512 * 1024
"""Of a file that can't go by sendfile (TLS), read at once."""

PUSH_BYTES = 4 * 1024 * 1024
"""What one visit to a thread sends at most, so that a few fast receivers don't keep the threads from others."""

PATIENCE_MS = 10
"""How long a thread that nobody else wants waits for a receiver. One on this machine takes more within a millisecond."""

ON_THE_WAY_BYTES = 256 * 1024
"""The send buffer towards a receiver on this machine. In the 4 MiB it grows to by itself the bytes leave the processor's
cache before they are read, and 8 MiB cost both sides together 6 ms instead of 3. Others need it for their distance."""

STATUS_LINES = {int(s): f"HTTP/1.1 {int(s)} {s.phrase}\r\n" for s in http.HTTPStatus}
_OURS = frozenset({"content-length", "date", "connection", "transfer-encoding"})
"""Headers that say how the response is framed."""
_ROLES: dict[str, str] = {}
"""By the names that handlers gave headers: which of those it is, or "". Handlers give the same few for ever."""
_ROLES_MAX = 256
MSG_MORE = getattr(socket, "MSG_MORE", 0)  # Linux: the head leaves in one packet with the file's first bytes


def _role_of(header: str) -> str:
    if len(_ROLES) >= _ROLES_MAX:
        _ROLES.clear()
    lower = header.lower()
    role = _ROLES[header] = lower if lower in _OURS else ""
    return role


class WrongResponse(Exception):
    """A handler's response can't be sent as it stands: our mistake, found before or while sending."""


def write_response(connection: "Connection", reply: "Reply", response: HttpResponse) -> Awaitable[None] | None:
    """Send it all, as fast as the receiver takes it: what is returned waits for that, and sends what is no bytes.

    Sets `reply.head_sent` once bytes have left: after that an error can only be shown by cutting the connection.
    """
    body = response.body
    if isinstance(body, bytes):
        head, _ = build_head(connection, reply, response, len(body))
        reply.head_sent = True
        if reply.is_head or not body:
            connection.send(reply, head)
        elif len(body) < 65536:
            connection.send(reply, head + body)
        else:
            connection.transport.writelines((head, body))
        return connection.drained() if connection.write_paused else None
    if isinstance(body, FilePart):
        head, _ = build_head(connection, reply, response, body.length)
        return _write_file(connection, reply, head, body)
    return _write_stream(connection, reply, response, body)


def build_head(
    connection: "Connection", reply: "Reply", response: HttpResponse, length: int | None
) -> tuple[bytes, bool]:
    """The status line and headers, and whether the body goes chunked. What the handler set wins.

    length  of the body; None where only its end will tell
    """
    status, headers = response.status, response.headers
    text = STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
    declared: int | None = None
    has_date = False
    for name, value in headers:
        text += f"{name}: {value}\r\n"
        role = _ROLES.get(name)
        if role is None:
            role = _role_of(name)
        if not role:
            continue
        if role == "content-length":
            declared = int(value)
        elif role == "date":
            has_date = True
        elif role == "connection" and "close" in value.lower():
            reply.keep_alive = False
        elif role == "transfer-encoding":
            raise WrongResponse("how a response is framed is the server's to decide")
    # No header may smuggle in another: each line has one line end, its own.
    count = 2 + len(headers)  # split and not counted: Python counts characters one by one
    if len(text.split("\r")) != count or len(text.split("\n")) != count:
        raise WrongResponse("a line end inside a response header")

    is_chunked = False
    has_body = status >= 200 and status not in (204, 304)
    if declared is not None:
        if has_body and not reply.is_head and length not in (None, declared):
            raise WrongResponse(f"Content-Length {declared}, but a body of {length} bytes")
    elif has_body:
        if length is not None:
            text += f"content-length: {length}\r\n"
        elif not reply.is_head:
            if reply.is_http_1_0:
                reply.keep_alive = False  # the body's end is the connection's
            else:
                is_chunked = True
                text += "transfer-encoding: chunked\r\n"
    reply.declared_bytes = declared
    if not has_body:
        reply.is_head = True
    if not has_date:
        text += connection.server.date_header()
    if not reply.keep_alive:
        text += "connection: close\r\n"
    elif reply.is_http_1_0:
        text += "connection: keep-alive\r\n"
    text += "\r\n"
    try:
        return text.encode("latin-1"), is_chunked
    except UnicodeEncodeError:
        return text.encode("utf-8"), is_chunked


async def _write_stream(
    connection: "Connection", reply: "Reply", response: HttpResponse, body: AsyncIterator[bytes]
) -> None:
    try:
        head, is_chunked = build_head(connection, reply, response, None)
        reply.head_sent = True
        connection.transport.write(head)
        if not reply.is_head:
            await _write_iterator(connection, body, is_chunked, reply.declared_bytes)
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()


async def _write_iterator(
    connection: "Connection", body: AsyncIterator[bytes], is_chunked: bool, declared: int | None
) -> None:
    transport = connection.transport
    total = 0
    async for chunk in body:
        if not chunk:
            continue  # an empty chunk would be the end
        total += len(chunk)
        if declared is not None and total > declared:
            raise WrongResponse("more bytes than Content-Length")
        if connection.is_closing():
            raise ConnectionResetError("the receiver went away")
        if is_chunked:
            transport.writelines((b"%x\r\n" % len(chunk), chunk, b"\r\n"))
        else:
            transport.write(chunk)
        if connection.write_paused:
            await connection.drained()
    if declared is not None and total < declared:
        raise WrongResponse("fewer bytes than Content-Length")
    if is_chunked and not connection.is_closing():
        transport.write(b"0\r\n\r\n")


async def _write_file(connection: "Connection", reply: "Reply", head: bytes, part: FilePart) -> None:
    if reply.is_head or not part.length:
        reply.head_sent = True
        connection.transport.write(head)
        return
    if not connection.is_tls:
        await _write_file_sendfile(connection, reply, head, part)
        return
    # Opened before the head is sent: a file that is gone can still be answered with an error.
    with await _in_thread(connection, open, part.path, "rb", 0) as source:
        await _write_file_read(connection, reply, head, source.fileno(), part)


async def _in_thread(connection: "Connection", function: Callable, *arguments):
    """Call it in a thread; return or raise only when the thread is done, for the caller will close what it works on."""
    threads = connection.server.file_threads
    threads.wanted += 1
    call = asyncio.get_running_loop().run_in_executor(threads, function, *arguments)
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        raise
    finally:
        threads.wanted -= 1


async def _write_file_read(connection: "Connection", reply: "Reply", head: bytes, source: int, part: FilePart) -> None:
    reply.head_sent = True
    connection.transport.write(head)
    offset, end = part.offset, part.offset + part.length
    while offset < end:
        chunk = await _in_thread(connection, os.pread, source, min(READ_BYTES, end - offset), offset)
        if not chunk:
            raise WrongResponse("the file is shorter than its part")
        if connection.is_closing():
            raise ConnectionResetError("the receiver went away")
        offset += len(chunk)
        connection.transport.write(chunk)
        if connection.write_paused:
            await connection.drained()


async def _write_file_sendfile(connection: "Connection", reply: "Reply", head: bytes, part: FilePart) -> None:
    """The kernel sends from the page cache; Python never sees the bytes.

    On a duplicate of the socket's descriptor: the transport neither shares its own (uvloop has no sendfile) nor may
    close it under a thread's feet. In a thread, because a cold file waits for the disk. For a receiver a thread waits
    only moments, and only while no other response needs it; the rest of the waiting is the event loop's.
    """
    loop = asyncio.get_running_loop()
    await connection.flushed()  # what the transport still holds goes first
    sink = connection.duplicate_socket()
    push = _FilePush(sink, head, part, connection.server.file_threads)
    try:
        if connection.is_local:
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ON_THE_WAY_BYTES)
        while not await _in_thread(connection, push.run):
            if push.is_receiver_full:
                writable = connection.wait_writable()
                loop.add_writer(sink.fileno(), _settle, writable)
                try:
                    await writable
                finally:
                    loop.remove_writer(sink.fileno())
                    connection.writable_again()
    finally:
        reply.head_sent = push.has_begun
        push.close()
        sink.close()


def _settle(future: asyncio.Future) -> None:
    if not future.done():
        future.set_result(None)


class FileThreads(ThreadPoolExecutor):
    """wanted  calls that run in a thread or wait for one"""

    def __init__(self, count: int) -> None:
        super().__init__(count, thread_name_prefix="gateway-file")
        self.wanted = 0
        self._count = count

    def are_short(self) -> bool:
        return self.wanted > self._count


class _FilePush:
    """How far a file has got down a socket. `run` is called in a thread, again and again until it says True.

    The file is opened before the head is sent: one that is gone can still be answered with an error.
    """

    def __init__(self, sink: socket.socket, head: bytes, part: FilePart, threads: FileThreads) -> None:
        self.has_begun = False
        self.is_receiver_full = False
        self._is_patient = True
        self._sink = sink
        self._head = head
        self._part = part
        self._threads = threads
        self._source: int | None = None
        self._offset = part.offset
        self._end = part.offset + part.length

    def run(self) -> bool:
        if self._source is None:
            self._source = os.open(self._part.path, os.O_RDONLY | os.O_CLOEXEC)
        stop_at = min(self._end, self._offset + PUSH_BYTES)
        self.is_receiver_full = False
        while self._offset < stop_at and not self.is_receiver_full:
            try:
                self._send(stop_at)
            except BlockingIOError:
                self.is_receiver_full = not self._wait_for_room()
        return self._offset == self._end

    def close(self) -> None:
        if self._source is not None:
            os.close(self._source)

    def _send(self, stop_at: int) -> None:
        while self._head:
            self._head = self._head[self._sink.send(self._head, MSG_MORE) :]
            self.has_begun = True
        sent = os.sendfile(self._sink.fileno(), self._source, self._offset, stop_at - self._offset)
        if not sent:
            raise WrongResponse("the file is shorter than its part")
        self._offset += sent

    def _wait_for_room(self) -> bool:
        """Spare the event loop a hand-over for every buffer that a quick receiver empties."""
        room = select.poll()
        room.register(self._sink, select.POLLOUT)
        for _ in range(PATIENCE_MS if self._is_patient else 0):
            if self._threads.are_short():
                return False
            if room.poll(1):
                return True
        self._is_patient = False
        return False
