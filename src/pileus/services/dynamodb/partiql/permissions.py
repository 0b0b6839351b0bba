"""What a statement touches: the IAM action, the table or index, and the condition keys.

Source: developer guide, "IAM security policies with PartiQL for DynamoDB"; Service Authorization Reference, "Actions,
resources, and condition keys for Amazon DynamoDB" (PartiQLSelect, PartiQLInsert, PartiQLUpdate, PartiQLDelete).
"""

from collections.abc import Iterator
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError, ValidationException
from pileus.kernel.service import Touch
from pileus.services.dynamodb.addresses import Address, of_name
from pileus.services.dynamodb.condition_keys import PARTITION_KEYS, key_text
from pileus.services.dynamodb.partiql import statements as ast
from pileus.services.dynamodb.partiql.access import KeySchema, Partition, partitions
from pileus.services.dynamodb.partiql.binding import bind
from pileus.services.dynamodb.partiql.grammar import parse
from pileus.services.dynamodb.partiql.writes import keys_of
from pileus.services.dynamodb.state.tables import find

_ACTIONS = {
    ast.Select: "PartiQLSelect",
    ast.Exists: "PartiQLSelect",
    ast.Insert: "PartiQLInsert",
    ast.Update: "PartiQLUpdate",
    ast.Delete: "PartiQLDelete",
}
_RETURN_VALUES = {
    (True, False): "ALL_OLD",
    (False, False): "UPDATED_OLD",
    (True, True): "ALL_NEW",
    (False, True): "UPDATED_NEW",
}


def on_statement(call: Call, request: dict) -> list[Touch]:
    """ExecuteStatement."""
    return [_read_touch(call, request)]


def on_transaction(call: Call, request: dict) -> list[Touch]:
    """ExecuteTransaction: all of its statements."""
    return [_read_touch(call, entry) for entry in request["TransactStatements"]]


def on_batch(call: Call, request: dict) -> list[Touch]:
    """BatchExecuteStatement: each statement is authorized by itself (operations/partiql.py)."""
    return []


def _read_touch(call: Call, entry: dict) -> Touch:
    statement = parse(entry["Statement"])
    return touch_of(call, of_name(call, statement.source.table), statement, entry.get("Parameters") or [])


def touch_of(call: Call, address: Address, statement: ast.Statement, parameters: list[dict[str, Any]]) -> Touch:
    """The touch of a statement; condition keys that take a look are functions, called where a policy asks."""
    arn = address.arn + (f"/index/{statement.source.index}" if statement.source.index else "")
    inner = statement.select if isinstance(statement, ast.Exists) else statement
    context: dict[str, Any] = {
        "dynamodb:EnclosingOperation": call.operation,
        "dynamodb:Attributes": lambda: _names(_bound(statement, parameters)),
        "dynamodb:LeadingKeys": lambda: _partition_values(call, address, _bound(statement, parameters), 0),
    }
    for at, name in enumerate(PARTITION_KEYS):
        context[f"dynamodb:{name}"] = lambda at=at: _partition_values(call, address, _bound(statement, parameters), at)
    if isinstance(inner, ast.Select):
        context["dynamodb:Select"] = "ALL_ATTRIBUTES" if inner.columns is None else "SPECIFIC_ATTRIBUTES"
        context["dynamodb:FullTableScan"] = lambda: _is_scan(call, address, _bound(statement, parameters))
    elif isinstance(inner, ast.Update | ast.Delete):
        returning = inner.returning
        context["dynamodb:ReturnValues"] = (
            "NONE" if returning is None else _RETURN_VALUES[returning.is_all, returning.is_new]
        )
    return Touch(f"dynamodb:{_ACTIONS[type(statement)]}", arn, context)


def _bound(statement: ast.Statement, parameters: list[dict[str, Any]]) -> ast.Statement | None:
    """The statement to look at, with its parameters; None where they are not its."""
    try:
        bound = bind(statement, parameters)
    except AwsError:
        return None  # it will be refused
    return bound.select if isinstance(bound, ast.Exists) else bound


def _names(statement: ast.Statement | None) -> list[str] | None:
    return list(dict.fromkeys(_attributes(statement))) or None


def _schema(call: Call, address: Address, statement: ast.Statement) -> KeySchema | None:
    table, call.seen = call.cloud.store.look(find, address)
    return None if table is None else keys_of(table.index(statement.source.index) or table)


def _is_scan(call: Call, address: Address, statement: ast.Select | None) -> bool | None:
    schema = None if statement is None else _schema(call, address, statement)
    return None if schema is None else _partitions(statement.where, schema) is None


def _partition_values(call: Call, address: Address, statement: ast.Statement | None, at: int) -> list[str] | None:
    """The values that the statement is about of the first (0), second … attribute of the partition key, as texts."""
    schema = None if statement is None else _schema(call, address, statement)
    if schema is None or at >= len(schema.hash_names):
        return None
    if isinstance(statement, ast.Insert):
        item = statement.value.value.get("M", {}) if isinstance(statement.value, ast.Literal) else {}
        values = [item[name] for name in schema.hash_names[at : at + 1] if name in item]
    else:
        values = [one.hash_values[at] for one in _partitions(statement.where, schema) or ()]
    return list(dict.fromkeys(map(key_text, values))) or None


def _partitions(where: Any, schema: KeySchema) -> list[Partition] | None:
    try:
        return partitions(where, schema)
    except ValidationException:
        return None  # it will be refused, unless somebody who may not read everything is told so first


def _attributes(node: Any) -> Iterator[str]:
    """The top-level names of all attributes that a statement or a part of it names."""
    match node:
        case ast.Path():
            yield str(node.parts[0])
        case ast.Select():
            yield from _attributes(node.columns or ())
            yield from _attributes(node.where)
            yield from (one.name for one in node.order)
        case ast.Insert():
            if isinstance(node.value, ast.Literal):
                yield from node.value.value.get("M", {})
        case ast.Update():
            yield from _attributes(node.actions)
            yield from _attributes(node.where)
        case ast.Delete():
            yield from _attributes(node.where)
        case tuple():
            for part in node:
                yield from _attributes(part)
        case ast.Assignment():
            yield from _attributes((node.path, node.value))
        case ast.Removal():
            yield from _attributes(node.path)
        case ast.Comparison() | ast.Arithmetic():
            yield from _attributes((node.left, node.right))
        case ast.Between():
            yield from _attributes((node.operand, node.low, node.high))
        case ast.In():
            yield from _attributes((node.operand, *node.options))
        case ast.Is():
            yield from _attributes(node.operand)
        case ast.Call():
            yield from _attributes(node.arguments)
        case ast.Not():
            yield from _attributes(node.part)
        case ast.And() | ast.Or():
            yield from _attributes(node.parts)
