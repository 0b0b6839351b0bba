"""Tags, resource policies, and who may do what."""

import json

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AccessDenied, ValidationException
from pileus.protocol import models
from pileus.services.dynamodb import SERVICE, tagging
from pileus.services.dynamodb.tests.conftest import index, item, schema
from pileus.services.dynamodb.tests.test_tables import refused

OTHER = "111122223333"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(resource: str, *actions: str, who: str = OTHER, **more) -> dict:
    return {"Effect": "Allow", "Principal": {"AWS": who}, "Action": list(actions), "Resource": resource, **more}


# Tags


async def test_tags_are_set_replaced_and_removed(cloud, make):
    table = await make(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    dynamodb = cloud.dynamodb
    await dynamodb.TagResource(ResourceArn=table.arn, Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": ""}])
    await dynamodb.UntagResource(ResourceArn=table.arn, TagKeys=["a", "nope"])
    listed = await dynamodb.ListTagsOfResource(ResourceArn=table.arn)
    assert listed == {"Tags": [{"Key": "b", "Value": "3"}, {"Key": "c", "Value": ""}]}


async def test_what_tags_refuse(cloud, table):
    dynamodb = cloud.dynamodb
    await refused(dynamodb.TagResource(ResourceArn=table.arn, Tags=[]), "Tag needs to be provided")
    fifty = [{"Key": str(n), "Value": ""} for n in range(50)]
    await dynamodb.TagResource(ResourceArn=table.arn, Tags=fifty)
    too_many = "^ValidationException: Number of Tags exceed the current limit for the provided ResourceArn$"
    await refused(dynamodb.TagResource(ResourceArn=table.arn, Tags=[{"Key": "x", "Value": ""}]), too_many)
    keys = [str(n) for n in range(51)]
    await refused(dynamodb.UntagResource(ResourceArn=table.arn, TagKeys=keys), too_many)
    await refused(dynamodb.TagResource(ResourceArn="tbl", Tags=fifty), "ARNs must start with 'arn:'")
    await refused(dynamodb.ListTagsOfResource(ResourceArn=f"{table.arn}/index/gsi"), "only table or stream is accepted")
    await refused(dynamodb.ListTagsOfResource(ResourceArn=f"{table.arn}x"), "not found", "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ({"Key": "k" * 129, "Value": ""}, f"The Tag Key provided is invalid, Key: {'k' * 129}$"),
        ({"Key": "", "Value": ""}, "The Tag Key provided is invalid, Key: $"),
        ({"Value": ""}, "The Tag Key provided is invalid, Key: null$"),
        ({"Key": "k"}, "The Tag Value provided is invalid, Value: null$"),
        ({"Key": "k", "Value": "v" * 257}, "The Tag Value provided is invalid, Value: vvv"),
        ({"Key": "k", "Value": "100%"}, "The Tag Value provided is invalid, Value: 100%$"),
        ({"Key": "k*", "Value": ""}, r"The Tag Key provided is invalid, Key: k\*$"),
        ({"Key": "good", "Value": "again"}, "Duplicate Tag Keys provided as input: Duplicate Tag Key found good$"),
    ],
)
async def test_a_tag_that_is_none_is_refused_with_the_others(cloud, table, tag, message):
    tags = [{"Key": "good", "Value": "1"}, tag]
    await refused(cloud.dynamodb.TagResource(ResourceArn=table.arn, Tags=tags), message)
    assert (await cloud.dynamodb.ListTagsOfResource(ResourceArn=table.arn))["Tags"] == []
    request = schema("p") | {"BillingMode": "PAY_PER_REQUEST"}
    await refused(cloud.dynamodb.CreateTable(TableName="other", Tags=tags, **request), message)
    for key in ("", "k" * 129):
        untag = cloud.dynamodb.UntagResource(ResourceArn=table.arn, TagKeys=[key])
        await refused(untag, f"The Tag Key provided is invalid, Key: {key}$")


def test_tags_of_aws_are_set_from_inside_only():
    tags = [{"Key": "aws:x", "Value": ""}]
    assert tagging.given(tags, own=True) == {"aws:x": ""}
    with pytest.raises(
        ValidationException, match=r"^ValidationException: Tag Key cannot be prefixed with aws:, Key: aws:x$"
    ):
        tagging.given(tags, own=False)


# Resource policies


async def test_a_policy_has_a_revision_that_changes_with_its_document(cloud, table):
    dynamodb, arn = cloud.dynamodb, table.arn
    await refused(dynamodb.GetResourcePolicy(ResourceArn=arn), "policy not found", "PolicyNotFoundException")
    one, other = policy(allow(arn, "dynamodb:GetItem")), policy(allow(arn, "dynamodb:Query"))
    first = (await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=one))["RevisionId"]
    assert (await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=one))["RevisionId"] == first
    second = (await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=other))["RevisionId"]
    assert second != first
    assert await dynamodb.GetResourcePolicy(ResourceArn=arn) == {"Policy": other, "RevisionId": second}
    for expected in (first, "NO_POLICY"):
        await refused(
            dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=one, ExpectedRevisionId=expected),
            "expected revision",
            "PolicyNotFoundException",
        )
    assert await dynamodb.DeleteResourcePolicy(ResourceArn=arn, ExpectedRevisionId=second) == {"RevisionId": second}
    assert await dynamodb.DeleteResourcePolicy(ResourceArn=arn) == {}
    await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=one, ExpectedRevisionId="NO_POLICY")


