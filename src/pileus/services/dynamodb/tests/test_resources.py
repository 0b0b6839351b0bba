"""AWS::DynamoDB::Table, acting through the public operations only."""

from dataclasses import replace

import pytest

from pileus.kernel.errors import AwsError
from pileus.services.dynamodb.addresses import Address
from pileus.services.dynamodb.resources import Table
from pileus.services.dynamodb.state import tables
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import Gone, ResourceContext, StillWaiting

STACK_TAGS = {
    "aws:cloudformation:stack-name": "shop",
    "aws:cloudformation:stack-id": "arn:aws:cloudformation:us-east-1:000000000000:stack/shop/1",
    "aws:cloudformation:logical-id": "Orders",
}
KEYS = {
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def index(name, attribute="a", **more):
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        **more,
    }


def with_indexes(*indexes):
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("p", "a")]
    return KEYS | {"AttributeDefinitions": attributes, "GlobalSecondaryIndexes": list(indexes)}


@pytest.fixture
def context(cloud):
    async def invoke(service: str, operation: str, request: dict) -> dict:
        return await getattr(getattr(cloud, service), operation)(**request)

    return ResourceContext(
        account=cloud.account,
        region=cloud.region,
        partition="aws",
        stack_name="shop",
        stack_id=STACK_TAGS["aws:cloudformation:stack-id"],
        logical_id="Orders",
        token="1",
        clock=cloud.clock,
        invoke=invoke,
        tags=STACK_TAGS,
        began_ms=cloud.clock.now_ms(),
    )


async def until_done(cloud, step):
    """Run a step as the executor does: again whenever it waits, after what is due has happened."""
    while True:
        try:
            return await step()
        except StillWaiting:
            await cloud.settle()


async def create(cloud, context, **properties):
    kind = Table()
    coerced = kind.coerced(properties)
    return await until_done(cloud, lambda: kind.create(context, coerced))


async def update(cloud, context, physical_id, old, new):
    kind = Table()
    step = replace(context, began_ms=cloud.clock.now_ms())
    return await until_done(cloud, lambda: kind.update(step, physical_id, kind.coerced(old), kind.coerced(new)))


async def described(cloud, name):
    return (await cloud.dynamodb.DescribeTable(TableName=name))["Table"]


async def test_a_table_without_a_name_gets_one(cloud, context):
    created = await create(cloud, context, **KEYS)
    assert created.physical_id.startswith("shop-Orders-")
    table = await described(cloud, created.physical_id)
    assert created.attributes == {"Arn": table["TableArn"]}
    assert table["TableStatus"] == "ACTIVE"


async def test_every_property_reaches_the_table(cloud, context):
    properties = {
        "TableName": "orders",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in (("a", "B"), ("p", "S"), ("s", "N"))
        ],
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": "5", "WriteCapacityUnits": 6},
        "GlobalSecondaryIndexes": [
            index("by_a", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 2})
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "local",
                "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "a", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x"]},
            }
        ],
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE", "Tags": [{"Key": "reads", "Value": "b"}]},
        "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": "true"},
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "DeletionProtectionEnabled": True,
        "Tags": [{"Key": "team", "Value": "a"}],
    }
    created = await create(cloud, context, **properties)
    table = await described(cloud, "orders")
    assert created.attributes == {"Arn": table["TableArn"], "StreamArn": table["LatestStreamArn"]}
    kind = Table()
    assert await kind.read(context, "orders") == kind.coerced(properties)
    tags = (await cloud.dynamodb.ListTagsOfResource(ResourceArn=table["TableArn"]))["Tags"]
    assert {tag["Key"] for tag in tags} == {"team", *STACK_TAGS}


async def test_a_killed_creation_takes_up_its_own_table(cloud, context):
    first = await create(cloud, context, **KEYS)
    again = await create(cloud, context, **KEYS)
    assert again == first


async def test_somebody_elses_table_is_refused(cloud, context):
    await cloud.dynamodb.CreateTable(TableName="orders", **KEYS)
    await cloud.settle()
    with pytest.raises(AwsError, match="already exists"):
        await create(cloud, context, TableName="orders", **KEYS)


