"""TransactWriteItems and TransactGetItems: everything in one transition, or nothing.

Transitions run one after another, so two transactions never meet and none is cancelled for a conflict.

Source: API reference, TransactWriteItems; developer guide, "Amazon DynamoDB Transactions: How it works".
"""

import msgspec

from pileus.kernel.errors import AwsError, ValidationException
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.errors import (
    OF_STRONG,
    EmptyKey,
    IdempotentParameterMismatchException,
    TransactionCanceledException,
)
from pileus.services.dynamodb.state import items, keys, rows
from pileus.services.dynamodb.state.items import Write, Written
from pileus.services.dynamodb.state.records import TableRecord
from pileus.services.dynamodb.state.rows import Item
from pileus.services.dynamodb.state.tables import require
from pileus.store.table import Index, Table
from pileus.store.transaction import Transaction

REMEMBERED_MS = 600_000
"""A ClientRequestToken, after the transaction has completed."""
FORGET = "dynamodb.forget"
"""The timer that forgets tokens; its key is always "tokens"."""
FORGOTTEN_AT_ONCE = 1000


class Token(msgspec.Struct, frozen=True):
    """A transaction was made with this token. digest: of what it asked for."""

    account: str
    region: str
    token: str
    digest: bytes
    until_ms: int


TOKENS = Table(
    "dynamodb.tokens",
    Token,
    key=lambda row: (row.account, row.region, row.token),
    by_end=Index(lambda row: (row.until_ms, row.account, row.region, row.token)),
)


def write(
    tx: Transaction, account: str, region: str, writes: list[tuple[Address, Write]], token: str, digest: bytes
) -> tuple[list[Written], bool]:
    """Make all writes and True; or, where the token was used for the same ones, none, False, and what the items are.

    errors  TransactionCanceledException with a reason for each, IdempotentParameterMismatchException,
            ResourceNotFoundException, ValidationException
    """
    if token:
        known = TOKENS.get(tx, account, region, token)
        if known is not None and known.until_ms > tx.now_ms:
            if known.digest != digest:
                raise IdempotentParameterMismatchException()
            return [_as_it_is(tx, address, asked) for address, asked in writes], False
    tables = [_require(tx, address) for address, _ in writes]
    reasons = [{"Code": "None"} for _ in writes]
    for at, (table, (_, asked)) in enumerate(zip(tables, writes, strict=True)):
        try:
            items.check(table, asked)
        except EmptyKey:
            raise
        except AwsError as error:
            # The first action that can't be ends the look: whether the others' conditions hold nobody asks.
            reasons[at] = items.reason_of(error)
            raise TransactionCanceledException(reasons) from error
    targets = {(table.id, rows.suffix_of(table, asked.item)) for table, (_, asked) in zip(tables, writes, strict=True)}
    if len(targets) < len(writes):
        raise ValidationException("Transaction request cannot include multiple operations on one item")
    prepared: list[Written] = []
    for at, (table, (_, asked)) in enumerate(zip(tables, writes, strict=True)):
        try:
            prepared.append(items.prepare(tx, table, asked))
        except EmptyKey:
            raise
        except AwsError as error:
            reasons[at] = items.reason_of(error)
    if len(prepared) < len(writes):
        raise TransactionCanceledException(reasons)
    for at, written in enumerate(prepared):
        try:
            items.commit(tx, written)
        except AwsError as error:
            reasons[at] = items.reason_of(error)
            raise TransactionCanceledException(reasons) from error
    if token:
        TOKENS.put(tx, Token(account, region, token, digest, tx.now_ms + REMEMBERED_MS))
        first = TOKENS.by_end.first(tx)
        tx.wake_at(first.until_ms, FORGET, "tokens")
    return prepared, True


def _require(tx: Transaction, address: Address) -> TableRecord:
    """Source: developer guide, "How DynamoDB global tables work": MRSC takes no transactions. AWS's text is not recorded."""
    table = require(tx, address)
    if table.is_strong:
        raise ValidationException(f"Transactional operations are not supported for global tables {OF_STRONG}.")
    return table


def _as_it_is(tx: Transaction, address: Address, asked: Write) -> Written:
    table = require(tx, address)
    suffix = rows.suffix_of(table, asked.item)
    row = rows.row(tx, table, suffix)
    return (
        Written(table, suffix, row, None, 0) if row is None else Written(table, suffix, row, row.item, row.size_bytes)
    )


def read(tx: Transaction, gets: list[tuple[Address, Item]]) -> list[tuple[TableRecord, Item | None, int]]:
    """Items with their sizes, all as they are at one moment."""
    tables = [_require(tx, address) for address, _ in gets]
    reasons = [{"Code": "None"} for _ in gets]
    for at, (table, (_, key)) in enumerate(zip(tables, gets, strict=True)):
        try:
            keys.check_key(table, key)
        except EmptyKey:
            raise
        except AwsError as error:
            reasons[at] = items.reason_of(error)
            raise TransactionCanceledException(reasons) from error
    suffixes = [rows.suffix_of(table, key) for table, (_, key) in zip(tables, gets, strict=True)]
    if len({(table.id, suffix) for table, suffix in zip(tables, suffixes, strict=True)}) < len(gets):
        raise ValidationException("Transaction request cannot include multiple operations on one item")
    return [
        (table, *(rows.get(tx, table, suffix) or (None, 0))) for table, suffix in zip(tables, suffixes, strict=True)
    ]


def forget(tx: Transaction, key: str) -> None:
    """Forget the tokens whose time is over. The timer's transition."""
    for at, token in enumerate(TOKENS.by_end.scan(tx)):
        if token.until_ms > tx.now_ms or at == FORGOTTEN_AT_ONCE:
            tx.wake_at(max(token.until_ms, tx.now_ms), FORGET, key)
            return
        TOKENS.remove(tx, token)
