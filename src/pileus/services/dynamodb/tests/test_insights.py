"""Contributor insights: on and off, their rules in CloudWatch, and what is counted under these."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pileus.kernel.principal import root, user
from pileus.services.dynamodb.tests.conftest import index, item, schema
from pileus.services.dynamodb.tests.test_tables import refused
from pileus.testing import Cloud

OFF = {"TableName": "tbl", "ContributorInsightsStatus": "DISABLED"}
NOT_FOUND = "ResourceNotFoundException"
ENABLE, DISABLE = {"ContributorInsightsAction": "ENABLE"}, {"ContributorInsightsAction": "DISABLE"}
ALL, THROTTLED = "ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"
MINUTE_MS = 60_000


@pytest.fixture
async def table(make):
    return await make(
        types={"x": "S"},
        GlobalSecondaryIndexes=[index("gsi", "x")],
        LocalSecondaryIndexes=[index("lsi", "p", "x")],
    )


def moment(cloud):
    return datetime.fromtimestamp(cloud.clock.now_ms() / 1000, UTC)


async def rules(cloud):
    return [rule["Name"] for rule in (await cloud.cloudwatch.DescribeInsightRules())["InsightRules"]]


async def report(cloud: Cloud, kind: str, resource: str = "tbl") -> dict:
    """Keys -> what a rule counted for them in the last hour, with the minute that runs."""
    (rule,) = [
        name for name in await rules(cloud) if name.startswith(f"DynamoDBContributorInsights-{kind}-{resource}-1")
    ]
    await cloud.advance(MINUTE_MS)
    now_s = cloud.clock.now_ms() // 1000
    answer = await cloud.cloudwatch.GetInsightRuleReport(
        RuleName=rule,
        StartTime=datetime.fromtimestamp(now_s - 3600, UTC),
        EndTime=datetime.fromtimestamp(now_s, UTC),
        Period=3600,
    )
    return {tuple(one["Keys"]): one["ApproximateAggregateValue"] for one in answer["Contributors"]}


async def test_what_was_never_enabled_is_disabled_and_not_listed(cloud, table):
    for name in ("tbl", table.arn):
        assert await cloud.dynamodb.DescribeContributorInsights(TableName=name) == OFF
        described = await cloud.dynamodb.DescribeContributorInsights(TableName=name, IndexName="gsi")
        assert described == OFF | {"IndexName": "gsi"}
    nothing = {"ContributorInsightsSummaries": []}
    assert await cloud.dynamodb.ListContributorInsights() == nothing
    assert await cloud.dynamodb.ListContributorInsights(TableName="tbl", MaxResults=1) == nothing
    assert await table.UpdateContributorInsights(**DISABLE) == OFF
    assert await table.UpdateContributorInsights(IndexName="gsi", **DISABLE) == OFF | {"IndexName": "gsi"}


async def test_enabling_makes_rules_for_the_partition_key_and_for_both_keys(cloud, table):
    enabling = OFF | {"ContributorInsightsStatus": "ENABLING", "ContributorInsightsMode": ALL}
    assert await table.UpdateContributorInsights(**ENABLE) == enabling
    at = moment(cloud)
    await cloud.settle()
    described = await table.DescribeContributorInsights()
    suffix = f"tbl-{cloud.clock.now_ms()}"
    expected = [f"DynamoDBContributorInsights-{kind}-{suffix}" for kind in ("PKC", "PKT", "SKC", "SKT")]
    assert sorted(described.pop("ContributorInsightsRuleList")) == expected
    assert described == enabling | {"ContributorInsightsStatus": "ENABLED", "LastUpdateDateTime": at}
    assert sorted(await rules(cloud)) == expected


async def test_an_index_without_sort_key_has_the_rules_of_its_partition_key(cloud, table):
    await table.UpdateContributorInsights(IndexName="gsi", **ENABLE)
    await cloud.settle()
    suffix = f"tbl-gsi-{cloud.clock.now_ms()}"
    expected = [f"DynamoDBContributorInsights-{kind}-{suffix}" for kind in ("PKC", "PKT")]
    assert sorted(await rules(cloud)) == expected
    assert await table.DescribeContributorInsights() == OFF


async def test_disabling_deletes_the_rules_and_keeps_the_time_and_the_mode(cloud, table):
    await table.UpdateContributorInsights(**ENABLE)
    await cloud.settle()
    disabling = OFF | {"ContributorInsightsStatus": "DISABLING", "ContributorInsightsMode": ALL}
    assert await table.UpdateContributorInsights(**DISABLE) == disabling
    await cloud.settle()
    described = await table.DescribeContributorInsights()
    assert described == OFF | {"ContributorInsightsMode": ALL, "LastUpdateDateTime": moment(cloud)}
    assert await rules(cloud) == []


async def test_what_is_so_already_is_no_change_and_another_mode_is_one_in_place(cloud, table):
    await table.UpdateContributorInsights(**ENABLE)
    await cloud.settle()
    before = await rules(cloud)
    await cloud.advance(5000)
    assert (await table.UpdateContributorInsights(**ENABLE))["ContributorInsightsStatus"] == "ENABLED"
    narrowed = await table.UpdateContributorInsights(**ENABLE, ContributorInsightsMode=THROTTLED)
    assert (narrowed["ContributorInsightsStatus"], narrowed["ContributorInsightsMode"]) == ("ENABLING", THROTTLED)
    await cloud.settle()
    throttled = [name for name in before if "-PKT-" in name or "-SKT-" in name]
    assert await rules(cloud) == throttled
    assert sorted((await table.DescribeContributorInsights())["ContributorInsightsRuleList"]) == throttled
    await table.UpdateContributorInsights(**ENABLE)  # without a mode it is the whole one again
    await cloud.settle()
    assert await rules(cloud) == before


async def test_they_are_listed_by_table_and_index_in_pages(cloud, make, table):
    other = await make(called="other")
    for of, named in ((table, {}), (table, {"IndexName": "gsi"}), (other, {})):
        await of.UpdateContributorInsights(**named, **ENABLE)
    await cloud.settle()
    found, more = [], {}
    while True:
        page = await cloud.dynamodb.ListContributorInsights(MaxResults=1, **more)
        assert len(page["ContributorInsightsSummaries"]) == 1
        found += page["ContributorInsightsSummaries"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert [(one["TableName"], one.get("IndexName")) for one in found] == [
        ("other", None),
        ("tbl", None),
        ("tbl", "gsi"),
    ]
    assert {(one["ContributorInsightsStatus"], one["ContributorInsightsMode"]) for one in found} == {("ENABLED", ALL)}
    only = (await cloud.dynamodb.ListContributorInsights(TableName="tbl"))["ContributorInsightsSummaries"]
    assert only == found[1:]
    await table.UpdateContributorInsights(**DISABLE)
    await cloud.settle()
    assert (await cloud.dynamodb.ListContributorInsights())["ContributorInsightsSummaries"] == [found[0], found[2]]
    why = "^ValidationException: Invalid Request: Provided nextToken is invalid: "
    await refused(cloud.dynamodb.ListContributorInsights(NextToken="ab" * 60), why)


async def test_without_room_for_its_rules_it_fails_and_leaves_none_behind(cloud, make):
    tables = [await make(called=f"tbl-{n}") for n in range(26)]
    for one in tables:
        await one.UpdateContributorInsights(**ENABLE)  # four rules each
    await cloud.settle()
    last = tables[25]
    described = await last.DescribeContributorInsights()
    assert described["ContributorInsightsStatus"] == "FAILED"
    assert described["FailureException"]["ExceptionName"] == "LimitExceededException"
    assert described["FailureException"]["ExceptionDescription"].startswith(
        "Amazon CloudWatch Contributor Insights rule limit reached."
    )
    assert "ContributorInsightsRuleList" not in described
    listed = (await last.ListContributorInsights())["ContributorInsightsSummaries"]
    assert [one["ContributorInsightsStatus"] for one in listed] == ["FAILED"]
    assert len(await all_rules(cloud)) == 100
    await tables[0].UpdateContributorInsights(**DISABLE)
    await last.UpdateContributorInsights(**ENABLE)
    await cloud.settle()
    assert (await last.DescribeContributorInsights())["ContributorInsightsStatus"] == "ENABLED"
    assert len(await all_rules(cloud)) == 100


async def all_rules(cloud):
    found, more = [], {}
    while True:
        page = await cloud.cloudwatch.DescribeInsightRules(**more)
        found += page["InsightRules"]
        if "NextToken" not in page:
            return found
        more = {"NextToken": page["NextToken"]}


async def test_rules_go_with_their_index_and_their_table(cloud, table):
    await table.UpdateContributorInsights(**ENABLE)
    await table.UpdateContributorInsights(IndexName="gsi", **ENABLE)
    await cloud.settle()
    assert len(await rules(cloud)) == 6
    await table.UpdateTable(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "gsi"}}])
    await cloud.settle()
    assert len(await rules(cloud)) == 4
    await table.DeleteTable()
    await cloud.settle()
    assert await rules(cloud) == []
    await cloud.dynamodb.CreateTable(TableName="tbl", BillingMode="PAY_PER_REQUEST", **schema("p"))
    await cloud.settle()
    assert await table.DescribeContributorInsights() == OFF


async def test_reads_and_writes_count_by_what_they_consume_three_times_for_writes(cloud, table):
    await table.UpdateContributorInsights(**ENABLE)
    await cloud.settle()
    await table.put(p="a", c="1")
    await table.put(p="a", c="2")
    await table.put(p="b", c="1")
    for _ in range(4):
        await table.GetItem(Key=item(p="a", c="1"), ConsistentRead=True)
    # A query counts once, for its partition.
    where = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "b"}}}
    await table.Query(**where, ConsistentRead=True)
    await cloud.dynamodb.BatchGetItem(RequestItems={"tbl": {"Keys": [item(p="b", c="1"), item(p="c", c="1")]}})
    await cloud.dynamodb.TransactWriteItems(TransactItems=[{"Delete": {"TableName": "tbl", "Key": item(p="b", c="1")}}])
    await cloud.dynamodb.ExecuteStatement(Statement="SELECT * FROM tbl WHERE p = 'a'")  # PartiQL does not
    assert await report(cloud, "PKC") == {("a",): 3 + 3 + 4.0, ("b",): 3 + 1 + 0.5 + 6.0, ("c",): 0.5}
    assert await report(cloud, "SKC") == {("a", "1"): 7.0, ("a", "2"): 3.0, ("b", "1"): 9.5, ("c", "1"): 0.5}
    assert await report(cloud, "PKT") == {}


async def test_a_scan_counts_each_item_that_it_looks_at(cloud, table):
    for p in "ab":
        await table.put(p=p, c="1")
    await table.UpdateContributorInsights(**ENABLE)
    await cloud.settle()
    consumed = await table.Scan(
        FilterExpression="p = :p", ExpressionAttributeValues={":p": {"S": "a"}}, ReturnConsumedCapacity="TOTAL"
    )
    half = consumed["ConsumedCapacity"]["CapacityUnits"] / 2
    assert await report(cloud, "PKC") == {("a",): half, ("b",): half}


async def test_an_index_counts_its_own_keys_where_it_is_written_and_read(cloud, table):
    await table.UpdateContributorInsights(IndexName="gsi", **ENABLE)
    await cloud.settle()
    await table.put(p="a", c="1", x="red")
    await table.put(p="a", c="2")  # in no index
    where = {"KeyConditionExpression": "x = :x", "ExpressionAttributeValues": {":x": {"S": "red"}}}
    await table.Query(IndexName="gsi", **where)
    await table.Query(IndexName="lsi", KeyConditionExpression="p = :p", ExpressionAttributeValues={":p": {"S": "a"}})
    await table.Scan(IndexName="gsi", ReturnConsumedCapacity="TOTAL")
    found = await report(cloud, "PKC", "tbl-gsi")
    assert found.keys() == {("red",)}
    assert found["red",] == 3 + 0.5 + 2.0


async def test_throttled_keys_alone_count_refusals_alone(cloud, make):
    cloud.pileus.settings = replace(cloud.pileus.settings, is_dynamodb_throttle=True)
    table = await make(ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
    await table.UpdateContributorInsights(**ENABLE, ContributorInsightsMode=THROTTLED)
    await cloud.settle()
    for _ in range(300):
        await table.put(p="a", c="1")
    for _ in range(2):
        with pytest.raises(Exception, match="ProvisionedThroughputExceededException"):
            await table.put(p="a", c="1")
    where = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "b"}}}
    for _ in range(600):
        await table.Query(**where)
    with pytest.raises(Exception, match="ProvisionedThroughputExceededException"):
        await table.Query(**where)
    found = await report(cloud, "PKT")
    assert found == {("a",): 2.0, ("b",): 1.0}


async def test_replicas_count_by_themselves_what_is_brought_to_them_too(cloud, make):
    table = await make()
    await table.UpdateTable(ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    await cloud.settle()
    there = cloud.as_(root(cloud.account), "dynamodb", region="eu-west-1")
    await there.UpdateContributorInsights(TableName="tbl", **ENABLE)
    await cloud.settle()
    assert await rules(cloud) == []
    await table.put(p="a", c="1")
    await cloud.advance(MINUTE_MS)
    cloudwatch = cloud.as_(root(cloud.account), "cloudwatch", region="eu-west-1")
    names = [rule["Name"] for rule in (await cloudwatch.DescribeInsightRules())["InsightRules"]]
    now_s = cloud.clock.now_ms() // 1000
    answer = await cloudwatch.GetInsightRuleReport(
        RuleName=names[0],
        StartTime=datetime.fromtimestamp(now_s - 600, UTC),
        EndTime=datetime.fromtimestamp(now_s, UTC),
        Period=60,
    )
    assert [(one["Keys"], one["ApproximateAggregateValue"]) for one in answer["Contributors"]] == [(["a"], 3.0)]


@pytest.mark.parametrize("name", ["lsi", "nope"])
async def test_other_indexes_are_not_found(table, name):
    why = f"^{NOT_FOUND}: Requested resource not found: Index: {name} not found for table: tbl$"
    await refused(table.DescribeContributorInsights(IndexName=name), why, NOT_FOUND)
    for action in (ENABLE, DISABLE):
        await refused(table.UpdateContributorInsights(IndexName=name, **action), why, NOT_FOUND)


async def test_a_table_is_not_found_before_it_is_there(cloud):
    why = "Requested resource not found: Table: new not found$"
    for _ in ("not there", "CREATING"):
        await refused(cloud.dynamodb.DescribeContributorInsights(TableName="new"), why, NOT_FOUND)
        await refused(cloud.dynamodb.ListContributorInsights(TableName="new"), why, NOT_FOUND)
        await refused(cloud.dynamodb.UpdateContributorInsights(TableName="new", **ENABLE), why, NOT_FOUND)
        if "new" not in (await cloud.dynamodb.ListTables())["TableNames"]:
            await cloud.dynamodb.CreateTable(TableName="new", BillingMode="PAY_PER_REQUEST", **schema("p"))


async def test_what_is_being_deleted_or_is_not_yet_active_is_not_enabled(cloud, table):
    created = {"Create": index("new", "y")}
    await table.UpdateTable(
        AttributeDefinitions=[{"AttributeName": "y", "AttributeType": "S"}], GlobalSecondaryIndexUpdates=[created]
    )
    why = "Table or Index is not in a valid state to update Key Access Insights: {} must be ACTIVE to enable Contr"
    await refused(table.UpdateContributorInsights(IndexName="new", **ENABLE), why.format("IndexStatus"))
    await cloud.settle()
    await table.DeleteTable()
    await refused(table.UpdateContributorInsights(**ENABLE), why.format("TableStatus"))


async def test_tables_of_other_regions_are_refused(cloud, table):
    arn = table.arn.replace("us-east-1", "eu-west-1")
    why = f"^ValidationException: 1 validation error detected: Invalid AWS region in '{arn}'$"
    await refused(cloud.dynamodb.DescribeContributorInsights(TableName=arn), why)
    await refused(cloud.dynamodb.ListContributorInsights(TableName=arn), why)


async def test_the_first_one_needs_the_permission_to_make_the_role(cloud, table):
    await cloud.visit_as("ann", "dynamodb:*")
    (ann,) = (await cloud.iam.ListUsers())["Users"]
    as_ann = cloud.as_(user(cloud.account, "ann", ann["UserId"]), "dynamodb")
    await refused(
        as_ann.UpdateContributorInsights(TableName="tbl", **ENABLE), "iam:CreateServiceLinkedRole", "AccessDenied"
    )
    assert await table.DescribeContributorInsights() == OFF
    await table.UpdateContributorInsights(**ENABLE)
    await as_ann.UpdateContributorInsights(TableName="tbl", **DISABLE)
    await as_ann.UpdateContributorInsights(TableName="tbl", **ENABLE)  # it is there
