"""Tables: create, describe, delete, list, and what CreateTable refuses."""

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.dynamodb.tests.conftest import index, item, schema


async def refused(call, match: str, code: str = "ValidationException") -> AwsError:
    with pytest.raises(AwsError, match=match) as error:
        await call
    assert error.value.code == code
    return error.value


async def test_a_table_is_creating_then_active(cloud):
    made = await cloud.dynamodb.CreateTable(TableName="tbl", BillingMode="PAY_PER_REQUEST", **schema("p", "c:N"))
    assert made["TableDescription"]["TableStatus"] == "CREATING"
    await refused(
        cloud.dynamodb.GetItem(TableName="tbl", Key=item(p="a", c=1)), "not found", "ResourceNotFoundException"
    )
    await cloud.settle()
    described = (await cloud.dynamodb.DescribeTable(TableName="tbl"))["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["KeySchema"] == [
        {"AttributeName": "p", "KeyType": "HASH"},
        {"AttributeName": "c", "KeyType": "RANGE"},
    ]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


async def test_a_table_is_found_by_its_arn(cloud, table):
    described = await cloud.dynamodb.DescribeTable(TableName=table.arn)
    assert described["Table"]["TableName"] == "tbl"
    await refused(cloud.dynamodb.DescribeTable(TableName="arn:aws:sqs:us-east-1:0:q"), "Invalid TableArn")


async def test_no_table_streams_to_kinesis(cloud, table):
    for name in ("tbl", table.arn):
        described = await cloud.dynamodb.DescribeKinesisStreamingDestination(TableName=name)
        assert described == {"TableName": "tbl", "KinesisDataStreamDestinations": []}
    await refused(
        cloud.dynamodb.DescribeKinesisStreamingDestination(TableName="other"),
        "Table: other not found",
        "ResourceNotFoundException",
    )


async def test_names_have_3_to_255_characters(cloud):
    for name in ("ab", "a" * 256, "a/b/c"):
        await refused(cloud.dynamodb.DescribeTable(TableName=name), "at 'tableName' failed to satisfy constraint")
    for name in ("abc", "a" * 255):
        await refused(
            cloud.dynamodb.DescribeTable(TableName=name), f"Table: {name} not found", "ResourceNotFoundException"
        )


async def test_a_table_without_a_name_is_refused_before_its_key_is_looked_at(cloud):
    made = {"AttributeDefinitions": schema("p")["AttributeDefinitions"], "KeySchema": []}
    for operation, request in (("CreateTable", made), ("DescribeTable", {}), ("UpdateTable", {}), ("DeleteTable", {})):
        call = getattr(cloud.dynamodb, operation)(**request)
        await refused(call, "The parameter 'TableName' is required but was not present in the request$")
    for name in ("", "x!"):
        error = await refused(cloud.dynamodb.CreateTable(TableName=name, **made), "at 'tableName'")
        assert "keySchema" not in error.message
    await refused(
        cloud.dynamodb.CreateTable(TableName="tbl", **made),
        "Value '\\[\\]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1",
    )


async def test_numbers_of_items_and_bytes_are_exact(table):
    await table.PutItem(Item=item(p="a", c="b", text="x" * 10))
    await table.PutItem(Item=item(p="a", c="b", text="x" * 20))
    await table.PutItem(Item=item(p="b", c="b"))
    described = (await table.DescribeTable())["Table"]
    assert (described["ItemCount"], described["TableSizeBytes"]) == (2, 28 + 4)
    await table.DeleteItem(Key=item(p="a", c="b"))
    described = (await table.DescribeTable())["Table"]
    assert (described["ItemCount"], described["TableSizeBytes"]) == (1, 4)


