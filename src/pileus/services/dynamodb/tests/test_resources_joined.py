"""AWS::DynamoDB::GlobalTable in stacks of several accounts, and how its replicas hang together."""

import json

import pytest

from pileus.kernel.principal import root
from pileus.services.dynamodb.resources import GlobalTable
from pileus.services.dynamodb.tests.test_replicas import EAST, SOUTH, WEST, described, items, put, statuses
from pileus.services.dynamodb.tests.test_replicas_accounts import OTHER, arn, policy
from pileus.services.dynamodb.tests.test_resources_global import KEYS
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import ResourceContext


@pytest.fixture
def owners(cloud):
    return {EAST: cloud.account, WEST: OTHER}


@pytest.fixture
def clients(cloud, owners):
    return {region: cloud.as_(root(account), "dynamodb", region=region) for region, account in owners.items()}


def source(owners, *, joined_by=(WEST,), more=None, **of_replica):
    document = json.loads(policy(owners, EAST, joined_by=joined_by))
    replica = {
        "Region": EAST,
        "GlobalTableSettingsReplicationMode": "ENABLED",
        "ResourcePolicy": {"PolicyDocument": document},
    }
    return KEYS | {"Replicas": [replica | of_replica]} | (more or {})


def joining(owners, **of_replica):
    replica = {
        "Region": WEST,
        "GlobalTableSettingsReplicationMode": "ENABLED",
        "ResourcePolicy": {"PolicyDocument": json.loads(policy(owners, WEST))},
    }
    return {
        "TableName": "orders",
        "GlobalTableSourceArn": arn(owners, EAST),
        "Replicas": [replica | of_replica],
    }


class Stack:
    """A stack of one table, in the account and region of a replica."""

    def __init__(self, cloud, owners, region):
        self.cloud = cloud
        self.api = cloud.as_(root(owners[region]), "cloudformation", region=region)

    async def _bring(self, operation, properties):
        template = {"Resources": {"Orders": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties}}}
        await getattr(self.api, operation)(StackName="shop", TemplateBody=json.dumps(template))
        await self.cloud.advance(60_000)
        stack = (await self.api.DescribeStacks(StackName="shop"))["Stacks"][0]
        return stack["StackStatus"], await self.reasons()

    async def reasons(self):
        events = (await self.api.DescribeStackEvents(StackName="shop"))["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    async def create(self, properties):
        return await self._bring("CreateStack", properties)

    async def update(self, properties):
        return await self._bring("UpdateStack", properties)

    async def delete(self):
        await self.api.DeleteStack(StackName="shop")
        await self.cloud.advance(60_000)
        stacks = (await self.api.ListStacks())["StackSummaries"]
        return stacks[0]["StackStatus"]


@pytest.fixture
async def stacks(cloud, owners):
    made = {region: Stack(cloud, owners, region) for region in owners}
    for region, properties in ((EAST, source(owners)), (WEST, joining(owners))):
        status, reasons = await made[region].create(properties)
        assert status == "CREATE_COMPLETE", reasons
    return made


async def test_a_stack_of_another_account_makes_a_replica(cloud, clients, owners, stacks):
    assert await statuses(clients[EAST]) == {WEST: "ACTIVE"}
    await put(clients[EAST], "a")
    await cloud.settle()
    assert set(await items(clients[WEST])) == {"a"}
    tags = (await clients[WEST].ListTagsOfResource(ResourceArn=arn(owners, WEST)))["Tags"]
    assert {"aws:cloudformation:stack-name"} <= {tag["Key"] for tag in tags}


async def test_each_stack_changes_what_its_own_replica_has(cloud, clients, owners, stacks):
    own = {
        "DeletionProtectionEnabled": True,
        "DisassociationProtectionEnabled": False,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TableClass": "STANDARD_INFREQUENT_ACCESS",
        "Tags": [{"Key": "team", "Value": "west"}],
    }
    status, reasons = await stacks[WEST].update(joining(owners, **own))
    assert status == "UPDATE_COMPLETE", reasons
    there, here = await described(clients[WEST]), await described(clients[EAST])
    assert there["DeletionProtectionEnabled"] is True
    assert there["DisassociationProtectionEnabled"] is False
    assert there["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert here["DeletionProtectionEnabled"] is False
    assert here["DisassociationProtectionEnabled"] is True
    assert "TableClassSummary" not in here
    status, reasons = await stacks[WEST].update(joining(owners))
    assert status == "UPDATE_COMPLETE", reasons
    there = await described(clients[WEST])
    assert there["DisassociationProtectionEnabled"] is True
    assert there["TableClassSummary"]["TableClass"] == "STANDARD"


async def test_what_all_share_is_not_changed_by_a_stack(cloud, clients, owners, stacks):
    changed = source(owners, more={"WriteOnDemandThroughputSettings": {"MaxWriteRequestUnits": 7}})
    status, reasons = await stacks[EAST].update(changed)
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "OnDemandThroughput cannot be changed by CloudFormation" in reasons
    assert "OnDemandThroughput" not in await described(clients[EAST])


async def test_a_stack_mends_a_policy_that_cut_its_replica_off(cloud, clients, owners, stacks):
    await clients[WEST].DeleteResourcePolicy(ResourceArn=arn(owners, WEST))
    await cloud.settle()
    assert (await described(clients[WEST]))["TableStatus"] == "REPLICATION_NOT_AUTHORIZED"
    status, reasons = await stacks[WEST].update(joining(owners, Tags=[{"Key": "mended", "Value": "yes"}]))
    assert status == "UPDATE_COMPLETE", reasons
    assert (await described(clients[WEST]))["TableStatus"] == "ACTIVE"


async def test_each_stack_deletes_its_own_replica(cloud, clients, owners, stacks):
    assert await stacks[EAST].delete() == "DELETE_FAILED"  # it has just been a source
    assert await stacks[WEST].delete() == "DELETE_COMPLETE"
    assert await statuses(clients[EAST]) == {}
    assert await stacks[EAST].delete() == "DELETE_COMPLETE"
    assert (await clients[EAST].ListTables())["TableNames"] == []


async def test_a_source_says_once_what_all_may_read(cloud, clients, owners):
    stack = Stack(cloud, owners, EAST)
    index = {
        "IndexName": "by_q",
        "KeySchema": [{"AttributeName": "q", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 3},
    }
    more = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in "pq"],
        "GlobalSecondaryIndexes": [index],
        "ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 5},
    }
    status, reasons = await stack.create(source(owners, more=more))
    assert status == "CREATE_COMPLETE", reasons
    table = await described(clients[EAST])
    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 5}
    assert table["GlobalSecondaryIndexes"][0]["OnDemandThroughput"] == {"MaxReadRequestUnits": 3}
    assert table["GlobalTableSettingsReplicationMode"] == "ENABLED"


