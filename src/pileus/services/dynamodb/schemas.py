"""What CreateTable and UpdateTable ask for, checked and as records: key schemas, indexes, throughput.

Source: API reference, CreateTable, UpdateTable, GlobalSecondaryIndex, LocalSecondaryIndex, Projection; developer guide,
"Quotas in Amazon DynamoDB"; the texts are those of recorded answers.
"""

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

Keys = tuple[tuple[str, ...], tuple[str, ...]]
"""The attributes of the partition key and of the sort key."""


def attribute_types(definitions: list[dict]) -> dict[str, str]:
    """AttributeDefinitions as name -> S, N or B."""
    types: dict[str, str] = {}
    for definition in definitions:
        name = definition["AttributeName"]
        if name in types:
            raise invalid(f"Duplicate AttributeName in AttributeDefinitions: {name}")
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
        raise invalid("Two or more elements in the KeySchema have the same name")
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
        raise ValidationException("Invalid KeySchema: All HASH key elements must precede all RANGE key elements")
    for kind, members in ((HASH, hash_names), (RANGE, range_names)):
        if len(members) > most:
            raise invalid(f"Number of {kind} attributes in KeySchema exceeds the limit of {most}")
    undefined = [name for name in names if name not in types]
    if undefined:
        raise invalid(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(names)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    return hash_names, range_names


def new_indexes(request: dict, types: dict[str, str], table_keys: Keys, billing: str) -> list[SecondaryIndex]:
    """LocalSecondaryIndexes and GlobalSecondaryIndexes of CreateTable; their ids are given by the transition."""
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
        on_demand=on_demand_of(asked, billing),
        warm=warm_of(asked),
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
            raise invalid(f"Duplicate attribute name in NonKeyAttributes: {name}")
    return Projection(kind, tuple(included))


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


def check_all_used(types: dict[str, str], table_keys: Keys, indexes: list[SecondaryIndex]) -> None:
    """AttributeDefinitions names key attributes only."""
    used = [*table_keys[0], *table_keys[1]]
    for index in indexes:
        used += [name for name in index.key_names if name not in used]
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
            f"ProvisionedThroughput must be specified for index: {index}"
            if index
            else "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if given[name] > UNITS_MAX:
            of_index = f" for index {index}" if index else ""
            raise ValidationException(f"Given value {given[name]} for {name} is out of bounds{of_index}")
    return Throughput(given["ReadCapacityUnits"], given["WriteCapacityUnits"])


def on_demand_of(asked: dict, billing: str) -> OnDemandLimits | None:
    """OnDemandThroughput: recorded; -1 takes a limit away."""
    given = asked.get("OnDemandThroughput")
    if given is None:
        return None
    if billing != ON_DEMAND:
        raise invalid("OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")
    limits = given.get("MaxReadRequestUnits"), given.get("MaxWriteRequestUnits")
    if limits == (None, None):
        raise invalid("At least one of MaxReadRequestUnits or MaxWriteRequestUnits must be specified")
    for name, limit in zip(("MaxReadRequestUnits", "MaxWriteRequestUnits"), limits, strict=True):
        if limit is not None and (limit == 0 or limit < -1):
            raise invalid(f"{name} must be a positive number or -1")
    return OnDemandLimits(*limits)


def warm_of(asked: dict, before: WarmThroughput | None = None) -> WarmThroughput | None:
    """WarmThroughput: recorded; it can only grow."""
    given = asked.get("WarmThroughput")
    if given is None:
        return before
    had = before or WarmThroughput(0, 0)
    read_units = given.get("ReadUnitsPerSecond", had.read_units)
    write_units = given.get("WriteUnitsPerSecond", had.write_units)
    if read_units < 1 or write_units < 1:
        raise invalid("WarmThroughput must be a positive number")
    if read_units < had.read_units or write_units < had.write_units:
        raise invalid("WarmThroughput can not be decreased")
    return WarmThroughput(read_units, write_units)


def key_schema_out(hash_names: tuple[str, ...], range_names: tuple[str, ...]) -> list[dict]:
    return [{"AttributeName": name, "KeyType": HASH} for name in hash_names] + [
        {"AttributeName": name, "KeyType": RANGE} for name in range_names
    ]


def table_key_schema(table: TableRecord) -> list[dict]:
    return key_schema_out((table.hash_name,), (table.range_name,) if table.range_name else ())
