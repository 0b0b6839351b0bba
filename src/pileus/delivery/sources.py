"""What an event source is: the interface that a service implements for pollers to read from it.

A service whose data functions and pipes can be fed with says so in its registration:

    SERVICE = Service(name="sqs", …, event_source="pileus.services.sqs.event_source")

The module named there has `EVENT_SOURCE`, an object of one of the two kinds below. It is found by the service in the
source's ARN (arn:aws:**sqs**:…), so a service with a second model over the same state ("dynamodb" and its streams)
registers it under the first.

A plug-in acts through public operations only, asked as the role that reads (`reader.invoke`): what the role may not
do, a poller can't do for it. Nothing here keeps state; what must survive a kill is the poller's checkpoint, and that is
text which the plug-in gave it.

Waiting is by topics (`tx.notify`, store/watch.py): a poller subscribes, looks, and rests until a notice or until the
plug-in said that time alone brings something. Nobody asks again and again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pileus.kernel.arn import Arn, parse_arn
from pileus.kernel.errors import AccessDenied, AwsError
from pileus.kernel.principal import Principal

TRIM_HORIZON = "TRIM_HORIZON"
"""The position before everything that a shard still has."""


class SourceRefused(Exception):
    """The source is not there, or the role may not read it. Its text is for the user: AWS's words."""


class SourceGone(AwsError):
    """Raised by a plug-in while it is polled: the queue or stream does not exist (any more)."""


class ReaderLost(AwsError):
    """Raised by Reader.principal: who reads is not there any more, or may not act. Its text is for the user."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Reader:
    """Whoever reads a source: where it is, and the permissions it is read with.

    arn        of the queue or stream
    principal  gives the session of the role that reads; asked anew for every call, as roles are changed and expire
    refused    called when the session was refused: it may be of a role that was made anew since
    rights     topics that are notified when the role may do other things than before; asked anew, as `principal`
    """

    cloud: Any
    arn: str
    principal: Callable[[], Awaitable[Principal]]
    refused: Callable[[], None] = _nothing
    rights: Callable[[], tuple[str, ...]] = tuple

    @property
    def parsed(self) -> Arn:
        arn = parse_arn(self.arn)
        assert arn is not None
        return arn

    async def invoke(self, service: str, operation: str, request: dict) -> dict:
        """Call a public operation as the role that reads, in the source's account and region."""
        call = await self._call(service, operation)
        try:
            return await self.cloud.invoke(call, request)
        except AccessDenied:
            self.refused()
            raise

    async def may(self, service: str, operation: str, request: dict) -> bool:
        """Whether `invoke` would be allowed. Nothing is done."""
        call = await self._call(service, operation)
        try:
            await self.cloud.authorize(call, request)
        except AccessDenied:
            return False
        return True

    async def _call(self, service: str, operation: str) -> Any:
        source = self.parsed
        principal = await self.principal()
        return self.cloud.call(service, operation, principal=principal, account=source.account, region=source.region)


@dataclass(frozen=True)
class Limits:
    """What a mapping of this source may say. Source: API reference, CreateEventSourceMapping."""

    batch_size: int
    """Where the request names none."""
    batch_size_max: int
    batching_window_default_s: int = 0
    is_window_allowed: bool = True
    batch_size_without_window_max: int | None = None
    """More than this needs a batching window (SQS); None: no such rule."""
    starting_positions: frozenset[str] = frozenset()
    is_scaling_allowed: bool = False
    retention_ms: int | None = None
    """How long a stream keeps its records: a batch that fails for ever is given up then. None: not known."""


# Queues


@dataclass(frozen=True, slots=True)
class Message:
    """A received message.

    event    the record as a function sees it
    receipt  gives it back to `delete`
    """

    id: str
    receipt: str
    event: dict[str, Any]


class QueueSource(Protocol):
    """A source that hands out messages, hides them for a time and forgets what is deleted. Order and the exclusion of
    message groups are the queue's own: a group with a message in flight is not handed out."""

    kind: ClassVar[str] = "queue"
    data_key: ClassVar[str | None]
    """The member of a record's event that filters may see as JSON: SQS "body"."""

    def limits(self, arn: Arn) -> Limits: ...

    async def check(self, reader: Reader, *, timeout_s: int) -> None:
        """Raise SourceRefused where a mapping must not be made: `timeout_s` is the function's."""

    def topic(self, reader: Reader) -> str:
        """Notified when there may be something to receive, or sooner than `next_at_ms` said."""

    def mended(self, reader: Reader) -> str:
        """Notified when the queue was made, or its resource policy changed: what could not be read may be now."""

    def next_at_ms(self, reader: Reader) -> int:
        """After `receive` gave nothing: when time alone makes something visible; FOREVER_MS if nothing will be."""

    async def hidden_ms(self, reader: Reader) -> int:
        """For how long a received message stays hidden."""

    async def receive(self, reader: Reader, count: int) -> list[Message]:
        """Up to `count` messages (and no more than one request gives) that are there now. Raises SourceGone."""

    async def delete(self, reader: Reader, receipts: list[str]) -> None:
        """Forget received messages, however many; those that are gone are forgotten."""


# Streams


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard of a stream. `parents`: shards whose records come before this one's."""

    id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """
    sequence_number  names the position after this record
    event            the record as a function sees it
    filtered         what filters see of it, where that is less than `event` (Kinesis: the "kinesis" member, whose
                     "data" is decoded); None: `event` itself
    key              records of one key keep their order
    arrived_at_ms    when the stream took it
    """

    sequence_number: str
    event: dict[str, Any]
    key: str
    arrived_at_ms: int
    filtered: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one reading gave, in order. `is_end`: the shard is closed and nothing follows these."""

    records: list[StreamRecord]
    is_end: bool = False


class StreamSource(Protocol):
    """A source whose records stay where they are; a reader keeps its own position in each shard.

    A position is text: TRIM_HORIZON, or the sequence number of a record, meaning: after it.
    """

    kind: ClassVar[str] = "stream"
    data_key: ClassVar[str | None]
    """The member of what filters see that is text which may be JSON: Kinesis "data"; DynamoDB None."""
    batch_info: ClassVar[str]
    """The member that describes a discarded batch in its record: "DDBStreamBatchInfo", "KinesisBatchInfo"."""

    def limits(self, arn: Arn) -> Limits: ...

    async def check(self, reader: Reader, *, timeout_s: int) -> None:
        """Raise SourceRefused where a mapping must not be made."""

    def topic(self, reader: Reader, shard_id: str | None) -> str:
        """Notified when a shard has new records or is closed; with None: when there are other shards than before, or
        the stream is gone."""

    def mended(self, reader: Reader) -> str:
        """Notified when the stream was made, or its resource policy changed: what could not be read may be now."""

    async def shards(self, reader: Reader) -> list[Shard]:
        """Every shard that still has records or may get some, closed ones too. Raises SourceGone."""

    async def begin(self, reader: Reader, shard_id: str, starting_position: str, at_ms: int | None) -> str:
        """The position (as text, see above) that TRIM_HORIZON, LATEST or AT_TIMESTAMP means in this shard, now.

        LATEST: after the newest record that there is, or TRIM_HORIZON where the shard has none. It is asked once and
        kept, so that no restart moves it.
        """

    async def read(self, reader: Reader, shard_id: str, position: str, limit: int) -> Page:
        """Up to `limit` records after `position` that are there now, fewer where the source's own pages are smaller;
        none means: nothing more yet. Raises SourceGone.

        A position whose record has expired goes on at the oldest record that is left: what expired is lost to
        everybody. A shard that has expired is empty and at its end.
        """


EventSource = QueueSource | StreamSource
