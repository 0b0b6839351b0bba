"""An engine with its log, and functions written on the spot. These tests start real sandboxes."""

import asyncio
import os
import pathlib
import select
import textwrap
import warnings
from collections.abc import AsyncIterator, Callable

import pytest

from pileus.kernel.clock import Clock
from pileus.kernel.ids import Ids
from pileus.kernel.tasks import Tasks
from pileus.runtime import sandbox
from pileus.runtime.engine import Engine
from pileus.runtime.spec import FunctionSpec, Invocation


class Bench:
    """An engine, the log lines it has passed on, and short ways to make and call a function."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.ids = Ids()
        self.tasks = Tasks()
        self.lines: list[tuple[str, str]] = []
        self.clock = Clock()
        self.engine = Engine(folder, clock=self.clock, ids=self.ids, tasks=self.tasks, on_log=self._on_log)

    def _on_log(self, spec: FunctionSpec, stream: str, lines: list[tuple[int, str]]) -> None:
        self.lines += [(stream, text) for _, text in lines]

    @property
    def log(self) -> str:
        return "".join(text for _, text in self.lines)

    def function(
        self, source: str, *, file: str = "app.py", handler: str = "app.handler", **other: object
    ) -> FunctionSpec:
        code = self.folder / f"code-{self.ids.hex(8)}"
        path = code / file
        path.parent.mkdir(parents=True)
        path.write_text(textwrap.dedent(source))
        values = {
            "key": code.name,
            "arn": "arn:aws:lambda:us-east-1:000000000000:function:sample",
            "name": "sample",
            "version": "$LATEST",
            "runtime": "python3.11",
            "handler": handler,
            "code": str(code),
            "account": "000000000000",
            "region": "us-east-1",
        }
        return FunctionSpec(**(values | other))

    async def call(self, spec: FunctionSpec, payload: bytes = b"{}", **how: object) -> Invocation:
        return await self.engine.invoke(spec, payload, request_id=how.pop("request_id", None) or self.ids.uuid(), **how)

    async def wait_for_end(self, pidfd: int) -> None:
        """Until the process has ended, with all its threads. Closes the pidfd."""
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        assert await asyncio.to_thread(poll.poll, 10_000), "it still runs"
        os.close(pidfd)


@pytest.fixture
async def bench(tmp_path: pathlib.Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.engine.stop()
    await made.tasks.stop()


@pytest.fixture
def isolated() -> None:
    """Skips, loudly, where this host refuses namespaces."""
    if (refusal := sandbox.refusal()) is not None:
        warnings.warn(f"isolation is not tested here: {refusal}", stacklevel=1)
        pytest.skip(f"this host refuses namespaces: {refusal}")


@pytest.fixture
def make_zip(tmp_path: pathlib.Path) -> Callable[..., bytes]:
    import io
    import zipfile

    def make(**files: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in files.items():
                archive.writestr(name.replace("__", "/"), content)
        return buffer.getvalue()

    return make


@pytest.fixture
async def pileus() -> AsyncIterator[str]:
    """Stands for Pileus's port: answers every request with its Host header."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = next(line for line in head.splitlines() if line.lower().startswith("host:"))[5:].strip().encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(host), host))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