async def test_a_policy_that_locks_its_writer_out_must_be_confirmed(cloud, table):
    deny = {"Effect": "Deny", "Principal": "*", "Action": "dynamodb:PutResourcePolicy", "Resource": table.arn}
    call = {"ResourceArn": table.arn, "Policy": policy(deny)}
    await refused(cloud.dynamodb.PutResourcePolicy(**call), "lock out the caller")
    await cloud.dynamodb.PutResourcePolicy(**call, ConfirmRemoveSelfResourceAccess=True)
    with pytest.raises(AccessDenied):
        await cloud.dynamodb.PutResourcePolicy(**call)


async def test_what_is_no_policy_is_refused(cloud, table):
    put = cloud.dynamodb.PutResourcePolicy
    statement = allow(table.arn, "dynamodb:GetItem")
    for document, why in (
        ("", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        ("null", "This text appears not to be a policy"),
        (policy(), "Could not parse the policy: Statement is empty!"),
        (policy({}), "Missing required field Effect"),
        (
            policy({key: value for key, value in statement.items() if key != "Resource"}),
            "Missing required field Resource",
        ),
        (policy(*[statement | {"Sid": "one"}] * 2), "The Statement Ids in the policy are not unique"),
    ):
        await refused(
            put(ResourceArn=table.arn, Policy=document),
            f"parameter values were invalid: Invalid policy document: {why}$",
        )
    nobody = allow(table.arn, "dynamodb:GetItem", who=f"arn:aws:iam::{cloud.account}:role/nobody")
    await refused(
        put(ResourceArn=table.arn, Policy=policy(nobody)), "values were invalid: Invalid principal in policy document.$"
    )
    long = policy(allow(table.arn, "dynamodb:GetItem")).ljust(20 * 1024 + 1)
    await refused(put(ResourceArn=table.arn, Policy=long), "Maximum policy size of 20480 bytes exceeded")
    await put(ResourceArn=table.arn, Policy=long[:-1])


@pytest.mark.parametrize(
    ("more", "is_bounded"),
    [
        ({}, False),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, True),
        ({"Condition": {"StringLike": {"aws:PrincipalOrgID": "o-*"}}}, False),
        ({"Condition": {"StringEqualsIfExists": {"aws:PrincipalAccount": OTHER}}}, False),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalAccount": OTHER}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.1/32"}}}, False),
        ({"Condition": {"Bool": {"aws:PrincipalIsAWSService": "true"}}}, True),
        ({"Condition": {"Bool": {"aws:PrincipalIsAWSService": "false"}}}, False),
    ],
)
async def test_a_policy_lets_nobody_in_whom_it_does_not_name(cloud, table, more, is_bounded):
    """Source: developer guide, "Blocking public access with resource-based policies in DynamoDB"."""
    for who in ("*", {"AWS": "*"}, {"AWS": [OTHER, "*"]}):
        document = policy(allow(table.arn, "dynamodb:GetItem", **more) | {"Principal": who})
        put = cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document)
        if is_bounded:
            await put
        else:
            await refused(put, "Resource-based policy grants unbounded access in one or more elements. Please revise")
    deny = allow(table.arn, "dynamodb:GetItem") | {"Effect": "Deny", "Principal": "*"}
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=policy(deny))


# Who may


def test_what_is_not_written_says_so_by_name():
    missing = [name for name in models.load("dynamodb").operation_names if SERVICE.operation(name) is None]
    assert set(SERVICE.authorize.RESOURCES).isdisjoint(missing)


async def test_a_tables_policy_lets_another_account_in_for_what_it_says(cloud, make):
    table = await make(types={"x": "S"}, GlobalSecondaryIndexes=[index("gsi", "x")])
    await table.put(p="a", c="c", x="x")
    stranger = cloud.as_(principal.root(OTHER), "dynamodb")
    with pytest.raises(AccessDenied, match="dynamodb:GetItem on resource: arn:aws:dynamodb:"):
        await stranger.GetItem(TableName=table.arn, Key=item(p="a", c="c"))
    document = policy(allow(table.arn, "dynamodb:GetItem"), allow(f"{table.arn}/index/gsi", "dynamodb:Scan"))
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document)
    assert (await stranger.GetItem(TableName=table.arn, Key=item(p="a", c="c")))["Item"] == item(p="a", c="c", x="x")
    assert (await stranger.Scan(TableName=table.arn, IndexName="gsi"))["Count"] == 1
    with pytest.raises(AccessDenied):
        await stranger.Scan(TableName=table.arn)
    with pytest.raises(AccessDenied):
        await stranger.PutItem(TableName=table.arn, Item=item(p="a", c="c"))


