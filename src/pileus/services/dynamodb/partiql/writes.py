"""INSERT, UPDATE, DELETE and EXISTS as the writes of state/items.py."""

from dataclasses import dataclass
from typing import Protocol

from pileus.kernel.errors import AwsError, ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import ConditionalCheckFailedException, TransactionCanceledException
from pileus.services.dynamodb.expressions import BoundCondition
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.access import KeySchema, primary_key
from pileus.services.dynamodb.partiql.conditions import condition_of, update_of
from pileus.services.dynamodb.partiql.errors import (
    EXISTS_READS_ONE_ITEM,
    INCOMPLETE_KEY,
    NO_SUCH_INDEX,
    NOT_A_MAP,
    NOT_ON_AN_INDEX,
    DuplicateItemException,
    not_for_delete,
)
from pileus.services.dynamodb.state import items, transactions
from pileus.services.dynamodb.state.items import Write, Written
from pileus.services.dynamodb.state.records import TRANSACTION_BYTES_MAX, SecondaryIndex, TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.tables import require
from pileus.store.transaction import Transaction

WriteStatement = ast.Insert | ast.Update | ast.Delete | ast.Exists


@dataclass(frozen=True, slots=True)
class _Absent:
    """Of INSERT, which makes new items only."""

    def holds(self, item: Item | None) -> bool:
        return item is None


@dataclass(frozen=True, slots=True)
class _Present:
    """Of UPDATE, which makes none, and EXISTS: the item is there and meets the rest of the clause."""

    rest: BoundCondition | None

    def holds(self, item: Item | None) -> bool:
        return item is not None and (self.rest is None or self.rest.holds(item))


@dataclass(frozen=True, slots=True)
class _PresentOrNot:
    """Of DELETE: an item that is not there is deleted.

    Source: developer guide, "PartiQL delete statements for DynamoDB".
    """

    rest: BoundCondition

    def holds(self, item: Item | None) -> bool:
        return item is None or self.rest.holds(item)


def write_of(table: TableRecord, statement: WriteStatement, *, shows_failed: bool = False) -> Write:
    """The write that a bound statement asks for.

    shows_failed   ReturnValuesOnConditionCheckFailure is ALL_OLD
    errors         ValidationException
    """
    if statement.source.index:
        named = statement.source.index
        if table.index(named) is None and table.vector_index(named) is None:
            raise ValidationException(NO_SUCH_INDEX)
        raise ValidationException(NOT_ON_AN_INDEX)
    if isinstance(statement, ast.Insert):
        return items.put_of(_item_of(statement), _Absent())
    found = primary_key(
        statement.select.where if isinstance(statement, ast.Exists) else statement.where, keys_of(table)
    )
    if isinstance(statement, ast.Exists):
        if found is None or found[1] is None:
            raise ValidationException(EXISTS_READS_ONE_ITEM)
        return Write("check", found[0], condition=_Present(condition_of(found[1])), shows_failed=shows_failed)
    if found is None:
        raise ValidationException(INCOMPLETE_KEY)
    key, rest = found
    condition = condition_of(rest)
    if isinstance(statement, ast.Update):
        update = update_of(statement.actions)
        return Write("update", key, condition=_Present(condition), update=update, shows_failed=shows_failed)
    check_returning(statement)
    if condition is None:
        return Write("delete", key)
    return Write("delete", key, condition=_PresentOrNot(condition), shows_failed=shows_failed)


def _item_of(statement: ast.Insert) -> Item:
    value = statement.value.value if isinstance(statement.value, ast.Literal) else {}
    if "M" not in value:
        raise ValidationException(NOT_A_MAP)
    return value["M"]


def keys_of(owner: TableRecord | SecondaryIndex) -> KeySchema:
    """The key schema of a table or an index."""
    if isinstance(owner, SecondaryIndex):
        types = dict(zip(owner.key_names, owner.attribute_types, strict=True))
        return KeySchema(owner.hash_names, owner.range_names, types)
    types = {name: owner.attribute_types[name] for name in owner.key_names}
    return KeySchema(owner.key_names[:1], owner.key_names[1:], types)


