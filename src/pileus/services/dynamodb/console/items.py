"""A table's items: found by key or by looking at all, one page at a time; one to see, to change or to delete."""

import base64
import binascii

import orjson

from pileus.kernel.errors import AwsError, ValidationException
from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.dynamodb.console import json_items
from pileus.services.dynamodb.console.tables import described, keys_of, trail

A_PAGE = 50
COLUMNS_MAX = 12
FILTERS = 3
SORT_CONDITIONS = (
    ("=", "equal to"),
    ("<", "less than"),
    ("<=", "less than or equal to"),
    (">", "greater than"),
    (">=", "greater than or equal to"),
    ("between", "between"),
    ("begins_with", "begins with"),
)
FILTER_CONDITIONS = (
    *SORT_CONDITIONS[:-2],
    ("<>", "not equal to"),
    ("begins_with", "begins with"),
    ("contains", "contains"),
    ("attribute_exists", "is there"),
    ("attribute_not_exists", "is not there"),
)
VALUE_TYPES = (("S", "String"), ("N", "Number"), ("B", "Binary"), ("BOOL", "Boolean"), ("NULL", "Null"))


async def show(visit: Visit) -> Page:
    """The form, and what it finds. What is wrong with it stands above it, as an answer of the operation would."""
    table = await described(visit)
    indexes = [*table.get("GlobalSecondaryIndexes", ()), *table.get("LocalSecondaryIndexes", ())]
    index = next((each for each in indexes if each["IndexName"] == visit.typed("index")), None)
    keys = keys_of(table, (index or table)["KeySchema"])
    values = {
        "table": table,
        "here": "items",
        "keys": keys,
        "indexes": [each["IndexName"] for each in indexes],
        "index": visit.typed("index"),
        "mode": visit.typed("mode", "scan"),
        "sort_conditions": SORT_CONDITIONS,
        "filter_conditions": FILTER_CONDITIONS,
        "value_types": VALUE_TYPES,
        "filters": range(FILTERS),
        "rows": [],
        "columns": [],
        "more": "",
        "counts": None,
        "refused": None,
    }
    try:
        values |= await _found(visit, table, keys)
    except AwsError as error:
        values["refused"] = error
    return Page("items.html", table["TableName"], values, trail=trail(visit))


async def _found(visit: Visit, table: dict, keys: list[dict]) -> dict:
    asked: dict = {"TableName": table["TableName"], "Limit": A_PAGE, "ReturnConsumedCapacity": "TOTAL"}
    index = visit.typed("index")
    if index:
        asked["IndexName"] = index
    # What was just saved is to be seen; only global indexes can't promise that.
    asked["ConsistentRead"] = index not in [each["IndexName"] for each in table.get("GlobalSecondaryIndexes", ())]
    if visit.query.get("from"):
        asked["ExclusiveStartKey"] = _key_in(visit.query["from"])
    names: dict[str, str] = {}
    bound: dict[str, dict] = {}
    is_query = visit.typed("mode") == "query"
    if is_query:
        asked["KeyConditionExpression"] = " AND ".join(_key_conditions(visit, keys, names, bound))
        asked["ScanIndexForward"] = not visit.typed("descending")
    filters = _filters(visit, names, bound)
    if filters:
        asked["FilterExpression"] = " AND ".join(filters)
    if names:
        asked["ExpressionAttributeNames"] = names
    if bound:
        asked["ExpressionAttributeValues"] = bound
    answer = await visit.invoke("Query" if is_query else "Scan", asked)
    return _rows(visit, table, answer)


def _rows(visit: Visit, table: dict, answer: dict) -> dict:
    primary = [key["name"] for key in keys_of(table, table["KeySchema"])]
    others = dict.fromkeys(name for item in answer["Items"] for name in item)
    columns = [*primary, *(name for name in others if name not in primary)]
    rows = [
        {
            "key": key_out({name: item[name] for name in primary}),
            "cells": [json_items.short(item.get(name)) for name in columns[:COLUMNS_MAX]],
        }
        for item in answer["Items"]
    ]
    last = answer.get("LastEvaluatedKey")
    more = visit.url("tables", table["TableName"], "items", **{**visit.query, "from": key_out(last)}) if last else ""
    counts = {
        "found": answer["Count"],
        "looked_at": answer["ScannedCount"],
        "units": answer["ConsumedCapacity"]["CapacityUnits"],
    }
    hidden = columns[COLUMNS_MAX:]
    return {"rows": rows, "columns": columns[:COLUMNS_MAX], "hidden": hidden, "more": more, "counts": counts}


