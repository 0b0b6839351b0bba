"""DynamoDB as boto3's users know it: the client's tables, waiters and pages, conditions, transactions, TTL, backups."""

import time
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

QUICK = {"Delay": 0.05, "MaxAttempts": 200}


@pytest.fixture(scope="module")
def dynamodb(connect):
    return connect("dynamodb")


def make_table(dynamodb, name: str, **more) -> dict:
    made = dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "N"},
            {"AttributeName": "g", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        **{"BillingMode": "PAY_PER_REQUEST", **more},
    )["TableDescription"]
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=QUICK)
    return made


@pytest.fixture
def table(dynamodb, request) -> str:
    make_table(dynamodb, request.node.name)
    return request.node.name


def key(p: str, s: int) -> dict:
    return {"p": {"S": p}, "s": {"N": str(s)}}


def test_a_table_lives_and_dies(dynamodb, account):
    name = "life"
    made = make_table(dynamodb, name, Tags=[{"Key": "team", "Value": "a"}])
    assert (made["TableStatus"], made["TableArn"]) == (
        "CREATING",
        f"arn:aws:dynamodb:us-east-1:{account}:table/{name}",
    )
    described = dynamodb.describe_table(TableName=made["TableArn"])["Table"]
    assert (described["TableStatus"], described["BillingModeSummary"]["BillingMode"]) == ("ACTIVE", "PAY_PER_REQUEST")
    assert abs((described["CreationDateTime"] - datetime.now(UTC)).total_seconds()) < 60
    with pytest.raises(dynamodb.exceptions.ResourceInUseException):
        make_table(dynamodb, name)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=QUICK)
    with pytest.raises(ClientError, match="deletion protection"):
        dynamodb.delete_table(TableName=name)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=QUICK)
    dynamodb.tag_resource(ResourceArn=made["TableArn"], Tags=[{"Key": "stage", "Value": "test"}])
    dynamodb.untag_resource(ResourceArn=made["TableArn"], TagKeys=["team"])
    [page] = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=made["TableArn"])
    assert page["Tags"] == [{"Key": "stage", "Value": "test"}]
    assert dynamodb.delete_table(TableName=name)["TableDescription"]["TableStatus"] == "DELETING"
    dynamodb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig=QUICK)
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.describe_table(TableName=name)


def test_tables_and_items_in_pages(dynamodb, table):
    for name in ("page-1", "page-2", "page-3"):
        make_table(dynamodb, name)
    pages = dynamodb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 2})
    names = [name for page in pages for name in page["TableNames"]]
    assert names == sorted(names) and {"page-1", "page-2", "page-3", table} <= set(names)
    items = [key(f"p{n % 2}", n) | {"g": {"S": "g"}} for n in range(20)]
    puts = [{"PutRequest": {"Item": item}} for item in items]
    assert dynamodb.batch_write_item(RequestItems={table: puts})["UnprocessedItems"] == {}
    scanned = list(dynamodb.get_paginator("scan").paginate(TableName=table, PaginationConfig={"PageSize": 7}))
    assert [page["Count"] for page in scanned][:2] == [7, 7]
    assert sorted(int(item["s"]["N"]) for page in scanned for item in page["Items"]) == list(range(20))
    queried = dynamodb.get_paginator("query").paginate(
        TableName=table,
        IndexName="by-g",
        KeyConditionExpression="g = :g AND s BETWEEN :low AND :high",
        FilterExpression="p = :p",
        ExpressionAttributeValues={":g": {"S": "g"}, ":low": {"N": "3"}, ":high": {"N": "12"}, ":p": {"S": "p1"}},
        ScanIndexForward=False,
        PaginationConfig={"PageSize": 4},
    )
    assert [int(item["s"]["N"]) for page in queried for item in page["Items"]] == [11, 9, 7, 5, 3]
    parts = [dynamodb.scan(TableName=table, Segment=n, TotalSegments=3, Select="COUNT")["Count"] for n in range(3)]
    assert sum(parts) == 20
    wanted = {table: {"Keys": [key("p0", n) for n in range(0, 20, 2)], "ProjectionExpression": "s"}}
    got = dynamodb.batch_get_item(RequestItems=wanted)
    assert len(got["Responses"][table]) == 10 and got["UnprocessedKeys"] == {}