@pytest.mark.parametrize(
    ("condition", "request_", "is_allowed"),
    [
        ({"dynamodb:LeadingKeys": ["mine"]}, {"Key": item(p="mine", c="c")}, True),
        ({"dynamodb:LeadingKeys": ["mine"]}, {"Key": item(p="yours", c="c")}, False),
        (
            {"dynamodb:Attributes": ["p", "c", "x"]},
            {"Key": item(p="mine", c="c"), "ProjectionExpression": "x"},
            True,
        ),
        (
            {"dynamodb:Attributes": ["p", "c", "x"]},
            {"Key": item(p="mine", c="c"), "ProjectionExpression": "x, #y.z", "ExpressionAttributeNames": {"#y": "y"}},
            False,
        ),
        (
            {"dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]},
            {"Key": item(p="mine", c="c"), "ProjectionExpression": "x"},
            True,
        ),
        ({"dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]}, {"Key": item(p="mine", c="c")}, False),
        (
            {"dynamodb:ReturnConsumedCapacity": ["NONE"]},
            {"Key": item(p="mine", c="c"), "ReturnConsumedCapacity": "TOTAL"},
            False,
        ),
    ],
)
async def test_condition_keys_of_a_read(cloud, table, condition, request_, is_allowed):
    only = {"Condition": {"ForAllValues:StringEquals": condition}}
    document = policy(allow(table.arn, "dynamodb:GetItem", **only))
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document)
    stranger = cloud.as_(principal.root(OTHER), "dynamodb")
    call = stranger.GetItem(TableName=table.arn, **request_)
    if is_allowed:
        await call
    else:
        with pytest.raises(AccessDenied):
            await call


async def test_leading_keys_of_queries_batches_and_transactions(cloud, table):
    only = {"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}}
    document = policy(allow(table.arn, "dynamodb:*", **only))
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document)
    stranger = cloud.as_(principal.root(OTHER), "dynamodb")

    def calls(p: str) -> list:
        condition = {"KeyConditionExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": p}}}
        put = {"TableName": table.arn, "Item": item(p=p, c="c")}
        return [
            stranger.Query(TableName=table.arn, **condition),
            stranger.BatchGetItem(RequestItems={table.arn: {"Keys": [item(p="mine", c="a"), item(p=p, c="c")]}}),
            stranger.BatchWriteItem(RequestItems={table.arn: [{"PutRequest": {"Item": item(p=p, c="c")}}]}),
            stranger.TransactWriteItems(TransactItems=[{"Put": put}]),
            stranger.TransactGetItems(TransactItems=[{"Get": {"TableName": table.arn, "Key": item(p=p, c="c")}}]),
        ]

    for call in calls("mine"):
        await call
    for call in calls("yours"):
        with pytest.raises(AccessDenied):
            await call


async def test_a_transaction_takes_the_permissions_of_its_actions(cloud, table):
    enclosed = {"Condition": {"StringEquals": {"dynamodb:EnclosingOperation": "TransactWriteItems"}}}
    document = policy(allow(table.arn, "dynamodb:PutItem", **enclosed))
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document)
    stranger = cloud.as_(principal.root(OTHER), "dynamodb")
    with pytest.raises(AccessDenied):
        await stranger.PutItem(TableName=table.arn, Item=item(p="a", c="c"))
    put = {"Put": {"TableName": table.arn, "Item": item(p="a", c="c")}}
    await stranger.TransactWriteItems(TransactItems=[put])
    check = {"TableName": table.arn, "Key": item(p="b", c="c"), "ConditionExpression": "attribute_not_exists(p)"}
    with pytest.raises(AccessDenied, match="dynamodb:ConditionCheckItem"):
        await stranger.TransactWriteItems(TransactItems=[put, {"ConditionCheck": check}])


async def test_tags_of_a_table_are_condition_keys(cloud, make):
    table = await make(Tags=[{"Key": "team", "Value": "red"}])
    only = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}}
    await cloud.dynamodb.PutResourcePolicy(
        ResourceArn=table.arn, Policy=policy(allow(table.arn, "dynamodb:GetItem", **only))
    )
    stranger = cloud.as_(principal.root(OTHER), "dynamodb")
    await stranger.GetItem(TableName=table.arn, Key=item(p="a", c="c"))
    await cloud.dynamodb.UntagResource(ResourceArn=table.arn, TagKeys=["team"])
    with pytest.raises(AccessDenied):
        await stranger.GetItem(TableName=table.arn, Key=item(p="a", c="c"))


async def test_limits_and_endpoints(cloud):
    limits = await cloud.dynamodb.DescribeLimits()
    assert limits["TableMaxReadCapacityUnits"] == 40_000
    (endpoint,) = (await cloud.dynamodb.DescribeEndpoints())["Endpoints"]
    assert endpoint["Address"].startswith("localhost:")