def _key_conditions(visit: Visit, keys: list[dict], names: dict, bound: dict) -> list[str]:
    """An index may have several attributes of either kind: each of the partition's is asked for, the sort key's as far
    as they are filled in, all but the last of these by `=`."""
    found = []
    for at, key in enumerate(keys):
        text = visit.typed(f"key{at}")
        if key["role"] == "RANGE" and not text:
            break
        names[f"#k{at}"], bound[f":k{at}"] = key["name"], _value(key["type"], text)
        condition = "=" if key["role"] == "HASH" else visit.typed(f"condition{at}", "=")
        if condition == "between":
            bound[f":l{at}"] = _value(key["type"], visit.typed(f"last{at}"))
            found.append(f"#k{at} BETWEEN :k{at} AND :l{at}")
        elif condition == "begins_with":
            found.append(f"begins_with(#k{at}, :k{at})")
        elif condition in ("=", "<", "<=", ">", ">="):
            found.append(f"#k{at} {condition} :k{at}")
        else:
            raise ValidationException(f"There is no condition {condition} on a key.")
    return found


def _filters(visit: Visit, names: dict, bound: dict) -> list[str]:
    found = []
    for at in range(FILTERS):
        attribute, condition = visit.typed(f"attribute{at}"), visit.typed(f"is{at}", "=")
        if not attribute:
            continue
        names[f"#f{at}"] = attribute
        if condition in ("attribute_exists", "attribute_not_exists"):
            found.append(f"{condition}(#f{at})")
            continue
        bound[f":f{at}"] = _value(visit.typed(f"type{at}", "S"), visit.typed(f"value{at}"))
        if condition in ("begins_with", "contains"):
            found.append(f"{condition}(#f{at}, :f{at})")
        elif condition in ("=", "<>", "<", "<=", ">", ">="):
            found.append(f"#f{at} {condition} :f{at}")
        else:
            raise ValidationException(f"There is no condition {condition}.")
    return found


def _value(kind: str, text: str) -> dict:
    """One value as it was typed: binaries in base64, booleans as true or false."""
    if kind == "BOOL":
        return {kind: text.lower() == "true"}
    if kind == "NULL":
        return {kind: True}
    if kind == "B":
        return json_items.from_text(orjson.dumps({"value": {"B": text}}).decode())["value"]
    return {kind: text}


async def show_one(visit: Visit) -> Page:
    """An item as DynamoDB JSON; without a key in the address, a new one that has the table's key."""
    table = await described(visit)
    keys = keys_of(table, table["KeySchema"])
    is_new = "key" not in visit.query
    if visit.error is not None:
        text = visit.form.get("item", "")
    elif is_new:
        text = json_items.to_text(
            {key["name"]: {key["type"]: "" if key["type"] != "N" else "0"} for key in keys if key["type"] != "B"}
        )
    else:
        asked = {"TableName": table["TableName"], "Key": _key_in(visit.query["key"]), "ConsistentRead": True}
        item = (await visit.invoke("GetItem", asked)).get("Item")
        if item is None:
            raise ValidationException("There is no item of this key.", status=404)
        text = json_items.to_text(item)
    values = {"table": table, "here": "items", "keys": keys, "text": text, "is_new": is_new}
    above = (*trail(visit), (table["TableName"], visit.url("tables", table["TableName"], "items")))
    return Page("item.html", "New item" if is_new else "Item", values, trail=above)


async def put(visit: Visit) -> Redirect:
    """A new item replaces none; one that was opened replaces itself, under a changed key too: then it is moved."""
    table = await described(visit)
    name = table["TableName"]
    item = json_items.from_text(visit.form.get("item", ""))
    keys = [key["name"] for key in keys_of(table, table["KeySchema"])]
    key = {attribute: item[attribute] for attribute in keys if attribute in item}
    old = _key_in(visit.query["key"]) if "key" in visit.query else None
    new_only = {"ConditionExpression": "attribute_not_exists(#k)", "ExpressionAttributeNames": {"#k": keys[0]}}
    write = {"TableName": name, "Item": item}
    if old is None or key == old:
        await visit.invoke("PutItem", write | (new_only if old is None else {}))
    else:
        moved = [{"Put": write | new_only}, {"Delete": {"TableName": name, "Key": old}}]
        await visit.invoke("TransactWriteItems", {"TransactItems": moved})
    return Redirect(visit.url("tables", name, "items"), "The item is saved.")


async def delete(visit: Visit) -> Redirect:
    """The items that were chosen: keys as the page wrote them."""
    name = visit.labels["table"]
    chosen = visit.texts.get("key", [])
    for key in chosen:
        await visit.invoke("DeleteItem", {"TableName": name, "Key": _key_in(key)})
    notice = "No item was chosen." if not chosen else f"{len(chosen)} deleted."
    return Redirect(visit.url("tables", name, "items"), notice)


def key_out(key: dict) -> str:
    """A key as it travels in addresses and forms."""
    return base64.urlsafe_b64encode(json_items.to_text(key).encode()).decode()


def _key_in(text: str) -> dict:
    try:
        return json_items.from_text(base64.urlsafe_b64decode(text).decode())
    except (binascii.Error, ValueError) as error:
        raise ValidationException("That is no key.") from error