def test_conditions_and_what_writes_return(dynamodb, table):
    item = key("a", 1) | {"n": {"N": "1"}, "tags": {"SS": ["x", "y"]}, "m": {"M": {"l": {"L": [{"N": "1"}]}}}}
    dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(p)")
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as failed:
        dynamodb.put_item(
            TableName=table,
            Item=key("a", 1),
            ConditionExpression="attribute_not_exists(p)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert failed.value.response["Item"]["n"] == {"N": "1"}
    updated = dynamodb.update_item(
        TableName=table,
        Key=key("a", 1),
        UpdateExpression="SET m.l = list_append(m.l, :more), #n = #n + :one ADD tags :tags REMOVE nothing",
        ConditionExpression="#n < :most AND contains(tags, :x)",
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={
            ":more": {"L": [{"BOOL": True}]},
            ":one": {"N": "1"},
            ":tags": {"SS": ["z"]},
            ":most": {"N": "5"},
            ":x": {"S": "x"},
        },
        ReturnValues="UPDATED_NEW",
        ReturnConsumedCapacity="INDEXES",
    )
    assert updated["Attributes"]["n"] == {"N": "2"}
    assert updated["Attributes"]["m"] == {"M": {"l": {"L": [{"N": "1"}, {"BOOL": True}]}}}
    assert set(updated["Attributes"]["tags"]["SS"]) == {"x", "y", "z"}
    assert updated["ConsumedCapacity"]["Table"]["CapacityUnits"] == 1.0
    deleted = dynamodb.delete_item(TableName=table, Key=key("a", 1), ReturnValues="ALL_OLD")
    assert deleted["Attributes"]["n"] == {"N": "2"}
    assert "Item" not in dynamodb.get_item(TableName=table, Key=key("a", 1), ConsistentRead=True)
    with pytest.raises(ClientError, match=r"ValidationException.*The provided key element does not match the schema"):
        dynamodb.get_item(TableName=table, Key={"p": {"S": "a"}})


def test_transactions_and_their_tokens(dynamodb, table):
    put = {"Put": {"TableName": table, "Item": key("a", 1) | {"n": {"N": "1"}}}}
    count = {
        "Update": {
            "TableName": table,
            "Key": key("b", 1),
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[put, count], ClientRequestToken="once")
    with pytest.raises(dynamodb.exceptions.IdempotentParameterMismatchException):
        dynamodb.transact_write_items(TransactItems=[put], ClientRequestToken="once")
    absent = {"ConditionCheck": {"TableName": table, "Key": key("a", 1), "ConditionExpression": "n = :n"}}
    absent["ConditionCheck"]["ExpressionAttributeValues"] = {":n": {"N": "5"}}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as cancelled:
        dynamodb.transact_write_items(TransactItems=[count, absent])
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    gets = [{"Get": {"TableName": table, "Key": key(p, 1)}} for p in ("b", "c", "a")]
    found = dynamodb.transact_get_items(TransactItems=gets)["Responses"]
    assert [one.get("Item", {}).get("n") for one in found] == [{"N": "1"}, None, {"N": "1"}]


def test_a_stream_tells_of_every_change(dynamodb, connect):
    name = "streamed"
    made = make_table(
        dynamodb, name, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    streams, arn = connect("dynamodbstreams"), made["LatestStreamArn"]
    assert [stream["StreamArn"] for stream in streams.list_streams(TableName=name)["Streams"]] == [arn]
    [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    asked = {"StreamArn": arn, "ShardId": shard["ShardId"]}
    latest = streams.get_shard_iterator(**asked, ShardIteratorType="LATEST")["ShardIterator"]
    item = key("a", 1) | {"b": {"B": b"\0\xff"}}
    dynamodb.put_item(TableName=name, Item=item)
    dynamodb.put_item(TableName=name, Item=item)  # changes nothing
    dynamodb.delete_item(TableName=name, Key=key("a", 1))
    page = streams.get_records(ShardIterator=latest)
    assert [record["eventName"] for record in page["Records"]] == ["INSERT", "REMOVE"]
    first, last = (record["dynamodb"] for record in page["Records"])
    assert first["NewImage"] == last["OldImage"] == item and first["Keys"] == key("a", 1)
    assert streams.get_records(ShardIterator=page["NextShardIterator"])["Records"] == []
    after = streams.get_shard_iterator(
        **asked, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=first["SequenceNumber"]
    )
    [again] = streams.get_records(ShardIterator=after["ShardIterator"])["Records"]
    assert again["dynamodb"] == last


def test_what_is_due_expires(dynamodb, table):
    asked = {"Enabled": True, "AttributeName": "until"}
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=asked)
    described = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}
    now = int(time.time())
    dynamodb.put_item(TableName=table, Item=key("due", 1) | {"until": {"N": str(now)}})
    dynamodb.put_item(TableName=table, Item=key("later", 1) | {"until": {"N": str(now + 3600)}})
    deadline = time.monotonic() + 30
    while dynamodb.scan(TableName=table)["Count"] > 1:
        assert time.monotonic() < deadline, "what is due stays"
    assert dynamodb.scan(TableName=table)["Items"][0]["p"] == {"S": "later"}


def test_backups_and_recovery(dynamodb, table):
    dynamodb.put_item(TableName=table, Item=key("a", 1))
    arn = dynamodb.create_backup(TableName=table, BackupName="before")["BackupDetails"]["BackupArn"]
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    dynamodb.put_item(TableName=table, Item=key("b", 1))
    deadline = time.monotonic() + 30
    while True:
        described = dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
        if described["BackupDetails"]["BackupStatus"] == "AVAILABLE":
            break
        assert time.monotonic() < deadline
    assert described["SourceTableDetails"]["ItemCount"] == 1
    [page] = dynamodb.get_paginator("list_backups").paginate(TableName=table)
    assert [summary["BackupName"] for summary in page["BackupSummaries"]] == ["before"]
    dynamodb.restore_table_from_backup(TargetTableName="restored", BackupArn=arn)
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName="recovered", UseLatestRestorableTime=True
    )
    for name, count in (("restored", 1), ("recovered", 2)):
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig=QUICK)
        assert dynamodb.scan(TableName=name)["Count"] == count
        assert dynamodb.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"][0]["IndexName"] == "by-g"
    dynamodb.delete_backup(BackupArn=arn)
    with pytest.raises(dynamodb.exceptions.BackupNotFoundException):
        dynamodb.describe_backup(BackupArn=arn)
    with pytest.raises(dynamodb.exceptions.InvalidRestoreTimeException):
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=table, TargetTableName="never", RestoreDateTime=datetime(2001, 1, 1, tzinfo=UTC)
        )