async def test_the_mode_follows_the_template(cloud, clients, owners):
    stack = Stack(cloud, owners, EAST)
    for mode in ("DISABLED", "ENABLED"):
        properties = source(owners, GlobalTableSettingsReplicationMode=mode)
        status, reasons = await (stack.create if mode == "DISABLED" else stack.update)(properties)
        assert status.endswith("_COMPLETE"), reasons
        assert (await described(clients[EAST]))["GlobalTableSettingsReplicationMode"] == mode


async def test_streams_have_tags_region_by_region(cloud, owners):
    stack = Stack(cloud, owners, EAST)
    tags = [{"Key": "reads", "Value": "south"}]
    replicas = [{"Region": EAST}, {"Region": SOUTH, "ReplicaStreamSpecification": {"Tags": tags}}]
    status, reasons = await stack.create(KEYS | {"Replicas": replicas})
    assert status == "CREATE_COMPLETE", reasons
    found = {}
    for region in (EAST, SOUTH):
        client = cloud.as_(root(cloud.account), "dynamodb", region=region)
        stream = (await described(client))["LatestStreamArn"]
        found[region] = (await client.ListTagsOfResource(ResourceArn=stream))["Tags"]
    assert found == {EAST: [], SOUTH: tags}

    async def invoke(service, operation, request, *, region=EAST):
        return await getattr(cloud.as_(root(cloud.account), service, region=region), operation)(**request)

    context = ResourceContext(cloud.account, EAST, "aws", "", "", "", "", cloud.clock, invoke)
    shown = await GlobalTable().read(context, "orders")
    assert [replica.get("ReplicaStreamSpecification") for replica in shown["Replicas"]] == [None, {"Tags": tags}]
    assert shown["StreamSpecification"] == KEYS["StreamSpecification"]


async def test_replicas_of_one_account_may_be_let_leave(cloud, owners):
    stack = Stack(cloud, owners, EAST)
    properties = KEYS | {"Replicas": [{"Region": EAST}, {"Region": SOUTH, "DisassociationProtectionEnabled": False}]}
    status, reasons = await stack.create(properties)
    assert status == "CREATE_COMPLETE", reasons
    bound = {}
    for region in (EAST, SOUTH):
        client = cloud.as_(root(cloud.account), "dynamodb", region=region)
        bound[region] = (await described(client))["DisassociationProtectionEnabled"]
    assert bound == {EAST: True, SOUTH: False}


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        (lambda owners: joining(owners) | {"BillingMode": "PAY_PER_REQUEST"}, "BillingMode cannot be specified"),
        (lambda owners: joining(owners) | {"Replicas": [{"Region": WEST}, {"Region": EAST}]}, "must contain one entry"),
        (lambda owners: {"Replicas": [{"Region": EAST}]}, "Property KeySchema cannot be empty"),
        (
            lambda owners: source(owners) | {"Replicas": [*source(owners)["Replicas"], {"Region": SOUTH}]},
            "GlobalTableSettingsReplicationMode can only be specified where there is one replica",
        ),
        (
            lambda owners: (
                KEYS
                | {
                    "Replicas": [{"Region": EAST}, {"Region": SOUTH}],
                    "ReadOnDemandThroughputSettings": {"MaxReadRequestUnits": 1},
                }
            ),
            "ReadOnDemandThroughputSettings can only be specified where there is one replica",
        ),
    ],
)
def test_what_a_template_may_not_say(owners, properties, text):
    kind = GlobalTable()
    with pytest.raises(InvalidProperty, match=text):
        kind.coerced(properties(owners))


async def test_what_is_there_reads_as_the_template(cloud, clients, owners, stacks):
    for region, properties in ((EAST, source(owners)), (WEST, KEYS | joining(owners))):

        async def invoke(service, operation, request, *, region=region):
            return await getattr(cloud.as_(root(owners[region]), service, region=region), operation)(**request)

        context = ResourceContext(owners[region], region, "aws", "", "", "", "", cloud.clock, invoke)
        (replica,) = properties["Replicas"]
        del replica["ResourcePolicy"]
        found = await GlobalTable().read(context, "orders")
        found["Replicas"][0].pop("Tags")  # of another stack than this context's
        replica["DeletionProtectionEnabled"] = False
        assert found == {key: value for key, value in properties.items() if key != "GlobalTableSourceArn"}
