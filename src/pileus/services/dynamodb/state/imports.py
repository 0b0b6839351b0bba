"""Imports: a new table filled with what objects in S3 hold.

The job's handler (importing.py) reads the objects and hands their items over in batches. A batch commits with the place
up to which it reached (object and record), so no record counts twice. The table is CREATING until the job ends.

Source: DynamoDB developer guide, "DynamoDB data import from Amazon S3: how it works", "Import format quotas and
validation"; the texts are those of recorded answers.
"""

from typing import NamedTuple

from pileus.kernel.arn import partition_of
from pileus.services.dynamodb.errors import ImportConflictException, ImportNotFoundException
from pileus.services.dynamodb.state import indexes, rows, tables, writing
from pileus.services.dynamodb.state.jobs import Asker, Job, Jobs
from pileus.services.dynamodb.state.records import TABLES, Cause, SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.store.transaction import Transaction

OBJECTS_MAX = 50_000
LOG_GROUP = "/aws-dynamodb/imports"
ITEMS_FAILED = (
    "ItemValidationError",
    "Some of the items failed validation checks and were not imported. Please check CloudWatch error logs for more "
    "details.",
)


class Import(Job, frozen=True, dict=True, kw_only=True):
    """
    asked        what ImportTable was asked for, without the token
    after_key    the last object that was read to its end, or given up
    objects      how many those are
    object_key   the object that is being read; records: how many of its records have been taken
    """

    kind = "import"

    asked: dict
    after_key: str = ""
    objects: int = 0
    object_key: str = ""
    records: int = 0
    processed_bytes: int = 0
    processed: int = 0
    imported: int = 0
    errors: int = 0

    @property
    def log_group_arn(self) -> str:
        return f"arn:{partition_of(self.region)}:logs:{self.region}:{self.account}:log-group:{LOG_GROUP}:*"


class Valid(NamedTuple):
    """An item that can be put, its place in the table and its size."""

    suffix: bytes
    item: Item
    size_bytes: int


class Batch(NamedTuple):
    """What was read of an object.

    records     how many records, those with errors included; size_bytes: how many bytes, uncompressed
    failures    (index of the record in its object, message)
    is_end      there is no more, or the rest can't be read
    """

    items: list[Valid]
    failures: list[tuple[int, str]]
    records: int
    size_bytes: int
    is_end: bool


class _Imports(Jobs[Import]):
    def close(self, tx: Transaction, job: Import, has_failed: bool) -> None:
        """The table opens with what it has. Where nothing was read before the import failed, there will be none."""
        table = table_of(tx, job)
        if has_failed and not job.processed:
            tables.remove(tx, table)
            return
        TABLES.put(tx, indexes.opened(table))


IMPORTS = _Imports(
    Import,
    running_max=50,  # AWS's quota
    not_found=ImportNotFoundException,
    conflict=ImportConflictException,
)


def begin(
    tx: Transaction,
    wanted: TableRecord,
    new_indexes: list[SecondaryIndex],
    encrypts: bool,
    asked: dict,
    asker: Asker,
) -> Import:
    """Make the table and begin to fill it; or find the import that was begun with this token.

    errors  ImportConflictException, LimitExceededException, ResourceInUseException
    """
    known = IMPORTS.known(tx, wanted.address, asker)
    if known is not None:
        return known
    table = tables.create(tx, wanted, new_indexes, encrypts=encrypts, settles=False)
    return IMPORTS.begin(tx, table, asker, asked=asked)


def table_of(tx: Transaction, job: Import) -> TableRecord:
    table = TABLES.by_id.first(tx, job.table_id)
    assert table is not None, "a table that is being filled is CREATING, which nobody can delete"
    return table


def take(tx: Transaction, key: tuple[str, ...], object_key: str, batch: Batch) -> Import:
    """Put a batch's items, and note how far it reached. Of items with the same key the last one stays."""
    found = IMPORTS.worked_on(tx, key)
    table = table_of(tx, found)
    for suffix, item, size_bytes in batch.items:
        writing.change(tx, table, suffix, rows.row(tx, table, suffix), item, size_bytes, Cause.RESTORE)
    records = (found.records if found.object_key == object_key else 0) + batch.records
    return IMPORTS.advance(
        tx,
        found,
        object_key="" if batch.is_end else object_key,
        records=0 if batch.is_end else records,
        after_key=object_key if batch.is_end else found.after_key,
        objects=found.objects + batch.is_end,
        processed_bytes=found.processed_bytes + batch.size_bytes,
        processed=found.processed + batch.records,
        imported=found.imported + len(batch.items),
        errors=found.errors + len(batch.failures),
    )
