"""PartiQL: ExecuteStatement, BatchExecuteStatement, ExecuteTransaction."""

from typing import Any, NamedTuple

from pileus.kernel.call import Call
from pileus.kernel.errors import AccessDenied, AwsError, ValidationException
from pileus.services.dynamodb import throttle
from pileus.services.dynamodb.addresses import Address, of_name
from pileus.services.dynamodb.operations.turns import in_turns
from pileus.services.dynamodb.parameters import (
    capacities_out,
    consumed_together,
    detail_of,
    digest_of,
    shows_failed,
)
from pileus.services.dynamodb.partiql import permissions, reads, writes
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.binding import bind
from pileus.services.dynamodb.partiql.continuing import last_key_of, token_of
from pileus.services.dynamodb.partiql.errors import (
    EXISTS_IS_FOR_TRANSACTIONS,
    NO_RETURNING_IN_TRANSACTIONS,
    code_of,
    for_select_only,
    mixed,
)
from pileus.services.dynamodb.partiql.grammar import parse
from pileus.services.dynamodb.state import capacity
from pileus.services.dynamodb.state.capacity import Consumed
from pileus.services.dynamodb.state.items import Written
from pileus.services.dynamodb.state.records import TableRecord


class Asked(NamedTuple):
    """A statement of a request, bound to its parameters."""

    address: Address
    statement: ast.Statement
    shows_failed: bool
    is_consistent: bool

    @property
    def named(self) -> str:
        """The table, as the statement names it."""
        return self.statement.source.table

    @property
    def is_read(self) -> bool:
        return isinstance(self.statement, ast.Select)


async def batch_execute_statement(call: Call, request: dict) -> dict:
    """Up to 25 statements that read or write one item each; each succeeds or fails alone.

    request  BatchExecuteStatementInput. All read or all write
    returns  BatchExecuteStatementOutput: for each statement its item, if there is one, or its error
    errors   ValidationException: reads and writes are mixed
    source   DynamoDB API reference, BatchExecuteStatement; developer guide, "Running batch operations with PartiQL for
             DynamoDB"
    """
    asked: list[Asked | AwsError] = []
    for entry in request["Statements"]:
        try:
            asked.append(_asked(call, entry, outside_transactions=True))
        except ValidationException as error:
            asked.append(error)
    is_read = _all_read("BatchExecuteStatement", [one for one in asked if isinstance(one, Asked)])
    named = [one.named if isinstance(one, Asked) else "" for one in asked]
    asked = [await _permitted(call, one) for one in asked]
    if is_read:
        results: list[Any] = await call.read(reads.read_each, asked)
    else:
        results = await _write_each(call, asked)
    responses = []
    by_table: dict[str, tuple[TableRecord, Consumed]] = {}
    for name, one, result in zip(named, asked, results, strict=True):
        if isinstance(result, AwsError):
            responses.append(_failure(name, result))
            continue
        shown = result.items if is_read else writes.returned(one.statement, result)
        responses.append({"TableName": name} | ({"Item": shown[0]} if shown else {}))
        consumed = result.consumed if is_read else capacity.of_written(result)
        by_table.setdefault(name, (result.table, Consumed()))[1].add(consumed)
    bucket = throttle.READ if is_read else throttle.WRITE
    return {"Responses": responses} | capacities_out(call, request, by_table, bucket)


async def execute_statement(call: Call, request: dict) -> dict:
    """Read with SELECT, page by page, or insert, update or delete one item.

    request  ExecuteStatementInput. Limit and NextToken are SELECT's
    returns  ExecuteStatementOutput. Of a write the items that RETURNING asks for
    errors   ConditionalCheckFailedException, DuplicateItemException, ItemCollectionSizeLimitExceededException,
             ResourceNotFoundException, ValidationException
    source   DynamoDB API reference, ExecuteStatement; developer guide, "PartiQL statements for DynamoDB"
    """
    asked = _asked(call, request, outside_transactions=True)
    if asked.is_read:
        return await _select(call, request, asked)
    for name in ("Limit", "NextToken"):
        if request.get(name) is not None:
            raise for_select_only(name)
    if call.cloud.settings.is_dynamodb_throttle:
        await throttle.admit(call, asked.address, throttle.WRITE)
    written: Written = await call.write(writes.write, asked.address, asked.statement, shows_failed=asked.shows_failed)
    answer = {"Items": writes.returned(asked.statement, written)}
    return answer | _capacity(call, request, asked, written.table, capacity.of_written(written), throttle.WRITE)


