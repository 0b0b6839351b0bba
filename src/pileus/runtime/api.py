"""The Lambda Runtime API: a small HTTP/1.1 server on loopback, one listener for each environment.

Source: Lambda developer guide, "Using the Lambda runtime API", and its OpenAPI description (version 2018-06-01).
Written on a plain asyncio protocol because a warm invocation is two requests, and a framework would be most of its cost.
Requests may follow each other without waiting for the answers; answers keep their order.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Protocol

import httptools

from pileus.runtime.spec import RESPONSE_LIMIT_BYTES

PREFIX = "/2018-06-01/runtime/"
REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
REASONS |= {413: "Payload Too Large", 501: "Not Implemented"}


class Event:
    """One event for the function, as the Runtime API shows it: headers and body."""

    def __init__(self, request_id: str, headers: list[tuple[str, str]], payload: bytes) -> None:
        self.request_id = request_id
        self.headers = headers
        self.payload = payload


class Owner(Protocol):
    """Who is told what the runtime says: the environment."""

    def runtime_is_ready(self) -> None: ...
    def runtime_responded(self, payload: bytes) -> None: ...
    def runtime_response_too_large(self, size_bytes: int) -> None: ...
    def runtime_failed(self, error_type: str, payload: bytes) -> None: ...
    def init_failed(self, error_type: str, payload: bytes) -> None: ...


class RuntimeApi:
    """The state of one listener: at most one event is out, at most one question for the next is open."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.server: asyncio.Server | None = None
        self.address = ""
        self.secret: str | None = None
        self.connections: set[Connection] = set()
        self._waiting: Callable[[int, list[tuple[str, str]], bytes], None] | None = None
        self._outstanding: str | None = None

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        host, port = self.server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()

    def give(self, event: Event) -> None:
        """Answer the open question with this event. Only called when the runtime is ready."""
        assert self._waiting is not None
        answer, self._waiting = self._waiting, None
        self._outstanding = event.request_id
        answer(200, event.headers, event.payload)

    @property
    def is_waiting(self) -> bool:
        return self._waiting is not None

    def request(self, connection: "Connection", method: str, path: str, body: bytes, size_bytes: int) -> None:
        """Decide one request; `connection.answer` is called now or, for the next event, later."""
        if self.secret is not None and connection.headers.get("pileus-secret") != self.secret:
            connection.fail(403, "Forbidden", "This is another environment's Runtime API.")
            return
        if not path.startswith(PREFIX):
            # Extensions (2020-01-01), Logs (2020-08-15) and Telemetry (2022-07-01) API.
            connection.fail(501, "NotImplemented", f"Pileus does not implement {path} of the Runtime API yet.")
            return
        rest = path[len(PREFIX) :].split("/")
        if method == "GET" and rest == ["invocation", "next"]:
            self._waiting = connection.answer_later()
            self._outstanding = None
            self.owner.runtime_is_ready()
        elif method == "POST" and rest == ["init", "error"]:
            connection.accept()
            self.owner.init_failed(error_type_of(connection, body), body)
        elif method == "POST" and len(rest) == 3 and rest[0] == "invocation" and rest[2] in ("response", "error"):
            self._outcome(connection, rest[1], rest[2], body, size_bytes)
        else:
            connection.fail(404, "NotFound", f"There is no {method} {path}.")

    def _outcome(self, connection: "Connection", request_id: str, kind: str, body: bytes, size_bytes: int) -> None:
        if request_id != self._outstanding:
            connection.fail(400, "InvalidRequestID", "Invalid request ID")
            return
        self._outstanding = None
        if size_bytes > RESPONSE_LIMIT_BYTES:
            connection.fail(
                413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes)."
            )
            self.owner.runtime_response_too_large(size_bytes)
        elif kind == "response":
            connection.accept()
            self.owner.runtime_responded(body)
        else:
            connection.accept()
            self.owner.runtime_failed(error_type_of(connection, body), body)


def error_type_of(connection: "Connection", body: bytes) -> str:
    named = connection.headers.get("lambda-runtime-function-error-type")
    if named:
        return named
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Runtime.Unknown"


class Connection(asyncio.Protocol):
    """One connection of the runtime; httptools calls the on_… methods."""

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        self.parser = httptools.HttpRequestParser(self)
        self.headers: dict[str, str] = {}
        self._path = b""
        self._body: list[bytes] = []
        self._size = 0
        self._blocked = False
        self._held: list[tuple[int, list[tuple[str, str]], bytes]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.api.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.api.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.transport.abort()

    def on_message_begin(self) -> None:
        self.headers = {}
        self._path = b""
        self._body = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("utf-8", "replace")

    def on_headers_complete(self) -> None:
        if self.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= RESPONSE_LIMIT_BYTES:  # beyond it only the size matters
            self._body.append(part)

    def on_message_complete(self) -> None:
        method = self.parser.get_method().decode()
        path = self._path.decode("latin-1").partition("?")[0]
        self.api.request(self, method, path, b"".join(self._body), self._size)

    def accept(self) -> None:
        self.answer(202, [("Content-Type", "application/json")], b'{"status":"OK"}\n')

    def fail(self, status: int, error_type: str, message: str) -> None:
        body = json.dumps({"errorMessage": message, "errorType": error_type}).encode()
        self.answer(status, [("Content-Type", "application/json")], body)

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if self._blocked:
            self._held.append((status, headers, body))
            return
        lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer_later(self) -> Callable[[int, list[tuple[str, str]], bytes], None]:
        """Hold the answers to later requests on this connection back until this one is answered."""
        self._blocked = True

        def now(status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self._blocked = False
            self.answer(status, headers, body)
            held, self._held = self._held, []
            for later in held:
                self.answer(*later)

        return now
