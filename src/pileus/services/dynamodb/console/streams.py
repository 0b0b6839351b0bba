"""A table's stream, its latest records, and its time to live."""

from pileus.kernel.pages import Page, Redirect, Visit
from pileus.services.dynamodb.console import json_items
from pileus.services.dynamodb.console.tables import described, trail

STREAMS = "dynamodbstreams"
SHARDS_SHOWN = 20
RECORDS_SHOWN = 100
VIEWS = (
    ("NEW_AND_OLD_IMAGES", "New and old images"),
    ("NEW_IMAGE", "New image"),
    ("OLD_IMAGE", "Old image"),
    ("KEYS_ONLY", "Keys only"),
)


async def show(visit: Visit) -> Page:
    table = await described(visit)
    name = table["TableName"]
    ttl = (await visit.invoke("DescribeTimeToLive", {"TableName": name}))["TimeToLiveDescription"]
    shards, records = [], []
    if visit.query.get("shard"):
        records = await _records(visit, table["LatestStreamArn"], visit.query["shard"])
    if table.get("LatestStreamArn"):
        asked = {"StreamArn": table["LatestStreamArn"], "Limit": SHARDS_SHOWN}
        shards = (await visit.invoke("DescribeStream", asked, service=STREAMS))["StreamDescription"]["Shards"]
    values = {
        "table": table,
        "here": "stream",
        "ttl": ttl,
        "shards": shards,
        "records": records,
        "shard": visit.query.get("shard", ""),
        "views": VIEWS,
        "is_on": table.get("StreamSpecification", {}).get("StreamEnabled", False),
    }
    return Page("stream.html", name, values, trail=trail(visit))


async def _records(visit: Visit, arn: str, shard: str) -> list[dict]:
    asked = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = (await visit.invoke("GetShardIterator", asked, service=STREAMS))["ShardIterator"]
    asked = {"ShardIterator": iterator, "Limit": RECORDS_SHOWN}
    found = (await visit.invoke("GetRecords", asked, service=STREAMS))["Records"]
    return [
        {
            "record": record,
            "change": record["dynamodb"],
            "keys": json_items.to_text(record["dynamodb"]["Keys"]),
            "old": _image(record, "OldImage"),
            "new": _image(record, "NewImage"),
        }
        for record in found
    ]


def _image(record: dict, name: str) -> str:
    image = record["dynamodb"].get(name)
    return "" if image is None else json_items.to_text(image)


async def enable(visit: Visit) -> Redirect:
    stream = {"StreamEnabled": True, "StreamViewType": visit.typed("view")}
    await visit.invoke("UpdateTable", {"TableName": visit.labels["table"], "StreamSpecification": stream})
    return _back(visit, "The stream is on.")


async def disable(visit: Visit) -> Redirect:
    stream = {"StreamEnabled": False}
    await visit.invoke("UpdateTable", {"TableName": visit.labels["table"], "StreamSpecification": stream})
    return _back(visit, "The stream is off. Its records can be read for 24 hours.")


async def set_ttl(visit: Visit) -> Redirect:
    is_on = visit.typed("enabled") == "true"
    ttl = {"Enabled": is_on, "AttributeName": visit.typed("attribute")}
    await visit.invoke("UpdateTimeToLive", {"TableName": visit.labels["table"], "TimeToLiveSpecification": ttl})
    return _back(visit, f"Time to live is {'on' if is_on else 'off'}.")


def _back(visit: Visit, notice: str) -> Redirect:
    return Redirect(visit.url("tables", visit.labels["table"], "stream"), notice)