async def execute_transaction(call: Call, request: dict) -> dict:
    """Up to 100 statements that read one item each, as all are at one moment, or that write or check one, all or none.

    request  ExecuteTransactionInput. With a ClientRequestToken the same writes are made once in ten minutes
    returns  ExecuteTransactionOutput: for each read its item, if there is one; of writes no Responses
    errors   IdempotentParameterMismatchException, ResourceNotFoundException, TransactionCanceledException,
             ValidationException
    source   DynamoDB API reference, ExecuteTransaction; developer guide, "Performing transactions with PartiQL for
             DynamoDB"
    """
    entries = request["TransactStatements"]
    asked = [_asked(call, entry) for entry in entries]
    for at, one in enumerate(asked):
        if getattr(one.statement, "returning", None) is not None:
            raise writes.in_transaction(at, ValidationException(NO_RETURNING_IN_TRANSACTIONS))
    is_read = _all_read("ExecuteTransaction", asked)
    kind, bucket = ("Read", throttle.READ) if is_read else ("Write", throttle.WRITE)
    await throttle.admit_together(call, [one.address for one in asked], bucket)
    by_table: dict[str, tuple[TableRecord, Consumed]] = {}
    if is_read:
        found = await call.read(reads.read_together, [(one.address, one.statement) for one in asked])
        for one, selected in zip(asked, found, strict=True):
            by_table.setdefault(one.named, (selected.table, Consumed()))[1].add(selected.consumed)
        responses = [{"Item": selected.items[0]} if selected.items else {} for selected in found]
        return {"Responses": responses} | capacities_out(call, request, by_table, bucket, kind)
    token = request.get("ClientRequestToken") or ""
    digest = digest_of(entries) if token else b""
    written, is_made = await call.write(writes.write_together, call.account, call.region, asked, token, digest)
    if not is_made:
        kind, bucket = "Read", throttle.READ
    for one, done in zip(asked, written, strict=True):
        by_table.setdefault(one.named, (done.table, Consumed()))[1].add(consumed_together(done, is_made))
    return {"Responses": []} | capacities_out(call, request, by_table, bucket, kind)


def _asked(call: Call, entry: dict, *, outside_transactions: bool = False) -> Asked:
    statement = bind(parse(entry["Statement"]), entry.get("Parameters") or [])
    if outside_transactions and isinstance(statement, ast.Exists):
        raise ValidationException(EXISTS_IS_FOR_TRANSACTIONS)
    address = of_name(call, statement.source.table)
    return Asked(address, statement, shows_failed(entry), bool(entry.get("ConsistentRead")))


def _all_read(operation: str, asked: list[Asked]) -> bool:
    """Whether the statements read; False: they write. Raises ValidationException where some do and others don't."""
    reading = {one.is_read for one in asked}
    if len(reading) > 1:
        raise mixed(operation)
    return reading == {True}


async def _select(call: Call, request: dict, asked: Asked) -> dict:
    identity = (call.account, call.region, request["Statement"], request.get("Parameters") or [])
    token = request.get("NextToken")
    start = None if token is None else last_key_of(identity, token)
    if call.cloud.settings.is_dynamodb_throttle:
        await throttle.admit(call, asked.address, throttle.READ, asked.statement.source.index)
    selected = await in_turns(
        call,
        reads.select,
        asked.address,
        asked.statement,
        is_consistent=asked.is_consistent,
        limit=request.get("Limit") or 0,
        start=start,
    )
    answer: dict[str, Any] = {"Items": selected.items}
    if selected.last_key is not None:
        answer["LastEvaluatedKey"] = selected.last_key
        answer["NextToken"] = token_of(identity, selected.last_key)
    return answer | _capacity(call, request, asked, selected.table, selected.consumed, throttle.READ)


async def _write_each(call: Call, asked: list[Asked | AwsError]) -> list[Written | AwsError]:
    """Make a batch's writes in one commit."""
    while True:  # at most once for each statement
        try:
            return await call.write(writes.write_each, asked)
        except writes.RefusedHalfway as refused:
            asked[refused.at] = refused.error


async def _permitted(call: Call, one: Asked | AwsError) -> Asked | AwsError:
    """A statement of a batch, or why it may not run."""
    if isinstance(one, AwsError):
        return one
    try:
        await call.authorize([permissions.touch_of(call, one.address, one.statement, [])])
        if call.cloud.settings.is_dynamodb_throttle:
            await throttle.admit(call, one.address, throttle.READ if one.is_read else throttle.WRITE)
    except AwsError as error:
        if isinstance(error, AccessDenied) or code_of(error) is not None:
            return error
        raise
    return one


def _failure(named: str, error: AwsError) -> dict:
    """The BatchStatementResponse of a statement that failed. named: its table, as it names it; "" where it can't be read."""
    code = code_of(error)
    if code is None:
        raise error
    shown = {"Item": error.fields["Item"]} if "Item" in error.fields else {}  # and no ThrottlingReasons
    said = {"Code": code, "Message": error.message} | shown
    # AWS names no table where a statement can't be run at all.
    return {"Error": said} | ({"TableName": named} if named and code != "ValidationError" else {})


def _capacity(call: Call, request: dict, asked: Asked, table: TableRecord, consumed: Consumed, bucket: str) -> dict:
    throttle.spend(call, table, bucket, consumed)
    detail = detail_of(request)
    return {"ConsumedCapacity": capacity.out(table, asked.named, consumed, detail)} if detail else {}
