"""One small server per candidate, all with the same three routes; `run.py` starts them as `servers.py NAME PORT FILE`.

POST /json    parses a JSON body and answers one of 100 bytes
PUT  /body    takes the body chunk by chunk, keeps none of it
GET  /file    sends FILE, never whole in memory
"""

import asyncio
import os
import sys

import orjson
import uvloop

CHUNK = 256 * 1024
ANSWER = orjson.dumps({"MessageId": "0" * 36, "MD5OfMessageBody": "0" * 20})


async def file_chunks(path: str):
    loop = asyncio.get_running_loop()
    with open(path, "rb", buffering=0) as source:
        while chunk := await loop.run_in_executor(None, source.read, CHUNK):
            yield chunk


async def ceiling(port: int, path: str) -> None:
    """A protocol on httptools that does no more than it must: what is left to gain. Small requests only."""
    import httptools

    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)

    class Bare(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.parser = transport, httptools.HttpRequestParser(self)

        def data_received(self, data):
            self.parser.feed_data(data)

        def on_body(self, body):
            orjson.loads(body)

        def on_message_complete(self):
            self.transport.write(head + ANSWER)

    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


async def uvicorn(port: int, path: str) -> None:
    import uvicorn

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        if scope["path"] == "/file":
            size = b"%d" % os.path.getsize(path)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
            async for chunk in file_chunks(path):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body"})
            return
        body = b""
        while True:
            event = await receive()
            if scope["path"] == "/json":
                body += event["body"]
            if not event.get("more_body"):
                break
        answer = b""
        if body:
            orjson.loads(body)
            answer = ANSWER
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    config = uvicorn.Config(app, host="127.0.0.1", port=port, http="httptools", access_log=False, log_level="warning")
    await uvicorn.Server(config).serve()


async def granian(port: int, path: str) -> None:
    from granian.server.embed import Server

    async def app(scope, protocol):
        if scope.path == "/file":
            protocol.response_file(200, [], path)
        elif scope.path == "/json":
            orjson.loads(await protocol())
            protocol.response_bytes(200, [("content-type", "application/json")], ANSWER)
        else:
            async for _ in protocol:
                pass
            protocol.response_empty(200, [])

    await Server(app, "127.0.0.1", port, log_enabled=False).serve()


async def aiohttp(port: int, path: str) -> None:
    from aiohttp import web

    async def handle(request):
        if request.path == "/file":
            return web.FileResponse(path, chunk_size=CHUNK)
        if request.path == "/json":
            orjson.loads(await request.read())
            return web.Response(body=ANSWER, content_type="application/json")
        async for _ in request.content.iter_any():
            pass
        return web.Response()

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def pileus(port: int, path: str) -> None:
    """The layer we ended up with."""
    from pileus.gateway.server import Server
    from pileus.kernel.http import FilePart, HttpResponse

    size = os.path.getsize(path)

    async def handle(request):
        if request.path == "/file":
            return HttpResponse(200, [], FilePart(path, 0, size))
        if request.path == "/json":
            orjson.loads(await request.body.read(1 << 20))
            return HttpResponse(200, [("content-type", "application/json")], ANSWER)
        async for _ in request.body:
            pass
        return HttpResponse()

    server = Server(handle, "127.0.0.1", port)
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    name, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    uvloop.run({f.__name__: f for f in (ceiling, uvicorn, granian, aiohttp, pileus)}[name](port, path))
