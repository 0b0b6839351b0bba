"""From the lines that environments write to CloudWatch Logs, in order, as the function's role.

Lines are gathered for a moment and go out in batches; one shipment a stream at a time keeps their order. What the role
may not write is dropped, as on AWS, and said once in Pileus's own log.
"""

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from pileus.kernel.errors import AccessDenied, AwsError, NotImplementedByUs
from pileus.runtime.logs import Line
from pileus.services.lambda_.roles import Roles
from pileus.services.lambda_.running import RunSpec

log = logging.getLogger("pileus.lambda.logs")

GATHER_S = 0.05
BATCH_LINES = 10_000
BATCH_BYTES = 1_048_576
LINE_OVERHEAD_BYTES = 26
"""Source: CloudWatch Logs API reference, PutLogEvents: batches of 10,000 events and 1,048,576 bytes, 26 each on top."""

WAITING_LIMIT_BYTES = 64 << 20
"""Our own: functions that write faster than the log can keep lose lines rather than take the machine's memory."""

REMEMBERED_STREAMS = 10_000


@dataclass(slots=True)
class Stream:
    """
    is_known  the stream is there: the group and it need no making
    hurry     set when somebody waits: no more gathering
    """

    account: str
    region: str
    group: str
    name: str
    role: str
    function: str
    lines: deque[Line] = field(default_factory=deque)
    task: asyncio.Task | None = None
    is_known: bool = False
    hurry: asyncio.Event = field(default_factory=asyncio.Event)


class LogShipping:
    def __init__(self, cloud: Any, roles: Roles) -> None:
        self._cloud = cloud
        self._roles = roles
        self._streams: dict[tuple[str, str, str, str], Stream] = {}
        self._waiting_bytes = 0
        self._warned: set[str] = set()

    def take(self, spec: RunSpec, stream_name: str, lines: list[Line]) -> None:
        """What the engine calls; never blocks."""
        size = sum(len(text) for _, text in lines)
        if self._waiting_bytes + size > WAITING_LIMIT_BYTES:
            self._warn("too much", "Functions write more than CloudWatch Logs can keep up with: lines are dropped.")
            return
        self._waiting_bytes += size
        key = (spec.account, spec.region, spec.log_group_name, stream_name)
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= REMEMBERED_STREAMS:
                self._forget_quiet()
            stream = self._streams[key] = Stream(*key, spec.role, spec.name)
        stream.lines.extend(lines)
        if stream.task is None:
            stream.task = self._cloud.tasks.start(f"lambda.logs {stream_name}", self._ship(stream))

    async def flushed(self, spec: RunSpec, stream_name: str) -> None:
        """Return when what was taken for this stream is in CloudWatch Logs (or was refused there)."""
        stream = self._streams.get((spec.account, spec.region, spec.log_group_name, stream_name))
        if stream is not None:
            await self._flush(stream)

    async def flush(self) -> None:
        """`flushed` for all streams."""
        await asyncio.gather(*(self._flush(stream) for stream in list(self._streams.values())))

    async def _flush(self, stream: Stream) -> None:
        while stream.lines or stream.task is not None:
            stream.hurry.set()
            task = stream.task
            if task is None:
                task = stream.task = self._cloud.tasks.start(f"lambda.logs {stream.name}", self._ship(stream))
            await asyncio.wait({task})

    def _forget_quiet(self) -> None:
        for key, stream in list(self._streams.items()):
            if stream.task is None:
                del self._streams[key]

    async def _ship(self, stream: Stream) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await stream.hurry.wait()
            stream.hurry.clear()
            while stream.lines:
                await self._put(stream, self._batch(stream))
        finally:
            stream.task = None

    def _batch(self, stream: Stream) -> list[dict]:
        batch: list[dict] = []
        room = BATCH_BYTES
        while stream.lines and len(batch) < BATCH_LINES:
            at_ms, text = stream.lines[0]
            size = len(text.encode("utf-8", "surrogatepass")) + LINE_OVERHEAD_BYTES
            if batch and size > room:
                break
            room -= size
            stream.lines.popleft()
            self._waiting_bytes -= len(text)
            if text:
                batch.append({"timestamp": at_ms, "message": text})
        return batch

    async def _put(self, stream: Stream, batch: list[dict]) -> None:
        try:
            if not stream.is_known:
                await self._make(stream)
            request = {"logGroupName": stream.group, "logStreamName": stream.name, "logEvents": batch}
            try:
                await self._ask(stream, "PutLogEvents", request)
            except AwsError as error:
                if error.code != "ResourceNotFoundException":
                    raise
                await self._make(stream)  # somebody deleted it
                await self._ask(stream, "PutLogEvents", request)
        except AccessDenied as error:
            self._warn(stream.role + stream.group, f"Log lines of {stream.function} are dropped: {error.message}")
        except NotImplementedByUs as error:
            self._warn("no logs", f"Log lines of functions are dropped: {error.message}")
        except AwsError as error:
            log.warning("%d log lines of %s are lost: %s", len(batch), stream.function, error)

    async def _make(self, stream: Stream) -> None:
        where = {"logGroupName": stream.group, "logStreamName": stream.name}
        try:
            await self._ask(stream, "CreateLogStream", where)
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                await self._ask(stream, "CreateLogGroup", {"logGroupName": stream.group}, allowed="exists")
                await self._ask(stream, "CreateLogStream", where, allowed="exists")
            elif error.code != "ResourceAlreadyExistsException":
                raise
        stream.is_known = True

    async def _ask(self, stream: Stream, operation: str, request: dict, allowed: str = "") -> None:
        session = await self._roles.session(stream.role, stream.region, stream.function)
        call = self._cloud.call(
            "logs", operation, principal=session.principal, account=stream.account, region=stream.region
        )
        try:
            await self._cloud.invoke(call, request)
        except AwsError as error:
            if not allowed or error.code != "ResourceAlreadyExistsException":
                raise

    def _warn(self, about: str, text: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            log.warning("%s", text)
