"""Single items: get, put, update, delete. Conditions and updates are the expressions' objects, bound to their values."""

from typing import Any

import msgspec

from pileus.kernel.errors import AwsError, ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ConditionalCheckFailedException
from pileus.services.dynamodb.expressions import Projection
from pileus.services.dynamodb.state import keys, rows, writing
from pileus.services.dynamodb.state.records import ITEM_BYTES_MAX, TableRecord
from pileus.services.dynamodb.state.rows import Item, Row
from pileus.services.dynamodb.state.tables import require
from pileus.services.dynamodb.values import item_bytes, read_sized_item, value_bytes
from pileus.store.transaction import Transaction

TOO_LARGE = "Item size has exceeded the maximum allowed size"
DUPLICATES = "Provided list of item keys contains duplicates"
UPDATED_TOO_LARGE = "Item size to update has exceeded the maximum allowed size"


class Written(msgspec.Struct, frozen=True):
    """A write that was made. touched: of an update, what shows the updated parts of an item."""

    table: TableRecord
    suffix: bytes
    before: Row | None
    new: Item | None
    new_bytes: int
    touched: Any = None

    @property
    def old(self) -> Item | None:
        return None if self.before is None else self.before.item

    @property
    def old_bytes(self) -> int:
        return 0 if self.before is None else self.before.size_bytes


class Write(msgspec.Struct, frozen=True):
    """A write to be made.

    kind          put, update, delete or check
    item          the item of a put, the key of the others
    item_bytes    the size of a put's
    condition     has `holds(item or None)`; None: none
    update        has `apply(item, key_names, is_new=…)`
    shows_failed  ReturnValuesOnConditionCheckFailure is ALL_OLD
    """

    kind: str
    item: Item
    item_bytes: int = 0
    condition: Any = None
    update: Any = None
    shows_failed: bool = False

    @property
    def payload_bytes(self) -> int:
        """What it brings with it: a transaction's limit is on the request and not on the items that are there."""
        return item_bytes(self.item) + item_bytes({} if self.update is None else self.update.values)


def get(tx: Transaction, address: Address, key: Item) -> tuple[TableRecord, Item | None, int]:
    """An item and its size."""
    table = require(tx, address)
    keys.check_key(table, key)
    found = rows.get(tx, table, rows.suffix_of(table, key))
    return (table, None, 0) if found is None else (table, *found)


def write(tx: Transaction, address: Address, asked: Write) -> Written:
    """Make one write."""
    table = require(tx, address)
    check(table, asked)
    written = prepare(tx, table, asked)
    if asked.update is not None:
        _check_update_bytes(asked, written)
    commit(tx, written)
    return written


def check(table: TableRecord, asked: Write) -> None:
    """What can be refused without a look at the item. Raises ValidationException."""
    if asked.kind == "put":
        keys.check_item(table, asked.item)
    else:
        keys.check_key(table, asked.item)
        if asked.update is not None:
            asked.update.refuse_keys(table.key_names)


def prepare(tx: Transaction, table: TableRecord, asked: Write) -> Written:
    """What the write will be; nothing is changed yet.

    errors  ConditionalCheckFailedException, ValidationException
    """
    suffix = rows.suffix_of(table, asked.item)
    before = rows.row(tx, table, suffix)
    if asked.condition is not None:
        old = None if before is None else before.item
        if not asked.condition.holds(old):
            if asked.shows_failed and old is not None:
                raise ConditionalCheckFailedException(Item=old)
            raise ConditionalCheckFailedException()
    if asked.kind == "put":
        return Written(table, suffix, before, asked.item, asked.item_bytes)
    if asked.kind == "update":
        return _updated(table, suffix, before, asked)
    if asked.kind == "delete" or before is None:
        return Written(table, suffix, before, None, 0)
    return Written(table, suffix, before, before.item, before.size_bytes)


