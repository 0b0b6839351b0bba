"""What CreateTable and UpdateTable ask for, checked and as records: key schemas, indexes, throughput.

Source: API reference, CreateTable, UpdateTable, GlobalSecondaryIndex, LocalSecondaryIndex, Projection; developer guide,
"Quotas in Amazon DynamoDB"; the texts are those of recorded answers.
"""

from collections.abc import Sequence

from pileus.kernel.errors import ValidationException
from pileus.services.dynamodb.errors import invalid
from pileus.services.dynamodb.state.records import (
    GLOBAL_INDEXES_MAX,
    HASH,
    INCLUDED_PER_INDEX_MAX,
    INCLUDED_PER_TABLE_MAX,
    INDEX_ATTRIBUTES_MAX,
    LOCAL_INDEXES_MAX,
    RANGE,
    OnDemandLimits,
    Projection,
    SecondaryIndex,
    TableRecord,
    Throughput,
    WarmThroughput,
)

UNITS_MAX = 1_000_000_000_000
ON_DEMAND, PROVISIONED = "PAY_PER_REQUEST", "PROVISIONED"
ON_DEMAND_WARM = WarmThroughput(12_000, 4_000)
"""What a new on-demand table serves at once. Source: developer guide, "Understanding DynamoDB warm throughput"."""
ON_DEMAND_INITIAL = (
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"
    "#on-demand-capacity-mode-initial"
)

Keys = tuple[tuple[str, ...], tuple[str, ...]]
"""The attributes of the partition key and of the sort key."""


def attribute_types(definitions: list[dict]) -> dict[str, str]:
    """AttributeDefinitions as name -> S, N or B."""
    types: dict[str, str] = {}
    for definition in definitions:
        name = definition["AttributeName"]
        if name in types:
            raise ValidationException(f"Attribute Name is duplicated: {name}")
        types[name] = definition["AttributeType"]
    return types


