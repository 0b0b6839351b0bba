"""The list of tables, and what one is: its keys, indexes and sizes."""

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import Page, Redirect, Visit

A_PAGE = 50
KEY_TYPES = (("S", "String"), ("N", "Number"), ("B", "Binary"))
BUSY = ("CREATING", "UPDATING", "DELETING", "ARCHIVING")
REFRESH_S = 3


async def show_all(visit: Visit) -> Page:
    asked = {"Limit": A_PAGE}
    if visit.query.get("from"):
        asked["ExclusiveStartTableName"] = visit.query["from"]
    answer = await visit.invoke("ListTables", asked)
    tables = [await _row(visit, name) for name in answer["TableNames"]]
    more = answer.get("LastEvaluatedTableName", "")
    values = {"tables": tables, "more": visit.url("tables", **{"from": more}) if more else "", "key_types": KEY_TYPES}
    is_busy = any(table["status"] in BUSY for table in tables)
    return Page("tables.html", "Tables", values, refresh_s=REFRESH_S if is_busy and not visit.form else 0)


async def _row(visit: Visit, name: str) -> dict:
    """What the list tells of one; of a table that the visitor may not describe, its name alone."""
    try:
        table = (await visit.invoke("DescribeTable", {"TableName": name}))["Table"]
    except AwsError as error:
        return {"name": name, "status": error.code, "table": None}
    return {"name": name, "status": table["TableStatus"], "table": table, "keys": keys_of(table, table["KeySchema"])}


async def create(visit: Visit) -> Redirect:
    name = visit.typed("name")
    keys = _schema(visit)
    asked = {"TableName": name, **keys}
    if visit.typed("billing") == "PROVISIONED":
        asked["ProvisionedThroughput"] = throughput(visit)
    else:
        asked["BillingMode"] = "PAY_PER_REQUEST"
    if visit.typed("stream"):
        asked["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": visit.typed("stream")}
    if visit.typed("protection"):
        asked["DeletionProtectionEnabled"] = True
    await visit.invoke("CreateTable", asked)
    return Redirect(visit.url("tables", name), f"The table {name} is being created.")


async def show(visit: Visit) -> Page:
    table = await described(visit)
    keys = keys_of(table, table["KeySchema"])
    indexes = [
        {"index": index, "kind": kind, "keys": keys_of(table, index["KeySchema"])}
        for kind, member in (("global", "GlobalSecondaryIndexes"), ("local", "LocalSecondaryIndexes"))
        for index in table.get(member, ())
    ]
    vectors = table.get("VectorIndexes", [])
    values = {
        "table": table,
        "keys": keys,
        "indexes": indexes,
        "vectors": vectors,
        "key_types": KEY_TYPES,
        "here": "overview",
    }
    statuses = [index.get("IndexStatus") for index in (*(each["index"] for each in indexes), *vectors)]
    is_busy = table["TableStatus"] in BUSY or any(status in BUSY for status in statuses)
    refresh_s = REFRESH_S if is_busy and not visit.form else 0
    return Page("table.html", table["TableName"], values, trail=trail(visit), refresh_s=refresh_s)


async def delete(visit: Visit) -> Redirect:
    name = visit.labels["table"]
    visit.must_be(name)
    await visit.invoke("DeleteTable", {"TableName": name})
    return Redirect(visit.url("tables"), f"The table {name} is being deleted.")


async def create_index(visit: Visit) -> Redirect:
    keys = _schema(visit)
    index = {
        "IndexName": visit.typed("name"),
        "KeySchema": keys["KeySchema"],
        "Projection": {"ProjectionType": visit.typed("projection", "ALL")},
    }
    if visit.typed("projection") == "INCLUDE":
        index["Projection"]["NonKeyAttributes"] = [each.strip() for each in visit.typed("attributes").split(",")]
    table = await described(visit)
    if table.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
        index["ProvisionedThroughput"] = throughput(visit)
    asked = {
        "TableName": table["TableName"],
        "AttributeDefinitions": keys["AttributeDefinitions"],
        "GlobalSecondaryIndexUpdates": [{"Create": index}],
    }
    await visit.invoke("UpdateTable", asked)
    return Redirect(visit.url("tables", table["TableName"]), f"The index {index['IndexName']} is being filled.")


async def delete_index(visit: Visit) -> Redirect:
    name = visit.typed("index")
    visit.must_be(name)
    updates = [{"Delete": {"IndexName": name}}]
    await visit.invoke("UpdateTable", {"TableName": visit.labels["table"], "GlobalSecondaryIndexUpdates": updates})
    return Redirect(visit.url("tables", visit.labels["table"]), f"The index {name} is being deleted.")


async def delete_vector_index(visit: Visit) -> Redirect:
    name = visit.typed("index")
    visit.must_be(name)
    updates = [{"Delete": {"IndexName": name}}]
    await visit.invoke("UpdateTable", {"TableName": visit.labels["table"], "VectorIndexUpdates": updates})
    return Redirect(visit.url("tables", visit.labels["table"]), f"The index {name} is being deleted.")


async def described(visit: Visit) -> dict:
    """The description of the table that the address names."""
    return (await visit.invoke("DescribeTable", {"TableName": visit.labels["table"]}))["Table"]


def keys_of(table: dict, schema: list[dict]) -> list[dict]:
    """The key's attributes, the partition's first, each as {"name", "type" (S, N or B), "role" (HASH or RANGE)}."""
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    found = [
        {"name": key["AttributeName"], "type": types[key["AttributeName"]], "role": key["KeyType"]} for key in schema
    ]
    return sorted(found, key=lambda key: key["role"])


def trail(visit: Visit) -> tuple[tuple[str, str], ...]:
    return (("Tables", visit.url("tables")),)


def throughput(visit: Visit) -> dict:
    return {
        name: visit.whole(field, f"The {field} capacity")
        for name, field in (("ReadCapacityUnits", "read"), ("WriteCapacityUnits", "write"))
    }


def _schema(visit: Visit) -> dict:
    """KeySchema and AttributeDefinitions, of the fields that name a partition key and a sort key."""
    keys = [("HASH", visit.typed("partition_key"), visit.typed("partition_type", "S"))]
    if visit.typed("sort_key"):
        keys.append(("RANGE", visit.typed("sort_key"), visit.typed("sort_type", "S")))
    return {
        "KeySchema": [{"AttributeName": name, "KeyType": role} for role, name, _ in keys],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for _, name, kind in keys],
    }
