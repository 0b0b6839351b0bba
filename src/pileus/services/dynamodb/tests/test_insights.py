"""Contributor insights: nothing has any, and what says so is answered."""

import pytest

from pileus.kernel.errors import NotImplementedByUs
from pileus.services.dynamodb.tests.conftest import index, schema
from pileus.services.dynamodb.tests.test_tables import refused

OFF = {"TableName": "tbl", "ContributorInsightsStatus": "DISABLED"}
NOT_FOUND = "ResourceNotFoundException"


@pytest.fixture
async def table(make):
    return await make(
        types={"x": "S"},
        GlobalSecondaryIndexes=[index("gsi", "x")],
        LocalSecondaryIndexes=[index("lsi", "p", "x")],
    )


async def test_a_table_and_a_global_index_have_none(cloud, table):
    for name in ("tbl", table.arn):
        assert await cloud.dynamodb.DescribeContributorInsights(TableName=name) == OFF
        described = await cloud.dynamodb.DescribeContributorInsights(TableName=name, IndexName="gsi")
        assert described == OFF | {"IndexName": "gsi"}


async def test_none_are_listed(cloud, table):
    nothing = {"ContributorInsightsSummaries": []}
    assert await cloud.dynamodb.ListContributorInsights() == nothing
    assert await cloud.dynamodb.ListContributorInsights(TableName="tbl", MaxResults=1) == nothing


async def test_disabling_them_changes_nothing_and_enabling_them_is_refused_by_name(cloud, table):
    disable = {"ContributorInsightsAction": "DISABLE"}
    assert await table.UpdateContributorInsights(**disable) == OFF
    assert await table.UpdateContributorInsights(IndexName="gsi", **disable) == OFF | {"IndexName": "gsi"}
    with pytest.raises(NotImplementedByUs, match="UpdateContributorInsights with ContributorInsightsAction ENABLE"):
        await table.UpdateContributorInsights(ContributorInsightsAction="ENABLE")


@pytest.mark.parametrize("name", ["lsi", "nope"])
async def test_other_indexes_are_not_found(table, name):
    why = f"^{NOT_FOUND}: Requested resource not found: Index: {name} not found for table: tbl$"
    await refused(table.DescribeContributorInsights(IndexName=name), why, NOT_FOUND)
    await refused(table.UpdateContributorInsights(IndexName=name, ContributorInsightsAction="DISABLE"), why, NOT_FOUND)


async def test_a_table_is_not_found_before_it_is_there(cloud):
    why = "Requested resource not found: Table: new not found$"
    for _ in ("not there", "CREATING"):
        await refused(cloud.dynamodb.DescribeContributorInsights(TableName="new"), why, NOT_FOUND)
        await refused(cloud.dynamodb.ListContributorInsights(TableName="new"), why, NOT_FOUND)
        if "new" not in (await cloud.dynamodb.ListTables())["TableNames"]:
            await cloud.dynamodb.CreateTable(TableName="new", BillingMode="PAY_PER_REQUEST", **schema("p"))


async def test_tables_of_other_regions_are_refused(cloud, table):
    arn = table.arn.replace("us-east-1", "eu-west-1")
    why = f"^ValidationException: 1 validation error detected: Invalid AWS region in '{arn}'$"
    await refused(cloud.dynamodb.DescribeContributorInsights(TableName=arn), why)
    await refused(cloud.dynamodb.ListContributorInsights(TableName=arn), why)
