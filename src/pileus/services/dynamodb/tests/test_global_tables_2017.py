"""Global tables of 2017, of which there are none: not even those that are replicated now."""

import pytest

from pileus.kernel.errors import AwsError

NOT_MADE = (
    "One or more parameter values were invalid: DynamoDB global tables version 2017.11.29 is not supported. We recommend "
    "using DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy)."
)
NOT_THERE = "Global table with name: 'tbl' does not exist."
REGION = {"RegionName": "us-east-1"}


@pytest.mark.parametrize(
    ("operation", "asked", "code", "text"),
    [
        ("CreateGlobalTable", {"ReplicationGroup": [REGION]}, "ValidationException", NOT_MADE),
        ("DescribeGlobalTable", {}, "GlobalTableNotFoundException", f"Global table not found: {NOT_THERE}"),
        ("DescribeGlobalTableSettings", {}, "GlobalTableNotFoundException", NOT_THERE),
        (
            "UpdateGlobalTableSettings",
            {"GlobalTableBillingMode": "PAY_PER_REQUEST"},
            "GlobalTableNotFoundException",
            NOT_THERE,
        ),
        ("UpdateGlobalTable", {"ReplicaUpdates": [{"Create": REGION}]}, "ValidationException", NOT_MADE),
        ("UpdateGlobalTable", {"ReplicaUpdates": [{"Delete": REGION}]}, "GlobalTableNotFoundException", NOT_THERE),
        (
            "UpdateGlobalTable",
            {"ReplicaUpdates": []},
            "ValidationException",
            "One or more parameter values were invalid",
        ),
    ],
)
@pytest.mark.parametrize("is_replicated", [False, True])
async def test_none_is_made_or_found(cloud, make, operation, asked, code, text, is_replicated):
    table = await make()
    if is_replicated:
        await table.UpdateTable(ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
        await cloud.settle()
    with pytest.raises(AwsError) as refused:
        await getattr(cloud.dynamodb, operation)(GlobalTableName="tbl", **asked)
    assert (refused.value.code, refused.value.message) == (code, text)
    assert await cloud.dynamodb.ListGlobalTables(RegionName="us-east-1", Limit=1) == {"GlobalTables": []}