def _updated(table: TableRecord, suffix: bytes, before: Row | None, asked: Write) -> Written:
    old = None if before is None else before.item
    if asked.update is None:
        # Without an update the item is made, where it isn't there.
        new, touched = (asked.item if old is None else old), None
    elif old is None and asked.update.only_takes_away:
        asked.update.apply(asked.item, table.key_names, is_new=True)  # it may still be refused
        return Written(table, suffix, None, None, 0)
    else:
        updated = asked.update.apply(old or asked.item, table.key_names, is_new=old is None)
        new, touched = updated.item, updated.touched
    if old is None or touched is None:
        new_bytes = item_bytes(new)
    else:
        new_bytes = _updated_bytes(old, new, before.size_bytes, touched)
    if new_bytes > ITEM_BYTES_MAX:
        raise ValidationException(UPDATED_TOO_LARGE)
    if (table.indexes or table.vector_indexes) and touched is not None:
        # What the update leaves alone may violate an index that was made later.
        changed = {name: new[name] for name in touched.attributes if name in new}
        keys.check_index_keys(table, changed, is_updated=True)
    return Written(table, suffix, before, new, new_bytes, touched)


def _check_update_bytes(asked: Write, written: Written) -> None:
    """UpdateItem limits what it writes, too: the attributes that it names, and something for each of its actions.

    So near the limit it refuses what PutItem, a transaction and PartiQL accept. Undocumented; as recorded of AWS in
    August 2026 (nubo-db/dynamodb-conformance, "Item size limit by surface").
    """
    actions_bytes = asked.update.actions_bytes
    if written.new is None or written.new_bytes + actions_bytes <= ITEM_BYTES_MAX:
        return
    named = {name: written.new[name] for name in written.touched.attributes if name in written.new}
    if item_bytes(named) + actions_bytes > ITEM_BYTES_MAX:
        raise ValidationException(UPDATED_TOO_LARGE)


def _updated_bytes(old: Item, new: Item, old_bytes: int, touched: Projection) -> int:
    """The size of an updated item, of what the update names alone."""
    size_bytes = old_bytes
    for name in touched.attributes:
        was, now = old.get(name), new.get(name)
        if was is not None:
            size_bytes -= len(name.encode()) + value_bytes(was)
        if now is not None:
            size_bytes += len(name.encode()) + value_bytes(now)
    return max(size_bytes, 0)  # an old row may have been counted by another rule


def commit(tx: Transaction, written: Written) -> None:
    """Make the prepared write."""
    writing.change(tx, written.table, written.suffix, written.before, written.new, written.new_bytes)


def put_of(wire: Item, condition: Any = None, shows_failed: bool = False) -> Write:
    """The put of an item as it was sent. Raises ValidationException where it is none, or too large."""
    item, size_bytes = read_sized_item(wire)
    if size_bytes > ITEM_BYTES_MAX:
        raise ValidationException(TOO_LARGE)
    return Write("put", item, size_bytes, condition, None, shows_failed)


def write_all(tx: Transaction, writes: list[tuple[Address, Write]]) -> list[Written]:
    """Make many writes, each of its own item. For batches: all are checked before the first is made."""
    checked = []
    targets = set()
    for address, asked in writes:
        table = require(tx, address)
        if asked.kind == "put":
            keys.check_batched(table, asked.item)
        else:
            check(table, asked)
        checked.append((table, asked))
        targets.add((table.id, rows.suffix_of(table, asked.item)))
    if len(targets) < len(writes):
        raise ValidationException(DUPLICATES)
    done = []
    for table, asked in checked:
        written = prepare(tx, table, asked)
        commit(tx, written)
        done.append(written)
    return done


def reason_of(error: AwsError) -> dict:
    """The CancellationReason of an action that was refused."""
    if isinstance(error, ConditionalCheckFailedException):
        return {"Code": "ConditionalCheckFailed", "Message": error.message} | error.fields
    code = {
        "ValidationException": "ValidationError",
        "ItemCollectionSizeLimitExceededException": "ItemCollectionSizeLimitExceeded",
        "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    }[error.code]
    return {"Code": code, "Message": error.message}
