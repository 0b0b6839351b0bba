"""DynamoDB's condition keys of one access; nothing of them is made before a policy asks.

Source: DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control"; Service Authorization
Reference, "Condition keys for Amazon DynamoDB".
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pileus.kernel.call import Call
from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.expressions import bind
from pileus.services.dynamodb.state.tables import find
from pileus.services.dynamodb.values.numbers import normalise

READS = ("GetItem", "BatchGetItem", "Query", "Scan")
RETURNING = ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem")
"""The actions that know dynamodb:ReturnValues; the reference names Query and Scan too, which take no such parameter."""
PARTITION_KEYS = (
    "FirstPartitionKeyValues",
    "SecondPartitionKeyValues",
    "ThirdPartitionKeyValues",
    "FourthPartitionKeyValues",
)
"""An index has up to four. The first is LeadingKeys by its newer name."""


class AccessKeys(Mapping[str, Any]):
    """
    action     without its prefix
    wanted     the request, or the part of it that is about this table or item
    request    the whole request
    named      the primary keys and the whole items that it is about; None: the Key or Item of `wanted`
    enclosing  the transaction's operation
    """

    __slots__ = ("_asked", "_found")

    def __init__(
        self,
        call: Call,
        address: Address,
        action: str,
        wanted: dict,
        request: dict,
        named: Sequence[dict] | None = None,
        enclosing: str = "",
    ) -> None:
        self._asked = call, address, action, wanted, request, named, enclosing
        self._found: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        return self._keys()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def _keys(self) -> dict[str, Any]:
        if self._found is None:
            self._found = _of_access(*self._asked)
        return self._found


def _of_access(
    call: Call,
    address: Address,
    action: str,
    wanted: dict,
    request: dict,
    named: Sequence[dict] | None,
    enclosing: str,
) -> dict[str, Any]:
    """The keys, of which those that cost something are functions."""
    if named is None:
        named = [wanted[member] for member in ("Key", "Item") if member in wanted]
    found: dict[str, Any] = {
        "dynamodb:LeadingKeys": lambda: _partition_values(call, address, wanted, named, 0),
        "dynamodb:Attributes": lambda: _attributes(wanted, named),
        # A batch or transaction has one for all of its tables.
        "dynamodb:ReturnConsumedCapacity": request.get("ReturnConsumedCapacity") or "NONE",
    }
    for at, name in enumerate(PARTITION_KEYS):
        found[f"dynamodb:{name}"] = lambda at=at: _partition_values(call, address, wanted, named, at)
    if action in RETURNING:
        # Developer guide: it "always has a value (NONE unless otherwise specified)"; a transaction's writes take none.
        found["dynamodb:ReturnValues"] = wanted.get("ReturnValues") or "NONE"
    if action in READS:
        found["dynamodb:Select"] = _select(wanted)
    if enclosing:
        found["dynamodb:EnclosingOperation"] = enclosing
    return found


def _select(wanted: dict) -> str:
    if wanted.get("Select"):
        return wanted["Select"]
    if wanted.get("ProjectionExpression") is not None or wanted.get("AttributesToGet") is not None:
        return "SPECIFIC_ATTRIBUTES"
    return "ALL_PROJECTED_ATTRIBUTES" if wanted.get("IndexName") else "ALL_ATTRIBUTES"


def _partition_values(call: Call, address: Address, wanted: dict, named: Sequence[dict], at: int) -> list[str] | None:
    """The values that the access gives for the first (0), second … attribute of the partition key, as texts."""
    table, call.seen = call.cloud.store.look(find, address)
    if table is None:
        return None
    if named:
        values = [key.get(table.hash_name) for key in named] if at == 0 else []
    else:
        index = table.index(wanted.get("IndexName") or "")
        names = (table.hash_name,) if index is None else index.hash_names
        tests = _bound(lambda: bind(wanted).key_condition)
        test = None if tests is None or at >= len(names) else tests.by_attribute.get(names[at])
        values = [test.operands[0]] if test is not None and test.operator == "=" else []
    return [key_text(value) for value in values if value] or None


def _attributes(wanted: dict, named: Sequence[dict]) -> list[str] | None:
    """The top-level attributes that the access names, in keys, items and expressions."""
    names = dict.fromkeys(name for one in named for name in one)
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


def key_text(value: dict) -> str:
    """The value of a key attribute as conditions compare it: each has one text, however it is written."""
    ((kind, content),) = value.items()
    if kind == "B":
        return base64.b64encode(content).decode() if isinstance(content, bytes) else content
    if kind != "N":
        return str(content)
    try:
        return normalise(content)
    except (AwsError, TypeError):
        return str(content)  # it will be refused