def check_returning(statement: ast.Delete) -> None:
    """A DELETE can return the old item and nothing else."""
    returning = statement.returning
    if returning is not None and (not returning.is_all or returning.is_new):
        raise not_for_delete(returning)


def returned(statement: WriteStatement, written: Written) -> list[Item]:
    """What RETURNING shows of a write: one item, or none where there is nothing to show."""
    returning = getattr(statement, "returning", None)
    if returning is None:
        return []
    item = written.new if returning.is_new else written.old
    if item is not None and not returning.is_all:
        item = written.touched.of(item)
    return [item] if item else []


def write(tx: Transaction, address: Address, statement: WriteStatement, *, shows_failed: bool = False) -> Written:
    """Make the write of one bound statement.

    errors   ResourceNotFoundException, ValidationException, ConditionalCheckFailedException, DuplicateItemException,
             ItemCollectionSizeLimitExceededException
    """
    written = _prepared(tx, address, statement, shows_failed=shows_failed)
    items.commit(tx, written)
    return written


def _prepared(tx: Transaction, address: Address, statement: WriteStatement, *, shows_failed: bool) -> Written:
    table = require(tx, address)
    asked = write_of(table, statement, shows_failed=shows_failed)
    items.check(table, asked)
    try:
        return items.prepare(tx, table, asked)
    except ConditionalCheckFailedException as error:
        if isinstance(statement, ast.Insert):
            raise DuplicateItemException() from error
        raise


class Asked(Protocol):
    """A bound statement, and where its table is."""

    address: Address
    statement: WriteStatement
    shows_failed: bool


class RefusedHalfway(Exception):
    """A statement of a batch failed when it had begun to change rows: without it the others can be made."""

    def __init__(self, at: int, error: AwsError) -> None:
        self.at = at
        self.error = error
        super().__init__(f"statement {at}: {error}")


def write_each(tx: Transaction, asked: list[Asked | AwsError]) -> list[Written | AwsError]:
    """Make the writes of a batch, one after another; each that fails is its error instead, and changes nothing.

    asked    an error that was found before stays in its place
    errors   RefusedHalfway: nothing was made; try again with that error in the place of the statement
    """
    done: list[Written | AwsError] = []
    for at, one in enumerate(asked):
        if isinstance(one, AwsError):
            done.append(one)
            continue
        try:
            written = _prepared(tx, one.address, one.statement, shows_failed=one.shows_failed)
        except AwsError as error:
            done.append(error)
            continue
        try:
            items.commit(tx, written)
        except AwsError as error:
            raise RefusedHalfway(at, error) from error
        done.append(written)
    return done


def write_together(
    tx: Transaction, account: str, region: str, asked: list[Asked], token: str, digest: bytes
) -> tuple[list[Written], bool]:
    """Make all writes of a transaction, or none; see state/transactions.py, `write`.

    errors   TransactionCanceledException, with DuplicateItem as the reason of an INSERT of what is there
    """
    writes = []
    for at, one in enumerate(asked):
        try:
            table = require(tx, one.address)
            writes.append((one.address, write_of(table, one.statement, shows_failed=one.shows_failed)))
        except ValidationException as error:
            raise in_transaction(at, error) from error
    if sum(one.payload_bytes for _, one in writes) > TRANSACTION_BYTES_MAX:
        raise ValidationException("Collection of items size cannot exceed 4MB")
    try:
        return transactions.write(tx, account, region, writes, token, digest)
    except TransactionCanceledException as error:
        reasons = error.fields["CancellationReasons"]
        for at, one in enumerate(asked):
            if isinstance(one.statement, ast.Insert) and reasons[at]["Code"] == "ConditionalCheckFailed":
                reasons[at] = {"Code": "DuplicateItem", "Message": DuplicateItemException.text}
        raise TransactionCanceledException(reasons) from error


def in_transaction(at: int, error: ValidationException) -> ValidationException:
    """The error of one statement of a transaction that can't be begun."""
    return ValidationException(f"Validation failed in TransactStatements[{at}]: {error.message}")
