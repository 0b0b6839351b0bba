"""Jobs: long work that its caller doesn't wait for, and asks about. Exports and imports are jobs.

A job is a row that says who asked for what, how far the work has come and how it ended. The handler of an event
(working.py) does the work in steps. What a step did commits with the place it reached, so a killed process goes on
behind it and nothing is lost or doubled. An ended job is described for 90 days.

A kind of job adds to the record what it asks for and how it counts, and says in its `Jobs` what follows from an end.

Source: DynamoDB API reference, ExportTableToPointInTime, ImportTable ("ClientToken"), ListExports, ListImports.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import ClassVar, Generic, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import Principal
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import LimitExceededException
from pileus.services.dynamodb.state.history import DAY_MS
from pileus.services.dynamodb.state.records import TableRecord, new_label
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
TOKEN_LIFE_MS = 8 * 3_600_000
KEPT_MS = 90 * DAY_MS


class Asker(NamedTuple):
    """
    principal  who asks; what is read and written elsewhere is read and written as they
    token      ClientToken
    digest     of the request, to tell a repeated one from another one with its token
    """

    principal: Principal
    token: str
    digest: bytes


class Job(msgspec.Struct, frozen=True, dict=True):
    """label: the end of its ARN."""

    kind: ClassVar[str]
    """In its ARN: "export", "import"."""

    account: str
    region: str
    table_name: str
    label: str
    table_id: int
    table_uuid: str
    principal: Principal
    client_token: str
    digest: bytes
    started_at_ms: int
    status: str = IN_PROGRESS
    ended_at_ms: int = 0
    failure_code: str = ""
    failure_message: str = ""

    @cached_property
    def key(self) -> tuple[str, str, str, str]:
        return self.account, self.region, self.table_name, self.label

    @cached_property
    def table_arn(self) -> str:
        return Address(self.account, self.region, self.table_name).arn

    @cached_property
    def arn(self) -> str:
        return f"{self.table_arn}/{self.kind}/{self.label}"


J = TypeVar("J", bound=Job)


class Jobs(Generic[J]):
    """The jobs of a kind.

    running_max  of an account in a region
    work         the kind of the event whose handler does it; expiry: of the timer that forgets it
    """

    def __init__(self, record: type[J], running_max: int, not_found: type[AwsError], conflict: type[AwsError]) -> None:
        self.kind = record.kind
        self.shown = record.kind.capitalize()
        self.work = f"dynamodb.{record.kind}"
        self.expiry = f"dynamodb.{record.kind}_expiry"
        self.not_found = not_found
        self._record = record
        self._running_max = running_max
        self._conflict = conflict
        self.rows = Table(
            f"dynamodb.{record.kind}s",
            record,
            key=lambda job: job.key,
            by_time=Index(lambda job: (job.account, job.region, job.label, job.table_name)),
            by_token=Index(lambda job: (job.account, job.region, job.client_token, job.label, job.table_name)),
            running=Index(
                lambda job: (job.account, job.region, job.label, job.table_name) if job.status == IN_PROGRESS else None
            ),
        )

    def close(self, tx: Transaction, job: J, has_failed: bool) -> None:
        """What follows from the job's end."""

    def known(self, tx: Transaction, address: Address, asker: Asker) -> J | None:
        """The one that was begun with this token in the last 8 hours. Raises ExportConflictException or the like."""
        job = next(self.rows.by_token.scan(tx, address.account, address.region, asker.token, reverse=True), None)
        if job is None or job.started_at_ms + TOKEN_LIFE_MS <= tx.now_ms:
            return None
        if job.digest != asker.digest:
            raise self._conflict()
        return job

    def begin(self, tx: Transaction, table: TableRecord, asker: Asker, **own) -> J:
        """`own`: the fields of this kind. Raises LimitExceededException."""
        running = self.rows.running.keys(tx, table.account, table.region)
        if len(list(islice(running, self._running_max))) == self._running_max:
            raise LimitExceededException(
                f"Subscriber limit exceeded: There is a limit of {self._running_max} concurrent {self.kind}s per "
                "subscriber"
            )
        job = self._record(*table.address, new_label(tx), table.id, table.uuid, *asker, tx.now_ms, **own)
        self.rows.put(tx, job)
        tx.emit(self.work, {self.kind: list(job.key)})
        return job

    def find(self, tx: Transaction, address: Address, label: str) -> J:
        """Raises ExportNotFoundException or the like."""
        job = self.rows.get(tx, *address, label)
        if job is None:
            raise self.not_found(f"{self.shown} not found: {self.shown} not found: {address.arn}/{self.kind}/{label}")
        return job

    def listed(self, tx: Transaction, account: str, region: str, until: tuple[str, str] | None) -> Iterator[J]:
        """The newest first, older than (label, table name) `until`."""
        return self.rows.by_time.scan(tx, account, region, until=until, reverse=True)

    def of_table(self, tx: Transaction, address: Address, until: str | None) -> Iterator[J]:
        """Those of tables of this name, the newest first, older than the label `until`."""
        return self.rows.scan(tx, *address, until=until, reverse=True)

    def under_way(self, tx: Transaction, key: tuple[str, ...]) -> J | None:
        job = self.rows.get(tx, *key)
        return job if job is not None and job.status == IN_PROGRESS else None

    def worked_on(self, tx: Transaction, key: tuple[str, ...]) -> J:
        """The one that its handler is at, which nobody else ends."""
        job = self.under_way(tx, key)
        assert job is not None, f"an {self.kind} is ended by its own handler alone"
        return job

    def advance(self, tx: Transaction, job: J, **reached) -> J:
        """Note the place and the counts that a step came to, in the transition in which it does what it does."""
        job = replace(job, **reached)
        self.rows.put(tx, job)
        return job

    def end(self, tx: Transaction, key: tuple[str, ...], at_ms: int, code: str = "", message: str = "") -> None:
        """It is done, or where there is a code it has failed."""
        job = self.under_way(tx, key)
        if job is None:
            return
        self.close(tx, job, bool(code))
        status = FAILED if code else COMPLETED
        self.rows.put(tx, replace(job, status=status, ended_at_ms=at_ms, failure_code=code, failure_message=message))
        tx.wake_at(tx.now_ms + KEPT_MS, self.expiry, "/".join(key))

    def expire(self, tx: Transaction, key: str) -> None:
        """Nobody asks for it any more. The timer's transition."""
        self.rows.delete(tx, *key.split("/"))
