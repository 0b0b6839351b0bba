import asyncio
from contextlib import asynccontextmanager

import pytest
import uvloop

from pileus.gateway.limits import Limits
from pileus.gateway.server import Server


def pytest_asyncio_loop_factories(config, item):
    """Every test here runs on both loops: their transports differ where it hurts (end of file, flow control, TLS)."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.SelectorEventLoop}


class Client:
    """A socket and as much HTTP as it takes to read one response."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)
        status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        status = int(status_line.split(" ")[1])
        if is_head or status in (100, 204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
                body += await self.reader.readexactly(size)
                assert await self.reader.readexactly(2) == b"\r\n"
                if not size:
                    return status, headers, body
        if "content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers["content-length"]))
        return status, headers, await self.reader.read()

    async def is_closed(self) -> bool:
        """Waits for the server to hang up."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 30) == b""
        except ConnectionError:
            return True


@pytest.fixture
def serving():
    """`async with serving(handle, limits…) as (server, connect)`; connections are closed and the server stopped after."""

    @asynccontextmanager
    async def serve(handle, *, tls=None, on_websocket=None, **limits):
        server = Server(handle, "127.0.0.1", 0, tls=tls, on_websocket=on_websocket, limits=Limits(**limits))
        await server.start()
        opened = []

        async def connect(**options) -> Client:
            client = Client(*await asyncio.open_connection("127.0.0.1", server.port, **options))
            opened.append(client)
            return client

        try:
            yield server, connect
        finally:
            for client in opened:
                client.writer.close()
            await server.stop(grace_s=5)

    return serve
