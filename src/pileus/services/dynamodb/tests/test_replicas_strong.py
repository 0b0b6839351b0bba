"""Global tables of multi-Region strong consistency: made whole, changed in all regions at once, gone whole."""

import json

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root, user
from pileus.services.dynamodb.tests.conftest import index, item
from pileus.services.dynamodb.tests.test_replicas import described, items, make_table, put, records, statuses, update

VIRGINIA, OHIO, OREGON, IRELAND = "us-east-1", "us-east-2", "us-west-2", "eu-west-1"
CALIFORNIA = "us-west-1"
OF_STRONG = "with MultiRegionConsistency set to STRONG"
COUNT = f"Unsupported replica count for global tables {OF_STRONG}."
AT_LEAST = "At least one of ProvisionedThroughput,"
ONE_AT_A_TIME = "Update table operation with more than one create or delete replica actions not allowed"
EXISTING = "MultiRegionConsistency parameter is unsupported on existing global table"
ALONE = f"Deletion of only one table replica is not supported for global tables {OF_STRONG}."


def creates(*regions):
    return [{"Create": {"RegionName": region}} for region in regions]


def deletes(*regions):
    return [{"Delete": {"RegionName": region}} for region in regions]


def strong(*replicas, witness=None):
    asked = {"MultiRegionConsistency": "STRONG", "ReplicaUpdates": creates(*replicas)}
    return asked | ({"GlobalTableWitnessUpdates": creates(witness)} if witness else {})


@pytest.fixture
def regions(cloud):
    """The table's operations in each region."""
    return {
        region: cloud.as_(root(cloud.account), "dynamodb", region=region)
        for region in (VIRGINIA, OHIO, OREGON, IRELAND, CALIFORNIA)
    }


@pytest.fixture
async def three(cloud, regions):
    await make_table(cloud, StreamSpecification=None)
    await update(regions[VIRGINIA], **strong(OHIO, OREGON))
    await cloud.settle()


@pytest.fixture
async def witnessed(cloud, regions):
    await make_table(cloud)
    await update(regions[VIRGINIA], **strong(OHIO, witness=OREGON))
    await cloud.settle()


async def refused(awaited, text):
    with pytest.raises(AwsError) as caught:
        await awaited
    assert caught.value.code == "ValidationException"
    assert caught.value.message.startswith(text) if text is AT_LEAST else caught.value.message == text


# Made whole


async def test_three_replicas_are_made_at_once(cloud, regions):
    await make_table(cloud, StreamSpecification=None)
    began = await update(regions[VIRGINIA], **strong(OHIO, OREGON))
    assert (began["TableStatus"], began["MultiRegionConsistency"]) == ("UPDATING", "STRONG")
    assert began["GlobalTableVersion"] == "2019.11.21"
    await cloud.settle()
    for region, others in ((VIRGINIA, {OHIO, OREGON}), (OHIO, {VIRGINIA, OREGON}), (OREGON, {VIRGINIA, OHIO})):
        assert await statuses(regions[region]) == dict.fromkeys(others, "ACTIVE")
        table = await described(regions[region])
        assert (table["TableStatus"], table["MultiRegionConsistency"]) == ("ACTIVE", "STRONG")
        assert not {"GlobalTableWitnesses", "StreamSpecification"} & table.keys()