async def test_settings_are_updated_in_place(cloud, context):
    name = (await create(cloud, context, **KEYS)).physical_id
    new = {key: value for key, value in KEYS.items() if key != "BillingMode"} | {
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
        "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True},
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "Tags": [{"Key": "team", "Value": "b"}],
    }
    updated = await update(cloud, context, name, KEYS, new)
    table = await described(cloud, name)
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 5
    assert table["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert updated.attributes["StreamArn"] == table["LatestStreamArn"]
    cloud.clock.advance(ms=3_600_000)  # TTL is not changed twice within an hour
    back = await update(cloud, context, name, new, KEYS)
    table = await described(cloud, name)
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert "StreamSpecification" not in table
    assert table["TableClassSummary"]["TableClass"] == "STANDARD"
    assert back.attributes == {"Arn": table["TableArn"]}
    answer = await cloud.dynamodb.DescribeTimeToLive(TableName=name)
    assert answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}


async def test_settings_of_every_kind_change_in_one_update(cloud, context):
    """The API takes them one at a time."""
    old = with_indexes(index("by_a"))
    name = (await create(cloud, context, **old)).physical_id
    new = {
        **with_indexes(
            index(
                "by_a",
                OnDemandThroughput={"MaxReadRequestUnits": 5},
                WarmThroughput={"ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 5_000},
            )
        ),
        "OnDemandThroughput": {"MaxReadRequestUnits": 7, "MaxWriteRequestUnits": 8},
        "WarmThroughput": {"ReadUnitsPerSecond": 14_000, "WriteUnitsPerSecond": 6_000},
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "DeletionProtectionEnabled": True,
        "SSESpecification": {"SSEEnabled": True},
        "StreamSpecification": {"StreamViewType": "KEYS_ONLY"},
    }
    await update(cloud, context, name, old, new)
    table = await described(cloud, name)
    (by_a,) = table["GlobalSecondaryIndexes"]
    assert by_a["OnDemandThroughput"] == {"MaxReadRequestUnits": 5}
    assert by_a["WarmThroughput"]["WriteUnitsPerSecond"] == 5_000
    assert table["OnDemandThroughput"] == new["OnDemandThroughput"]
    assert table["WarmThroughput"]["ReadUnitsPerSecond"] == 14_000
    assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert table["DeletionProtectionEnabled"]
    assert table["SSEDescription"]["Status"] == "ENABLED"
    await update(cloud, context, name, new, old)
    table = await described(cloud, name)
    assert "OnDemandThroughput" not in table
    assert "OnDemandThroughput" not in table["GlobalSecondaryIndexes"][0]


async def test_expiry_without_an_attribute_is_refused(cloud, context):
    with pytest.raises(AwsError, match=r"'timeToLiveSpecification\.attributeName' failed to satisfy constraint"):
        await create(cloud, context, **KEYS, TimeToLiveSpecification={"Enabled": True})


async def test_an_index_goes_while_the_table_becomes_provisioned(cloud, context):
    old = with_indexes(index("by_a"))
    name = (await create(cloud, context, **old)).physical_id
    new = {key: value for key, value in KEYS.items() if key != "BillingMode"} | {
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    }
    await update(cloud, context, name, old, new)
    table = await described(cloud, name)
    assert table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    await update(cloud, context, name, new, old)
    table = await described(cloud, name)
    assert table["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"


async def test_a_customers_key_needs_no_kind(cloud, context):
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    name = (
        await create(cloud, context, **KEYS, SSESpecification={"SSEEnabled": True, "KMSMasterKeyId": key})
    ).physical_id
    assert (await described(cloud, name))["SSEDescription"]["KMSMasterKeyArn"] == key
    off = KEYS | {"SSESpecification": {"SSEEnabled": False, "SSEType": "KMS"}}
    await update(cloud, context, name, KEYS, off)
    assert "SSEDescription" not in await described(cloud, name)


async def test_another_view_type_is_another_stream(cloud, context):
    old = KEYS | {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}
    created = await create(cloud, context, **old)
    cloud.clock.advance(ms=1000)
    new = KEYS | {"StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}
    updated = await update(cloud, context, created.physical_id, old, new)
    assert updated.attributes["StreamArn"] != created.attributes["StreamArn"]


async def test_a_streams_tags_are_changed_and_go(cloud, context):
    async def stream_tags():
        arn = (await described(cloud, name))["LatestStreamArn"]
        return (await cloud.dynamodb.ListTagsOfResource(ResourceArn=arn))["Tags"]

    def tagged(*tags):
        return KEYS | {"StreamSpecification": {"StreamViewType": "KEYS_ONLY", "Tags": list(tags)}}

    old, new = tagged({"Key": "a", "Value": "1"}), tagged({"Key": "b", "Value": "2"})
    name = (await create(cloud, context, **old)).physical_id
    assert await stream_tags() == [{"Key": "a", "Value": "1"}]
    await update(cloud, context, name, old, new)
    assert await stream_tags() == [{"Key": "b", "Value": "2"}]
    await update(cloud, context, name, new, KEYS | {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}})
    assert await stream_tags() == []


async def test_an_index_is_created_with_the_items_there_are(cloud, context):
    name = (await create(cloud, context, **KEYS)).physical_id
    await cloud.dynamodb.PutItem(TableName=name, Item={"p": {"S": "1"}, "a": {"S": "x"}})
    await update(cloud, context, name, KEYS, with_indexes(index("by_a")))
    answer = await cloud.dynamodb.Query(
        TableName=name,
        IndexName="by_a",
        KeyConditionExpression="a = :a",
        ExpressionAttributeValues={":a": {"S": "x"}},
    )
    assert answer["Count"] == 1
    await update(cloud, context, name, with_indexes(index("by_a")), KEYS)
    assert "GlobalSecondaryIndexes" not in await described(cloud, name)


async def test_two_indexes_in_one_update_are_refused(cloud, context):
    name = (await create(cloud, context, **KEYS)).physical_id
    two = with_indexes(index("one"), index("two"))
    with pytest.raises(InvalidProperty, match="Cannot perform more than one GSI creation or deletion"):
        await update(cloud, context, name, KEYS, two)
    await update(cloud, context, name, two, KEYS)  # and rolled back


async def test_an_index_is_not_changed_in_place(cloud, context):
    old = with_indexes(index("by_a"))
    name = (await create(cloud, context, **old)).physical_id
    new = with_indexes(index("by_a", Projection={"ProjectionType": "KEYS_ONLY"}))
    with pytest.raises(InvalidProperty, match="Cannot update GSI's properties other than"):
        await update(cloud, context, name, old, new)


async def test_a_deleted_table_is_gone(cloud, context):
    name = (await create(cloud, context, **KEYS)).physical_id
    kind = Table()
    await until_done(cloud, lambda: kind.delete(context, name, KEYS))
    assert (await cloud.dynamodb.ListTables())["TableNames"] == []
    await kind.delete(context, name, KEYS)
    with pytest.raises(Gone):
        await kind.read(context, name)


async def test_a_table_is_deleted_when_its_index_is_made(cloud, context):
    name = (await create(cloud, context, **KEYS)).physical_id
    await cloud.dynamodb.PutItem(TableName=name, Item={"p": {"S": "1"}, "a": {"S": "x"}})
    asked = with_indexes(index("by_a"))
    await cloud.dynamodb.UpdateTable(
        TableName=name,
        AttributeDefinitions=asked["AttributeDefinitions"],
        GlobalSecondaryIndexUpdates=[{"Create": index("by_a")}],
    )
    record = await cloud.pileus.store.read(tables.named, Address(cloud.account, cloud.region, name))
    await cloud.pileus.store.write(tables.settle, str(record.id))  # ACTIVE, and the index is not
    await until_done(cloud, lambda: Table().delete(context, name, KEYS))
    assert (await cloud.dynamodb.ListTables())["TableNames"] == []


@pytest.mark.parametrize(("changed", "is_new"), [("TableName", True), ("KeySchema", True), ("BillingMode", False)])
def test_keys_and_names_need_another_table(changed, is_new):
    assert Table().replaces({changed: 1}, {changed: 2}) == is_new


async def insights(cloud, **of):
    answer = await cloud.dynamodb.DescribeContributorInsights(TableName="orders", **of)
    return answer["ContributorInsightsStatus"], answer.get("ContributorInsightsMode")


async def test_contributor_insights_of_the_table_and_of_its_indexes_follow_the_template(cloud, context):
    on = {"ContributorInsightsSpecification": {"Enabled": True}}
    throttled = {"ContributorInsightsSpecification": {"Enabled": True, "Mode": "THROTTLED_KEYS"}}
    off = {"ContributorInsightsSpecification": {"Enabled": False}}
    everything = "ACCESSED_AND_THROTTLED_KEYS"
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("p", "a")]
    named = KEYS | {"TableName": "orders", "AttributeDefinitions": attributes}
    first = named | on | {"GlobalSecondaryIndexes": [index("by_a") | throttled]}
    await create(cloud, context, **first)
    assert await insights(cloud) == ("ENABLED", everything)
    assert await insights(cloud, IndexName="by_a") == ("ENABLED", "THROTTLED_KEYS")
    found = await Table().read(context, "orders")
    assert found["ContributorInsightsSpecification"] == {"Enabled": True, "Mode": everything}
    assert found["GlobalSecondaryIndexes"][0]["ContributorInsightsSpecification"]["Mode"] == "THROTTLED_KEYS"
    second = named | off | {"GlobalSecondaryIndexes": [index("by_a") | on]}
    await update(cloud, context, "orders", first, second)
    assert await insights(cloud) == ("DISABLED", everything)
    assert await insights(cloud, IndexName="by_a") == ("ENABLED", everything)
    third = named | {"GlobalSecondaryIndexes": [index("by_a")]}  # which says no longer that they are on
    await update(cloud, context, "orders", second, third)
    assert await insights(cloud, IndexName="by_a") == ("DISABLED", everything)
    await update(cloud, context, "orders", third, third)


IMPORTED = {
    "ImportSourceSpecification": {
        "InputFormat": "CSV",
        "InputFormatOptions": {"Csv": {"Delimiter": ";", "HeaderList": ["p", "v"]}},
        "S3BucketSource": {"S3Bucket": "source"},
    }
}


async def test_a_table_is_filled_from_a_bucket(cloud, context):
    await cloud.s3.CreateBucket(Bucket="source")
    await cloud.s3.PutObject(Bucket="source", Key="one.csv", Body=b"a;1\nb;2\n")
    properties = KEYS | IMPORTED | {"TableName": "orders", "Tags": [{"Key": "team", "Value": "a"}]}
    created = await create(cloud, context, **properties)
    table = await described(cloud, "orders")
    assert created.attributes == {"Arn": table["TableArn"]}
    assert (table["TableStatus"], table["ItemCount"]) == ("ACTIVE", 2)
    tags = (await cloud.dynamodb.ListTagsOfResource(ResourceArn=table["TableArn"]))["Tags"]
    assert {tag["Key"] for tag in tags} == {"team", *STACK_TAGS}
    assert await create(cloud, context, **properties) == created  # a killed creation, again


@pytest.mark.parametrize("key", ["one.csv", None])
async def test_an_import_that_fails_fails_its_table(cloud, context, key):
    """With items that were not imported the table is there; without the bucket it is not."""
    if key is not None:
        await cloud.s3.CreateBucket(Bucket="source")
        await cloud.s3.PutObject(Bucket="source", Key=key, Body=b"a;1\nb;2;3\n")
    message = "Some of the items failed validation checks" if key else "The specified bucket does not exist"
    with pytest.raises(AwsError, match=message):
        await create(cloud, context, **KEYS, **IMPORTED, TableName="orders")


VECTORS = {
    "IndexName": "vix",
    "VectorAttribute": {"AttributeName": "v"},
    "SearchSchema": [{"AttributeName": "a", "SearchSchemaElementType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["z", "b"]},
    "Dimensions": 2,
    "DistanceFunction": "COSINE",
}


async def test_vector_indexes_come_and_go_one_after_another(cloud, context):
    searched = {"AttributeDefinitions": with_indexes()["AttributeDefinitions"]}
    one = KEYS | searched | {"TableName": "orders", "VectorIndexes": [VECTORS]}
    two = VECTORS | {"IndexName": "two", "DistanceFunction": "EUCLIDEAN"}
    three = VECTORS | {"IndexName": "three", "DistanceFunction": "DOT_PRODUCT"}
    await create(cloud, context, **one)
    kept = {name: value for name, value in VECTORS.items() if name != "Projection"}
    assert (await described(cloud, "orders"))["VectorIndexes"][0].items() >= kept.items()
    read = await Table().read(context, "orders")
    assert [index["IndexName"] for index in read["VectorIndexes"]] == ["vix"]
    await update(cloud, context, "orders", one, one | {"VectorIndexes": [two, three]})
    table = await described(cloud, "orders")
    assert {index["IndexName"]: index["IndexStatus"] for index in table["VectorIndexes"]} == {
        "two": "ACTIVE",
        "three": "ACTIVE",
    }
    other = one | {"VectorIndexes": [two | {"DistanceFunction": "COSINE"}, three]}
    with pytest.raises(InvalidProperty, match="vector index two"):
        await update(cloud, context, "orders", one, other)
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    provisioned = {"TableName": "orders", "BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
    await update(cloud, context, "orders", one, KEYS | provisioned)
    assert "VectorIndexes" not in await described(cloud, "orders")
