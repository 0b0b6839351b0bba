"""How much capacity an account may provision in a region, and a table of it.

Source: developer guide, "Quotas in Amazon DynamoDB" ("Default quotas"); API reference, DescribeLimits: the quota of a table
is that of a new one together with its global indexes, the account's that of all tables and their global indexes. The
texts were recorded in October 2026, that of a table also of UpdateTable.
"""

from collections.abc import Iterator

from pileus.services.dynamodb.errors import LimitExceededException
from pileus.services.dynamodb.state.records import (
    ACCOUNT_UNITS_MAX,
    TABLE_UNITS_MAX,
    TABLES,
    SecondaryIndex,
    TableRecord,
)
from pileus.store.transaction import Transaction

_HIGHER = "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
_KINDS = (
    ("ReadCapacityUnits", "read_units", "MaxReadRequestUnits", "ReadUnitsPerSecond"),
    ("WriteCapacityUnits", "write_units", "MaxWriteRequestUnits", "WriteUnitsPerSecond"),
)
"""Provisioned units as AWS names them and as records do; then on-demand limits and warm throughput."""

Owner = TableRecord | SecondaryIndex


def check(tx: Transaction, before: TableRecord | None, after: TableRecord) -> None:
    """Of a table that is made (`before`: None) or changed. What was above a quota before may stay so.

    errors   LimitExceededException
    """
    for provisioned, field, on_demand, warm in _KINDS:
        for had, has in _owners(before, after):
            _check_one(after, had, has, provisioned, field)
            _check_asked(after, had, has, provisioned, field, on_demand, warm)
        wanted = _total(after, field)
        if before is None and wanted > TABLE_UNITS_MAX:
            raise _above(after, provisioned, wanted)
        growth = wanted - (0 if before is None else _total(before, field))
        if growth > 0:
            _check_account(tx, after, provisioned, field, growth)


def _owners(before: TableRecord | None, after: TableRecord) -> Iterator[tuple[Owner | None, Owner]]:
    """The table and its global indexes, each as it was and as it is to be."""
    yield before, after
    for index in after.global_indexes:
        yield (None if before is None else before.index(index.name)), index


def _check_one(table: TableRecord, had: Owner | None, has: Owner, provisioned: str, field: str) -> None:
    units = _units(has.throughput, field)
    if units > max(TABLE_UNITS_MAX, 0 if had is None else _units(had.throughput, field)):
        raise _above(table, provisioned, units, "" if has is table else has.name)


def _check_asked(
    table: TableRecord, had: Owner | None, has: Owner, provisioned: str, field: str, on_demand: str, warm: str
) -> None:
    """On-demand limits and warm throughput, which the quota of a table bounds too."""
    limited, warmed = ("table", "table") if has is table else (f"index : {has.name}", f"index {has.name}")
    quota = f"exceeds TableMax{provisioned} of the account in region {table.region}"
    was = (0, 0, 0) if had is None else tuple(_units(one, field) for one in (had.on_demand, had.warm, had.throughput))
    if _units(has.on_demand, field) > max(TABLE_UNITS_MAX, was[0]):
        raise LimitExceededException(
            f"Subscriber limit exceeded: Requested {on_demand} for OnDemandThroughput for {limited} {quota}"
        )
    if _units(has.warm, field) > max(TABLE_UNITS_MAX, *was[1:]):
        raise LimitExceededException(
            f"Subscriber limit exceeded: Requested {warm} for WarmThroughput for {warmed} {quota}"
        )


def _check_account(tx: Transaction, table: TableRecord, provisioned: str, field: str, growth: int) -> None:
    there = (one for one in TABLES.scan(tx, table.account, table.region) if one.status != "DELETING")
    reserved = sum(_total(one, field) for one in there)
    if reserved + growth > ACCOUNT_UNITS_MAX:
        raise LimitExceededException(
            f"This request would have caused the {provisioned} limit to be exceeded for the account in {table.region}. "
            f"Current {provisioned} reserved by the account: {reserved}. Limit: {ACCOUNT_UNITS_MAX}. "
            f"Requested: {growth}. {_HIGHER}"
        )


def _above(table: TableRecord, provisioned: str, units: int, index: str = "") -> LimitExceededException:
    of_index, what = (f" for index {index}", "index") if index else ("", "table")
    return LimitExceededException(
        f"The requested {provisioned}{of_index}, {units}, is above the per {what} maximum for the account in "
        f"{table.region}. Per {what} maximum: {TABLE_UNITS_MAX}. {_HIGHER}"
    )


def _total(table: TableRecord, field: str) -> int:
    return sum(_units(has.throughput, field) for _, has in _owners(None, table))


def _units(of: object, field: str) -> int:
    """Of throughput or a limit; 0 where there is none."""
    return getattr(of, field, None) or 0