async def test_a_witness_is_seen_by_its_group_alone(cloud, regions, witnessed):
    for region, other in ((VIRGINIA, OHIO), (OHIO, VIRGINIA)):
        table = await described(regions[region])
        assert await statuses(regions[region]) == {other: "ACTIVE"}
        assert table["GlobalTableWitnesses"] == [{"RegionName": OREGON, "WitnessStatus": "ACTIVE"}]
    assert (await regions[OREGON].ListTables())["TableNames"] == []
    await regions[OREGON].CreateTable(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    await cloud.settle()
    await put(regions[VIRGINIA], "a")
    assert await items(regions[OREGON]) == {}


async def test_a_witness_is_creating_before_it_is_active(cloud, regions):
    await make_table(cloud)
    began = await update(regions[VIRGINIA], **strong(OHIO, witness=OREGON))
    assert began["GlobalTableWitnesses"] == [{"RegionName": OREGON, "WitnessStatus": "CREATING"}]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (strong(OHIO), COUNT),
        (strong(OHIO, OREGON, witness=IRELAND), COUNT),
        (strong(OHIO, OREGON, IRELAND), COUNT),
        (strong(CALIFORNIA), COUNT),
        (strong(OHIO, CALIFORNIA), f"Unsupported Region(s) specified for global tables {OF_STRONG}: [us-west-1]."),
        (
            strong(CALIFORNIA, witness=CALIFORNIA),
            f"Unsupported Region(s) specified for global tables {OF_STRONG}: [us-west-1, us-west-1].",
        ),
        (strong(OHIO, witness=OHIO), "Cannot target multiple regions with the same action"),
        (
            strong(OHIO, witness=VIRGINIA),
            "Cannot add a witness in the same region as an existing replica when creating a global table with "
            "MultiRegionConsistency set to STRONG.",
        ),
        ({"MultiRegionConsistency": "STRONG"}, AT_LEAST),
        ({"MultiRegionConsistency": "STRONG", "GlobalTableWitnessUpdates": creates(OHIO)}, AT_LEAST),
        ({"GlobalTableWitnessUpdates": creates(OHIO)}, AT_LEAST),
        (
            {"ReplicaUpdates": creates(OHIO), "GlobalTableWitnessUpdates": creates(OREGON)},
            "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.",
        ),
        (
            strong(OHIO, witness=OREGON) | {"MultiRegionConsistency": "EVENTUAL"},
            "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present.",
        ),
        (strong(OHIO, OREGON) | {"MultiRegionConsistency": "EVENTUAL"}, ONE_AT_A_TIME),
        (
            strong(OHIO, OREGON) | {"StreamSpecification": {"StreamEnabled": False}},
            "Requests that modify replicas or witnesses must not also modify other fields",
        ),
        (
            {"MultiRegionConsistency": "STRONG", "ReplicaUpdates": deletes(OHIO, OREGON)},
            "Only Replica Create actions are supported when MultiRegionConsistency parameter is provided.",
        ),
    ],
)
async def test_a_group_that_is_not_whole_is_refused(cloud, regions, asked, text):
    await make_table(cloud)
    await refused(update(regions[VIRGINIA], **asked), text)
    assert not (await described(regions[VIRGINIA])).get("Replicas")


async def test_a_table_that_has_what_strong_consistency_has_not_is_refused(cloud, regions):
    await make_table(cloud)
    await put(regions[VIRGINIA], "a")
    ask = lambda: update(regions[VIRGINIA], **strong(OHIO, OREGON))  # noqa: E731
    await refused(ask(), f"The table must be empty when creating a global table {OF_STRONG}.")
    await regions[VIRGINIA].DeleteItem(TableName="orders", Key=item(p="a"))
    expiry = {"TableName": "orders", "TimeToLiveSpecification": {"AttributeName": "at", "Enabled": True}}
    await regions[VIRGINIA].UpdateTimeToLive(**expiry)
    invalid = "One or more parameter values were invalid: {} not supported for global tables " + OF_STRONG + "."
    await refused(ask(), invalid.format("Time to live is"))
    await cloud.dynamodb.CreateTable(
        TableName="local",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "pcx"],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
        LocalSecondaryIndexes=[index("lsi", "p", "x")],
        BillingMode="PAY_PER_REQUEST",
    )
    await cloud.settle()
    asked = regions[VIRGINIA].UpdateTable(TableName="local", **strong(OHIO, OREGON))
    await refused(asked, invalid.format("Local secondary indexes are"))