async def test_a_deleted_table_leaves_nothing(cloud, make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await table.UpdateTimeToLive(TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True})
    for n in range(10):
        await table.put(p="a", c=str(n), x="y", ttl=4_000_000_000)
    deleted = await table.DeleteTable()
    assert deleted["TableDescription"]["TableStatus"] == "DELETING"
    assert (await table.DeleteTable())["TableDescription"]["TableStatus"] == "DELETING"
    await cloud.settle()
    await refused(table.DescribeTable(), "Table: tbl not found", "ResourceNotFoundException")
    left, _ = cloud.store.look(lambda tx: [key for key, _ in tx.scan(b"dynamodb", b"dynamodc")])
    assert left == []


async def test_a_protected_table_is_not_deleted(cloud, make):
    table = await make(DeletionProtectionEnabled=True)
    await refused(table.DeleteTable(), "protected against deletion")
    await table.UpdateTable(DeletionProtectionEnabled=False)
    await cloud.settle()
    await table.DeleteTable()


async def test_a_name_that_is_taken_is_refused(cloud, table):
    await refused(
        cloud.dynamodb.CreateTable(TableName="tbl", BillingMode="PAY_PER_REQUEST", **schema("p")),
        "Table already exists: tbl",
        "ResourceInUseException",
    )


async def test_tables_are_listed_by_name_page_by_page(cloud, make):
    for name in ("ccc", "aaa", "bbb"):
        await make("p", called=name)
    first = await cloud.dynamodb.ListTables(Limit=2)
    assert first == {"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"}
    assert await cloud.dynamodb.ListTables(ExclusiveStartTableName="bbb") == {"TableNames": ["ccc"]}


