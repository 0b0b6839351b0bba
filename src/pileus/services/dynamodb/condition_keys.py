"""DynamoDB's condition keys of one access; each is a function, called only where a policy asks.

Source: DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control"; Service Authorization
Reference, "Condition keys for Amazon DynamoDB".
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.state.tables import find

READS = ("GetItem", "BatchGetItem", "Query", "Scan")

Keys = dict[str, Any]


def of_access(
    call: Call,
    address: Address,
    wanted: dict,
    *,
    keys: Iterable[dict] = (),
    items: Iterable[dict] = (),
    enclosing: str = "",
) -> Keys:
    """
    wanted     the request, or the part of it that is about this table or item
    keys       primary keys that it names; items: whole items that it puts
    enclosing  the transaction's operation
    """
    found: Keys = {
        "dynamodb:LeadingKeys": lambda: _leading(call, address, wanted, [*keys, *items]),
        "dynamodb:Attributes": lambda: _attributes(wanted, [*keys, *items]),
    }
    for name in ("ReturnValues", "ReturnConsumedCapacity"):
        if wanted.get(name):
            found[f"dynamodb:{name}"] = wanted[name]
    if call.operation in READS:
        found["dynamodb:Select"] = _select(wanted)
    if enclosing:
        found["dynamodb:EnclosingOperation"] = enclosing
    if call.operation == "Scan":
        found["dynamodb:FullTableScan"] = True
    return found


def _select(wanted: dict) -> str:
    if wanted.get("Select"):
        return wanted["Select"]
    if wanted.get("ProjectionExpression") is not None or wanted.get("AttributesToGet") is not None:
        return "SPECIFIC_ATTRIBUTES"
    return "ALL_PROJECTED_ATTRIBUTES" if wanted.get("IndexName") else "ALL_ATTRIBUTES"


def _leading(call: Call, address: Address, wanted: dict, keyed: list[dict]) -> list[str] | None:
    """The values of partition keys that the access is about, as texts."""
    table, call.seen = call.cloud.store.look(find, address)
    if table is None:
        return None
    name = table.hash_name
    values = [key.get(name) for key in keyed]
    if not keyed:
        index = table.index(wanted.get("IndexName") or "")
        name = table.hash_name if index is None else index.hash_names[0]
        tests = _bound(lambda: bind(wanted).key_condition)
        test = None if tests is None else tests.by_attribute.get(name)
        values = [test.operands[0]] if test is not None and test.operator == "=" else []
    return [_text(value) for value in values if value] or None


def _attributes(wanted: dict, keyed: list[dict]) -> list[str] | None:
    """The top-level attributes that the access names, in keys, items and expressions."""
    names = dict.fromkeys(name for one in keyed for name in one)
    bound = _bound(lambda: bind(wanted))
    if bound is not None:
        for part in (bound.condition, bound.filter, bound.projection, bound.update):
            if part is not None:
                names |= dict.fromkeys(part.attributes)
        if bound.key_condition is not None:
            names |= dict.fromkeys(bound.key_condition.by_attribute)
    return list(names) or None


def _bound(read: Callable[[], Any]) -> Any:
    """None for expressions that the operation will refuse."""
    try:
        return read()
    except AwsError:
        return None


def _text(value: dict) -> str:
    content = next(iter(value.values()))
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content)