async def test_a_group_of_eventual_consistency_stays_one(cloud, regions):
    await make_table(cloud)
    await update(regions[VIRGINIA], ReplicaUpdates=creates(OHIO))
    await cloud.settle()
    assert "MultiRegionConsistency" not in await described(regions[VIRGINIA])
    await refused(update(regions[VIRGINIA], **strong(OREGON)), COUNT)
    await refused(update(regions[VIRGINIA], **strong(OREGON, IRELAND)), EXISTING)


# Changed in all regions at once


async def test_what_one_region_writes_all_have_at_once(cloud, regions, three):
    await put(regions[OHIO], "a", n=1)
    for region in (VIRGINIA, OHIO, OREGON):  # and nothing has settled
        assert await items(regions[region]) == {"a": {"n": 1}}
    await regions[OREGON].UpdateItem(
        TableName="orders",
        Key=item(p="a"),
        UpdateExpression="ADD n :one",
        ConditionExpression="n = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    assert await items(regions[VIRGINIA]) == {"a": {"n": 2}}
    await regions[VIRGINIA].BatchWriteItem(
        RequestItems={"orders": [{"PutRequest": {"Item": item(p="b")}}, {"DeleteRequest": {"Key": item(p="a")}}]}
    )
    for region in (VIRGINIA, OHIO, OREGON):
        assert await items(regions[region]) == {"b": {}}
    condition = {"ConditionExpression": "attribute_not_exists(p)"}
    with pytest.raises(AwsError, match="ConditionalCheckFailedException"):
        await regions[OHIO].PutItem(TableName="orders", Item=item(p="b"), **condition)


async def test_what_is_written_while_the_replicas_are_made_is_there_too(cloud, regions):
    await make_table(cloud, StreamSpecification=None)
    await update(regions[VIRGINIA], **strong(OHIO, OREGON))
    await put(regions[VIRGINIA], "a", n=1)
    await cloud.settle()
    for region in (VIRGINIA, OHIO, OREGON):
        assert await items(regions[region]) == {"a": {"n": 1}}
        assert (await described(regions[region]))["ItemCount"] == 1


async def test_each_region_has_its_own_stream_in_the_same_order(cloud, regions, witnessed):
    for n, region in enumerate((VIRGINIA, OHIO, VIRGINIA)):
        await put(regions[region], "a", n=n)
    await cloud.settle()
    east, ohio = [await records(cloud, regions[region], region) for region in (VIRGINIA, OHIO)]
    assert [name for name, *_ in east] == [name for name, *_ in ohio] == ["INSERT", "MODIFY", "MODIFY"]
    # Unlike where it is eventual, a stream may go.
    await update(regions[OHIO], StreamSpecification={"StreamEnabled": False})
    await cloud.settle()
    assert "StreamSpecification" not in await described(regions[OHIO])
    assert (await described(regions[VIRGINIA]))["StreamSpecification"]["StreamEnabled"]


async def test_indexes_are_everybodys(cloud, regions, three):
    await update(
        regions[OHIO],
        AttributeDefinitions=[{"AttributeName": "x", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": index("by_x", "x")}],
    )
    await cloud.settle()
    await regions[OREGON].PutItem(TableName="orders", Item=item(p="a", x="red"))
    for region in (VIRGINIA, OHIO, OREGON):
        found = await regions[region].Query(
            TableName="orders",
            IndexName="by_x",
            KeyConditionExpression="x = :x",
            ExpressionAttributeValues={":x": {"S": "red"}},
        )
        assert found["Items"] == [item(p="a", x="red")]


async def test_transactions_and_time_to_live_are_refused(cloud, regions, three):
    no_transactions = f"Transactional operations are not supported for global tables {OF_STRONG}."
    key = {"TableName": "orders", "Key": item(p="a")}
    await refused(regions[OHIO].TransactWriteItems(TransactItems=[{"Delete": key}]), no_transactions)
    await refused(regions[OHIO].TransactGetItems(TransactItems=[{"Get": key}]), no_transactions)
    statements = [{"Statement": "INSERT INTO orders VALUE {'p': 'a'}"}]
    await refused(regions[OHIO].ExecuteTransaction(TransactStatements=statements), no_transactions)
    expiry = {"TableName": "orders", "TimeToLiveSpecification": {"AttributeName": "at", "Enabled": True}}
    await refused(
        regions[OHIO].UpdateTimeToLive(**expiry),
        f"One or more parameter values were invalid: Time to live is not supported for global tables {OF_STRONG}.",
    )
    assert await items(regions[OHIO]) == {}


# Stays as it is, and goes whole


async def test_members_neither_come_nor_go_alone(cloud, regions, three):
    here = regions[VIRGINIA]
    no_more = "Cannot add replicas to a global table with strong MultiRegionConsistency"
    await refused(update(here, ReplicaUpdates=creates(IRELAND)), no_more)
    await refused(update(here, **strong(IRELAND)), COUNT)
    await refused(update(here, ReplicaUpdates=creates(IRELAND), MultiRegionConsistency="EVENTUAL"), EXISTING)
    await refused(update(here, ReplicaUpdates=deletes(OHIO)), ALONE)
    for region in (VIRGINIA, OHIO):
        await refused(regions[region].DeleteTable(TableName="orders"), ALONE)
    assert set(await statuses(here)) == {OHIO, OREGON}


async def test_a_witness_goes_with_the_replica_and_not_without(cloud, regions, witnessed):
    here = regions[VIRGINIA]
    await refused(
        update(here, ReplicaUpdates=deletes(OHIO)), "Update table delete operation does not include all witnesses."
    )
    await refused(update(here, GlobalTableWitnessUpdates=deletes(OREGON)), AT_LEAST)
    await refused(
        update(here, ReplicaUpdates=deletes(OHIO), GlobalTableWitnessUpdates=deletes(IRELAND)),
        "Update global table operation failed because one or more witnesses were not part of the global table. Please "
        "retry the request without these witnesses: [eu-west-1].",
    )
    await put(here, "a")
    ending = await update(here, ReplicaUpdates=deletes(OHIO), GlobalTableWitnessUpdates=deletes(OREGON))
    assert ending["GlobalTableWitnesses"] == [{"RegionName": OREGON, "WitnessStatus": "DELETING"}]
    await cloud.settle()
    table = await described(here)
    assert not {"Replicas", "GlobalTableWitnesses", "MultiRegionConsistency", "GlobalTableVersion"} & table.keys()
    assert table["TableStatus"] == "ACTIVE"
    assert (await regions[OHIO].ListTables())["TableNames"] == []
    assert await items(here) == {"a": {}}
    await update(here, ReplicaUpdates=creates(IRELAND))  # which is eventual
    await cloud.settle()
    assert await items(regions[IRELAND]) == {"a": {}}


async def test_three_replicas_go_at_once(cloud, regions, three):
    await update(regions[VIRGINIA], ReplicaUpdates=deletes(OHIO, OREGON))
    await cloud.settle()
    assert "MultiRegionConsistency" not in await described(regions[VIRGINIA])
    for region in (OHIO, OREGON):
        assert (await regions[region].ListTables())["TableNames"] == []
    await regions[VIRGINIA].DeleteTable(TableName="orders")
    await cloud.settle()
    assert (await regions[VIRGINIA].ListTables())["TableNames"] == []


async def test_a_witness_takes_permissions_of_its_own(cloud, regions):
    await make_table(cloud)
    statement = {"Effect": "Deny", "Action": "dynamodb:CreateGlobalTableWitness", "Resource": "*"}
    allowed = {"Effect": "Allow", "Action": ["dynamodb:*"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed, statement]})
    made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=document)
    ann = cloud.as_(user(cloud.account, "ann", made["UserId"]), "dynamodb")
    with pytest.raises(AwsError, match="dynamodb:CreateGlobalTableWitness"):
        await ann.UpdateTable(TableName="orders", **strong(OHIO, witness=OREGON))
    await ann.UpdateTable(TableName="orders", **strong(OHIO, OREGON))