KEYS = [{"AttributeName": "p", "KeyType": "HASH"}]
DEFINED = [{"AttributeName": "p", "AttributeType": "S"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AttributeDefinitions": None}, "Value null at 'attributeDefinitions'"),
        ({"BillingMode": "PROVISIONED"}, "must both be specified when BillingMode is PROVISIONED"),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        ({"AttributeDefinitions": DEFINED * 2}, "^ValidationException: Attribute Name is duplicated: p$"),
        (
            {"AttributeDefinitions": [{"AttributeName": "z", "AttributeType": "S"}]},
            r"Some index key attributes are not defined in AttributeDefinitions. Keys: \[p\], AttributeDefinitions: \[z\]",
        ),
        (
            {"AttributeDefinitions": [*DEFINED, {"AttributeName": "z", "AttributeType": "S"}]},
            "Number of attributes in KeySchema does not exactly match number of attributes defined",
        ),
        ({"KeySchema": [{"AttributeName": "p", "KeyType": "RANGE"}]}, "first KeySchemaElement is not a HASH key type"),
        (
            {"KeySchema": [*KEYS, {"AttributeName": "p", "KeyType": "RANGE"}]},
            "Invalid KeySchema: Some index key attribute have no definition",
        ),
        (
            {
                "KeySchema": [*KEYS, {"AttributeName": "s", "KeyType": "RANGE"}],
                "AttributeDefinitions": [*DEFINED, {"AttributeName": "s", "AttributeType": "S"}],
                "LocalSecondaryIndexes": [
                    {
                        "IndexName": "twice",
                        "KeySchema": [*KEYS, {"AttributeName": "p", "KeyType": "RANGE"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
            },
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ),
        ({"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
        ({"LocalSecondaryIndexes": [index("lsi", "p", "x")]}, "Table KeySchema does not have a range key"),
        ({"GlobalSecondaryIndexes": [index("gsi", "p", projection={})]}, "Unknown ProjectionType: null"),
        (
            {"GlobalSecondaryIndexes": [index("gsi", "p", projection={"ProjectionType": "INCLUDE"})]},
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            {
                "GlobalSecondaryIndexes": [
                    index("gsi", "p", projection={"ProjectionType": "ALL", "NonKeyAttributes": ["a"]})
                ]
            },
            "ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        ({"GlobalSecondaryIndexes": [index("gsi", "p")] * 2}, "Duplicate index name: gsi"),
        ({"GlobalSecondaryIndexes": [index(f"gsi{n}", "p") for n in range(21)]}, "exceeds the per-table limit of 20"),
        (
            {"StreamSpecification": {"StreamEnabled": True}},
            "Table is being created with a stream enabled, UpdateViewType is required",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}},
            "Table is being created with a stream disabled, UpdateViewType should not be specified",
        ),
    ],
)
async def test_what_create_table_refuses(cloud, changes, message):
    request = {"KeySchema": KEYS, "AttributeDefinitions": DEFINED, "BillingMode": "PAY_PER_REQUEST"} | changes
    await refused(cloud.dynamodb.CreateTable(TableName="tbl", **request), message)


async def test_twenty_global_indexes_of_a_hundred_included_attributes_are_the_most(cloud, make):
    def including(count: int, extra: int = 0) -> list[dict]:
        included = [{"ProjectionType": "INCLUDE", "NonKeyAttributes": [f"a{n}" for n in range(20)]}] * 5
        included += [{"ProjectionType": "INCLUDE", "NonKeyAttributes": ["z"]}] * extra
        included += [{"ProjectionType": "KEYS_ONLY"}] * (count - 5 - extra)
        return [index(f"gsi{n}", "p", projection=one) for n, one in enumerate(included)]

    await make("p", GlobalSecondaryIndexes=including(20))
    await refused(
        make("p", called="other", GlobalSecondaryIndexes=including(20, extra=1)), "exceeds per-table limit of 100"
    )


async def test_a_local_index_has_the_tables_partition_key_and_a_sort_key(make):
    await refused(make(types={"x": "S"}, LocalSecondaryIndexes=[index("lsi", "x", "p")]), "same leading hash key")
    await refused(make(LocalSecondaryIndexes=[index("lsi", "p")]), "does not have a range key for index: lsi")
    five = [index(f"lsi{n}", "p", "x") for n in range(5)]
    await make(types={"x": "S"}, LocalSecondaryIndexes=five)
    await refused(
        make(called="other", types={"x": "S"}, LocalSecondaryIndexes=[*five, index("lsi5", "p", "x")]),
        "exceeds per-table limit of 5",
    )


async def test_settings_are_described(cloud, make):
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    await make(
        TableClass="STANDARD_INFREQUENT_ACCESS",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        OnDemandThroughput={"MaxReadRequestUnits": 5},
        WarmThroughput={"ReadUnitsPerSecond": 20_000},
    )
    described = (await cloud.dynamodb.DescribeTable(TableName="tbl"))["Table"]
    assert described["TableClassSummary"] == {"TableClass": "STANDARD_INFREQUENT_ACCESS"}
    assert described["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}
    assert described["OnDemandThroughput"] == {"MaxReadRequestUnits": 5}
    assert described["WarmThroughput"] == {
        "ReadUnitsPerSecond": 20_000,
        "WriteUnitsPerSecond": 4_000,
        "Status": "ACTIVE",
    }


PROVISIONED = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"OnDemandThroughput": {"MaxReadRequestUnits": 0}},
            "MaxReadRequestUnits for OnDemandThroughput for table is outs",
        ),
        (
            {"OnDemandThroughput": {"MaxWriteRequestUnits": -1}},
            "MaxWriteRequestUnits for OnDemandThroughput for table is o",
        ),
        (
            PROVISIONED | {"OnDemandThroughput": {"MaxReadRequestUnits": 5}},
            "MaxReadRequestUnits for OnDemandThroughput cannot be specified when table BillingMode is PROVISIONED.$",
        ),
        (
            {"GlobalSecondaryIndexes": [index("gsi", "p") | {"OnDemandThroughput": {"MaxReadRequestUnits": 0}}]},
            "for OnDemandThroughput for index : gsi is outside of valid range",
        ),
        (
            {"WarmThroughput": {"ReadUnitsPerSecond": 11_999}},
            "ReadUnitsPerSecond for WarmThroughput for table is lower than initial throughput for OnDemand. See: https",
        ),
        (
            PROVISIONED | {"WarmThroughput": {"WriteUnitsPerSecond": 4}},
            "WriteUnitsPerSecond for WarmThroughput for table is lower than WriteCapacityUnits of ProvisionedThroughput",
        ),
        (
            PROVISIONED | {"GlobalSecondaryIndexes": [index("gsi", "p")]},
            "ProvisionedThroughput is not specified for index: gsi",
        ),
        ({"TableClass": "COLD"}, "^ValidationException: Invalid table-class parameter provided. Please try again"),
        (
            {"SSESpecification": {"Enabled": False, "SSEType": "KMS"}},
            "SSEType can not be specified if Enabled is false",
        ),
        (
            {"SSESpecification": {"Enabled": True, "KMSMasterKeyId": "k"}},
            "SSEType KMS is required if KMSMasterKeyId is specified",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": False, "StreamViewType": "NEW_IMAGE"}},
            "created with a stream disabled, UpdateViewType should not be specified",
        ),
    ],
)
async def test_what_create_table_refuses_of_settings(cloud, changes, message):
    request = {"KeySchema": KEYS, "AttributeDefinitions": DEFINED, "BillingMode": "PAY_PER_REQUEST"} | changes
    await refused(cloud.dynamodb.CreateTable(TableName="tbl", **request), message)


async def test_an_attribute_too_many_is_told_of_before_what_is_wrong_with_indexes(cloud):
    request = {"KeySchema": KEYS, "AttributeDefinitions": schema("p", z="S")["AttributeDefinitions"]}
    request |= {"BillingMode": "PAY_PER_REQUEST", "GlobalSecondaryIndexes": [index("gsi", "p", projection={})]}
    await refused(cloud.dynamodb.CreateTable(TableName="tbl", **request), "Some AttributeDefinitions are not used")


async def test_of_units_the_writes_are_named_first(cloud):
    nothing = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    await refused(
        cloud.dynamodb.CreateTable(TableName="tbl", **schema("p"), ProvisionedThroughput=nothing),
        "2 validation errors detected: Value '0' at 'provisionedThroughput.writeCapacityUnits' failed .*; "
        "Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint",
    )


async def test_settings_that_say_nothing_are_none(make):
    described = (await (await make(OnDemandThroughput={}, WarmThroughput={})).DescribeTable())["Table"]
    assert "OnDemandThroughput" not in described
    assert described["WarmThroughput"]["ReadUnitsPerSecond"] == 12_000


async def test_attributes_are_described_by_name(make):
    include = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["z", "y"]}
    table = await make("p", types={"a": "S"}, GlobalSecondaryIndexes=[index("gsi", "a", projection=include)])
    described = (await table.DescribeTable())["Table"]
    assert [one["AttributeName"] for one in described["AttributeDefinitions"]] == ["a", "p"]
    assert described["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"] == ["y", "z"]


async def test_what_is_not_there_yet_is_refused_by_name(cloud, table):
    stream = f"arn:aws:kinesis:{cloud.region}:{cloud.account}:stream/s"
    with pytest.raises(AwsError, match="dynamodb:EnableKinesisStreamingDestination") as refusal:
        await table.EnableKinesisStreamingDestination(StreamArn=stream)
    assert refusal.value.status == 501


async def test_a_table_of_another_region_is_not_reached_from_here(cloud, table):
    west = cloud.as_(root(cloud.account), "dynamodb", region="eu-west-1")
    message = f"1 validation error detected: Invalid AWS region in '{table.arn}'"
    await refused(west.DescribeTable(TableName=table.arn), message)
    await refused(west.DescribeContinuousBackups(TableName=table.arn), message)
    await refused(west.GetItem(TableName=table.arn, Key=item(p="a", c="b")), message)
    assert (await cloud.dynamodb.DescribeTable(TableName=table.arn))["Table"]["TableArn"] == table.arn