def keys_of(schema: list[dict], types: dict[str, str], *, most: int = 1, is_index: bool = True) -> Keys:
    """A key schema, in AWS's order of checking. `most`: attributes of each key; more than one only in global indexes."""
    names = [element["AttributeName"] for element in schema]
    kinds = [element["KeyType"] for element in schema]
    if kinds[0] != HASH:
        raise ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(set(names)) < len(names):
        if len(schema) == 2 and kinds[1] == RANGE:
            if is_index:
                raise ValidationException(
                    "Both the Hash Key and the Range Key element in the KeySchema have the same name"
                )
            raise ValidationException("Invalid KeySchema: Some index key attribute have no definition")
        raise ValidationException("The KeySchema contains multiple key attributes with the same name")
    if most == 1:
        if len(schema) > 2:
            shown = ", ".join(
                f"KeySchemaElement(attributeName={n}, keyType={k})" for n, k in zip(names, kinds, strict=True)
            )
            raise ValidationException(
                f"1 validation error detected: Value '[{shown}]' at 'keySchema' failed to satisfy constraint: "
                "Member must have length less than or equal to 2"
            )
        if len(schema) == 2 and kinds[1] != RANGE:
            raise ValidationException("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    hash_names = tuple(name for name, kind in zip(names, kinds, strict=True) if kind == HASH)
    range_names = tuple(name for name, kind in zip(names, kinds, strict=True) if kind == RANGE)
    if kinds != [HASH] * len(hash_names) + [RANGE] * len(range_names):
        raise invalid("All HASH key attributes must precede RANGE key attributes in the KeySchema")
    for kind, members in ((HASH, hash_names), (RANGE, range_names)):
        if len(members) > most:
            raise invalid(f"The KeySchema exceeds the maximum allowed number of {kind} key attributes")
    undefined = [name for name in names if name not in types]
    if undefined:
        raise invalid(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    return hash_names, range_names


def new_indexes(
    request: dict, types: dict[str, str], table_keys: Keys, billing: str, searched: Sequence[str] = ()
) -> list[SecondaryIndex]:
    """LocalSecondaryIndexes and GlobalSecondaryIndexes of CreateTable; their ids are given by the transition.

    searched  the attributes that vector indexes need defined
    """
    local, of_all = request.get("LocalSecondaryIndexes"), request.get("GlobalSecondaryIndexes")
    if local is not None:
        if not local:
            raise invalid("List of LocalSecondaryIndexes is empty")
        if not table_keys[1]:
            raise invalid(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
            )
    if of_all is not None and not of_all:
        raise invalid("List of GlobalSecondaryIndexes is empty")
    # Before anything else of an index: an attribute too many is told of first.
    keys = [keys_of(index["KeySchema"], types) for index in local or ()]
    keys += [keys_of(index["KeySchema"], types, most=INDEX_ATTRIBUTES_MAX) for index in of_all or ()]
    if searched:
        keys.append((tuple(searched), ()))
    check_all_used(types, table_keys, keys)
    indexes = [new_local_index(index, types, table_keys) for index in local or ()]
    indexes += [new_global_index(index, types, billing) for index in of_all or ()]
    if len(local or ()) > LOCAL_INDEXES_MAX:
        raise invalid(f"Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_INDEXES_MAX}")
    check_together(indexes)
    return indexes


def new_local_index(asked: dict, types: dict[str, str], table_keys: Keys) -> SecondaryIndex:
    name = asked["IndexName"]
    hash_names, range_names = keys_of(asked["KeySchema"], types)
    projection = projection_of(asked["Projection"])
    if not range_names:
        raise invalid(f"Index KeySchema does not have a range key for index: {name}")
    if hash_names != table_keys[0]:
        raise invalid(
            f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
            f"index hash key: {hash_names[0]}, table hash key: {table_keys[0][0]}"
        )
    return SecondaryIndex(
        0,
        name,
        hash_names,
        range_names,
        projection,
        is_local=True,
        attribute_types=tuple(types[key] for key in hash_names + range_names),
    )


def new_global_index(asked: dict, types: dict[str, str], billing: str) -> SecondaryIndex:
    name = asked["IndexName"]
    hash_names, range_names = keys_of(asked["KeySchema"], types, most=INDEX_ATTRIBUTES_MAX)
    projection = projection_of(asked["Projection"])
    throughput = throughput_of(asked, billing, index=name)
    return SecondaryIndex(
        0,
        name,
        hash_names,
        range_names,
        projection,
        throughput=throughput,
        on_demand=on_demand_of(asked, billing, index=name),
        warm=new_warm(asked, billing, throughput, index=name),
        attribute_types=tuple(types[key] for key in hash_names + range_names),
    )


def projection_of(asked: dict) -> Projection:
    kind, included = asked.get("ProjectionType"), asked.get("NonKeyAttributes")
    if kind is None:
        raise invalid("Unknown ProjectionType: null")
    if kind != "INCLUDE":
        if included is not None:
            raise invalid(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
        return Projection(kind)
    if included is None:
        raise invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if not included:
        raise invalid("NonKeyAttributes must not be empty")
    if len(included) > INCLUDED_PER_INDEX_MAX:
        raise invalid(f"Number of NonKeyAttributes exceeds per-index limit of {INCLUDED_PER_INDEX_MAX}")
    for name in included:
        if included.count(name) > 1:
            raise invalid(f"Duplicate element in NonKeyAttributes: {name}")
    return Projection(kind, tuple(sorted(included)))  # as AWS describes them


def projection_out(projection: Projection) -> dict:
    out: dict = {"ProjectionType": projection.type}
    if projection.included:
        out["NonKeyAttributes"] = list(projection.included)
    return out


def check_together(indexes: list[SecondaryIndex]) -> None:
    """What holds of all indexes of a table together."""
    names: set[str] = set()
    for index in indexes:
        if index.name in names:
            raise invalid(f"Duplicate index name: {index.name}")
        names.add(index.name)
    if sum(not index.is_local for index in indexes) > GLOBAL_INDEXES_MAX:
        raise invalid(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES_MAX}")
    if sum(len(index.projection.included) for index in indexes) > INCLUDED_PER_TABLE_MAX:
        raise invalid(f"Number of NonKeyAttributes exceeds per-table limit of {INCLUDED_PER_TABLE_MAX}")


def check_all_used(types: dict[str, str], table_keys: Keys, indexes: list[Keys]) -> None:
    """AttributeDefinitions names key attributes only."""
    used = [*table_keys[0], *table_keys[1]]
    for keys in indexes:
        used += [name for name in (*keys[0], *keys[1]) if name not in used]
    if any(name not in used for name in types):
        if not indexes:
            raise invalid(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in "
                "AttributeDefinitions"
            )
        raise invalid(
            "Some AttributeDefinitions are not used. "
            f"AttributeDefinitions: [{', '.join(types)}], keys used: [{', '.join(used)}]"
        )


def throughput_of(asked: dict, billing: str, *, index: str = "") -> Throughput:
    """ProvisionedThroughput, as the billing mode demands or forbids it; `index`: of that global index."""
    given = asked.get("ProvisionedThroughput")
    if billing == ON_DEMAND:
        if given is not None:
            raise invalid(
                f"ProvisionedThroughput should not be specified for index: {index} when BillingMode is PAY_PER_REQUEST"
                if index
                else "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
                "PAY_PER_REQUEST"
            )
        return Throughput(0, 0)
    if given is None:
        raise invalid(
            f"ProvisionedThroughput is not specified for index: {index}"
            if index
            else "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if given[name] > UNITS_MAX:
            of_index = f" for index {index}" if index else ""
            raise ValidationException(f"Given value {given[name]} for {name} is out of bounds{of_index}")
    return Throughput(given["ReadCapacityUnits"], given["WriteCapacityUnits"])


def on_demand_of(
    asked: dict, billing: str, *, index: str = "", had: OnDemandLimits | None = None, is_new: bool = True
) -> OnDemandLimits | None:
    """OnDemandThroughput: recorded. A change (is_new: False) keeps the limit that it doesn't name, and -1 takes one away."""
    given = asked.get("OnDemandThroughput")
    if given is None:
        return had
    for name, limit in given.items():
        if limit is not None and (limit < -1 or limit == 0 or (is_new and limit == -1)):
            of = f"index : {index}" if index else "table"
            raise invalid(f"Requested {name} for OnDemandThroughput for {of} is outside of valid range")
        if limit is not None and billing != ON_DEMAND:
            of_index = (f" for index: {index}" if is_new else f" for index : {index}") if index else ""
            mode = "table BillingMode is PROVISIONED." if is_new else "the table BillingMode is PROVISIONED"
            raise invalid(f"{name} for OnDemandThroughput{of_index} cannot be specified when {mode}")
    had = had or OnDemandLimits()
    limits = OnDemandLimits(
        _limit(given.get("MaxReadRequestUnits"), had.read_units),
        _limit(given.get("MaxWriteRequestUnits"), had.write_units),
    )
    return None if limits == OnDemandLimits() else limits


def _limit(given: int | None, had: int | None) -> int | None:
    return had if given is None else None if given == -1 else given


def warm_now(billing: str, warm: WarmThroughput | None, throughput: Throughput | None) -> WarmThroughput:
    """What a table or an index is warm for: what was asked for once, and at least what its billing mode begins with."""
    least = ON_DEMAND_WARM
    if billing == PROVISIONED:
        least = (
            WarmThroughput(0, 0)
            if throughput is None
            else WarmThroughput(throughput.read_units, throughput.write_units)
        )
    if warm is None:
        return least
    return WarmThroughput(max(warm.read_units, least.read_units), max(warm.write_units, least.write_units))


def new_warm(asked: dict, billing: str, throughput: Throughput, *, index: str = "") -> WarmThroughput | None:
    """WarmThroughput of what is being made: recorded; not less than it begins with anyway."""
    least = warm_now(billing, None, throughput)
    if billing == ON_DEMAND:
        reads = writes = f"initial throughput for OnDemand. See: {ON_DEMAND_INITIAL}"
    else:
        reads, writes = (f"{name} of ProvisionedThroughput" for name in ("ReadCapacityUnits", "WriteCapacityUnits"))
    return _warm(asked, least, index, reads, writes)


def changed_warm(asked: dict, now: WarmThroughput, *, index: str = "") -> WarmThroughput | None:
    """WarmThroughput of UpdateTable: it can only grow."""
    than = "current WarmThroughput, decreasing WarmThroughput is not supported"
    return _warm(asked, now, index, than, than)


def _warm(asked: dict, least: WarmThroughput, index: str, reads: str, writes: str) -> WarmThroughput | None:
    given = {name: units for name, units in (asked.get("WarmThroughput") or {}).items() if units is not None}
    of = f"index {index}" if index else "table"
    wanted = WarmThroughput(
        given.get("ReadUnitsPerSecond", least.read_units), given.get("WriteUnitsPerSecond", least.write_units)
    )
    if wanted.read_units < least.read_units:
        raise invalid(f"Requested ReadUnitsPerSecond for WarmThroughput for {of} is lower than {reads}")
    if wanted.write_units < least.write_units:
        raise invalid(f"Requested WriteUnitsPerSecond for WarmThroughput for {of} is lower than {writes}")
    return wanted if given else None


def key_schema_out(hash_names: tuple[str, ...], range_names: tuple[str, ...]) -> list[dict]:
    return [{"AttributeName": name, "KeyType": HASH} for name in hash_names] + [
        {"AttributeName": name, "KeyType": RANGE} for name in range_names
    ]


def table_key_schema(table: TableRecord) -> list[dict]:
    return key_schema_out((table.hash_name,), (table.range_name,) if table.range_name else ())
