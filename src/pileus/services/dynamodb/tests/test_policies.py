"""Tags, resource policies, and who may do what."""

import json
import re

import pytest

from pileus.kernel import principal
from pileus.kernel.errors import AccessDenied, AwsError, ValidationException
from pileus.protocol import models
from pileus.services.dynamodb import SERVICE, tagging
from pileus.services.dynamodb.tests.conftest import index, item, schema
from pileus.services.dynamodb.tests.test_tables import refused

OTHER = "111122223333"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(resource: str, *actions: str, who: str = OTHER, **more) -> dict:
    return {"Effect": "Allow", "Principal": {"AWS": who}, "Action": list(actions), "Resource": resource, **more}


STREAM = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}


# Tags


async def test_tags_are_set_replaced_and_removed(cloud, make):
    table = await make(Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    dynamodb = cloud.dynamodb
    await dynamodb.TagResource(ResourceArn=table.arn, Tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": ""}])
    await dynamodb.UntagResource(ResourceArn=table.arn, TagKeys=["a", "nope"])
    listed = await dynamodb.ListTagsOfResource(ResourceArn=table.arn)
    assert listed == {"Tags": [{"Key": "b", "Value": "3"}, {"Key": "c", "Value": ""}]}


async def test_a_stream_has_tags_of_its_own(cloud, make):
    table = await make(Tags=[{"Key": "a", "Value": "table"}], StreamSpecification=STREAM)
    arn = (await table.DescribeTable())["Table"]["LatestStreamArn"]
    assert (await cloud.dynamodb.ListTagsOfResource(ResourceArn=arn))["Tags"] == []
    await cloud.dynamodb.TagResource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "stream"}, {"Key": "b", "Value": ""}])
    await cloud.dynamodb.UntagResource(ResourceArn=arn, TagKeys=["b"])
    assert (await cloud.dynamodb.ListTagsOfResource(ResourceArn=arn))["Tags"] == [{"Key": "a", "Value": "stream"}]
    assert (await cloud.dynamodb.ListTagsOfResource(ResourceArn=table.arn))["Tags"] == [{"Key": "a", "Value": "table"}]
    nowhere = f"{table.arn}/stream/2020-01-01T00:00:00.000"
    for refusal in (
        cloud.dynamodb.ListTagsOfResource(ResourceArn=nowhere),
        cloud.dynamodb.TagResource(ResourceArn=nowhere, Tags=[{"Key": "a", "Value": ""}]),
    ):
        await refused(refusal, "not found", "ResourceNotFoundException")


async def test_tags_of_a_stream_are_condition_keys(cloud, make, allowed):
    table = await make(Tags=[{"Key": "env", "Value": "prod"}], StreamSpecification=STREAM)
    arn = (await table.DescribeTable())["Table"]["LatestStreamArn"]
    only = {"StringEquals": {"aws:ResourceTag/env": "prod"}}
    await allowed(own("DescribeStream", resource=arn, **only))
    made = await cloud.iam.GetUser(UserName="ann")
    ann = cloud.as_(principal.user("000000000000", "ann", made["User"]["UserId"]), "dynamodbstreams")
    with pytest.raises(AccessDenied):
        await ann.DescribeStream(StreamArn=arn)  # the table's tags are not its own
    await cloud.dynamodb.TagResource(ResourceArn=arn, Tags=[{"Key": "env", "Value": "prod"}])
    await ann.DescribeStream(StreamArn=arn)


async def test_what_tags_refuse(cloud, table):
    dynamodb = cloud.dynamodb
    await refused(dynamodb.TagResource(ResourceArn=table.arn, Tags=[]), "Tag needs to be provided")
    fifty = [{"Key": str(n), "Value": ""} for n in range(50)]
    await dynamodb.TagResource(ResourceArn=table.arn, Tags=fifty)
    too_many = "^ValidationException: Number of Tags exceed the current limit for the provided ResourceArn$"
    await refused(dynamodb.TagResource(ResourceArn=table.arn, Tags=[{"Key": "x", "Value": ""}]), too_many)
    keys = [str(n) for n in range(51)]
    await refused(dynamodb.UntagResource(ResourceArn=table.arn, TagKeys=keys), too_many)
    await refused(dynamodb.ListTagsOfResource(ResourceArn=f"{table.arn}x"), "not found", "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("arn:aws:", "aws:"), "One or more parameter values were invalid: ARNs must start with 'arn:': {arn}"),
        (("us-east-1", "eu-west-1"), "Invalid TableArn: Invalid ResourceArn provided as input {arn}"),
        (("arn:aws:", "arn:aws-cn:"), "Invalid TableArn: Invalid ResourceArn provided as input {arn}"),
        (("/tbl", "/ab"), "Invalid TableArn: Invalid ResourceArn provided as input {arn}"),
        (
            ("/tbl", "/tbl/index/gsi"),
            "One or more parameter values were invalid: Invalid resource arn provided, only table or stream is accepted. "
            "Provided resource arn: {arn}",
        ),
        (
            ("/tbl", "/tbl/backup/0171"),
            "One or more parameter values were invalid: Provided Arn is not a DynamoDB resource arn: {arn}",
        ),
    ],
)
async def test_tags_are_of_tables_of_this_region(cloud, table, change, message):
    assert "us-east-1" in table.arn
    arn = table.arn.replace(*change)
    message = f"^ValidationException: {re.escape(message.format(arn=arn))}$"
    await refused(cloud.dynamodb.ListTagsOfResource(ResourceArn=arn), message)
    await refused(cloud.dynamodb.TagResource(ResourceArn=arn, Tags=[{"Key": "k", "Value": ""}]), message)
    await refused(cloud.dynamodb.UntagResource(ResourceArn=arn, TagKeys=["k"]), message)


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
    kept = (await dynamodb.GetResourcePolicy(ResourceArn=arn))["Policy"]
    assert (await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=kept))["RevisionId"] == second
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


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "Invalid policy document: This policy contains invalid Json"),
        ("", "Invalid policy document: This policy contains invalid Json"),
        ("[]", "Invalid policy document: This policy contains invalid Json"),
        ("null", "Invalid policy document: This text appears not to be a policy"),
        ("{}", "Invalid policy document: Syntax error at position (1,3)"),
        (policy(), "Invalid policy document: Could not parse the policy: Statement is empty!"),
        (policy({}), "Invalid policy document: Missing required field Effect"),
        (
            policy({"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "dynamodb:GetItem"}),
            "Invalid policy document: Missing required field Resource",
        ),
        (
            policy(*[allow("*", "dynamodb:GetItem", Sid="same")] * 2),
            "Invalid policy document: The Statement Ids in the policy are not unique",
        ),
        (
            policy(allow("*", "dynamodb:GetRecords", "dynamodb:GetItem", "dynamodb:ExecuteStatement")),
            "Invalid policy document: The following action names are invalid: "
            '"dynamodb:GetRecords", "dynamodb:ExecuteStatement"',
        ),
        (
            policy(allow("arn:aws:dynamodb:us-east-1:000000000000:table/tbl/stream/x", "dynamodb:GetItem")),
            'Invalid policy document: The relative-id "table/tbl/stream/x" is invalid for ARN '
            '"arn:aws:dynamodb:us-east-1:000000000000:table/tbl/stream/x"',
        ),
        (
            policy(allow("*", "dynamodb:GetItem", who="arn:aws:iam::000000000000:role/none")),
            "Invalid principal in policy document.",
        ),
    ],
)
async def test_what_is_no_policy_is_refused(cloud, table, document, reason):
    with pytest.raises(AwsError) as refusal:
        await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document)
    assert refusal.value.message == f"One or more parameter values were invalid: {reason}"
    assert refusal.value.code == "ValidationException"


async def test_the_size_of_a_policy(cloud, table):
    put = cloud.dynamodb.PutResourcePolicy
    long = policy(allow(table.arn, "dynamodb:GetItem")).ljust(20 * 1024 + 1)
    await refused(put(ResourceArn=table.arn, Policy=long), "were invalid: Maximum policy size of 20480 bytes exceeded")
    await put(ResourceArn=table.arn, Policy=long[:-1])


def trusted(operator: str, key: str, value: str) -> dict:
    return allow("*", "dynamodb:GetItem", who="*", Condition={operator: {key: value}})


@pytest.mark.parametrize(
    "statement",
    [
        allow("*", "dynamodb:GetItem", who="*"),
        allow("*", "dynamodb:GetItem") | {"Principal": "*"},
        trusted("StringEquals", "aws:PrincipalTag/team", "red"),
        trusted("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:user/ann"),
        trusted("StringEqualsIfExists", "aws:PrincipalAccount", OTHER),
        trusted("StringNotEquals", "aws:PrincipalAccount", OTHER),
        trusted("Bool", "aws:PrincipalIsAWSService", "false"),
    ],
)
async def test_a_policy_for_everybody_is_refused(cloud, table, statement):
    bounded = "grants unbounded access in one or more elements. Please revise the policy to ensure least-privilege form"
    document = policy(allow("*", "dynamodb:Query"), statement)
    await refused(cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document), bounded)


@pytest.mark.parametrize(
    "statement",
    [
        trusted("StringEquals", "aws:PrincipalArn", "arn:aws:iam::123456789012:user/ann"),
        trusted("StringEquals", "aws:SourceVpc", "vpc-91237329"),
        trusted("Bool", "aws:PrincipalIsAWSService", "true"),
        allow("*", "dynamodb:GetItem") | {"Principal": "*", "Effect": "Deny"},
    ],
)
async def test_a_condition_on_who_it_is_bounds_a_policy_for_everybody(cloud, table, statement):
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=policy(statement))


async def test_a_policy_is_kept_in_one_form(cloud, table):
    dynamodb, arn = cloud.dynamodb, table.arn
    written = {
        "Statement": {
            "Resource": [arn],
            "Condition": {"StringEquals": {"aws:PrincipalAccount": [OTHER]}},
            "Action": ["dynamodb:getitem"],
            "Principal": {"AWS": [OTHER, f"arn:aws:iam::{OTHER}:root"]},
            "Effect": "allow",
            "Sid": "a",
        },
        "Version": "2012-10-17",
    }
    kept = (
        '{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow",'
        f'"Principal":{{"AWS":"arn:aws:iam::{OTHER}:root"}},"Action":"dynamodb:getitem","Resource":"{arn}",'
        f'"Condition":{{"StringEquals":{{"aws:PrincipalAccount":"{OTHER}"}}}}}}]}}'
    )
    first = await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=json.dumps(written, indent=2))
    assert await dynamodb.GetResourcePolicy(ResourceArn=arn) == {"Policy": kept, **first}
    cloud.clock.advance(ms=1)
    assert await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=kept) == first


async def test_a_policy_without_a_version_is_another_than_what_is_read_of_it(cloud, table):
    dynamodb, arn = cloud.dynamodb, table.arn
    document = json.dumps({"Statement": [allow(arn, "dynamodb:GetItem")]})
    first = await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=document)
    read = (await dynamodb.GetResourcePolicy(ResourceArn=arn))["Policy"]
    assert read.startswith('{"Version":"2008-10-17","Statement":[')
    assert await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=document) == first
    assert await dynamodb.PutResourcePolicy(ResourceArn=arn, Policy=read) != first


async def test_what_a_policy_hangs_on(cloud, make):
    spec = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    table = await make(StreamSpecification=spec)
    get, arn = cloud.dynamodb.GetResourcePolicy, table.arn
    prefix = "One or more parameter values were invalid: "
    gone = "ResourceNotFoundException"
    for wrong, said, code in (
        ("tbl-of-a-name-that-is-long-enough-here", f"{prefix}ARNs must start with 'arn:': tbl-", "ValidationException"),
        (f"{arn}x", "Requested resource not found: Table: tblx not found", gone),
        (f"{arn}/stream/x", "Requested resource not found: Stream: x not found for Table: tbl", gone),
        (
            f"{arn}/index/x",
            f"{prefix}Invalid resource arn provided, only table or stream is acc",
            "ValidationException",
        ),
        (
            f"{arn}/backup/x",
            f"{prefix}Provided Arn is not a DynamoDB resource arn: {arn}/backup/x",
            "ValidationException",
        ),
        (arn.replace("east", "west"), f"{prefix}Invalid resource Arn: ", "ValidationException"),
        (arn.replace("aws", "aws-cn", 1), f"{prefix}Invalid resource Arn: ", "ValidationException"),
        (
            arn.replace("000000000000", OTHER),
            "This action is only supported by accounts that match the",
            "ValidationException",
        ),
    ):
        await refused(get(ResourceArn=wrong), said, code)


async def test_a_streams_policy_has_the_streams_actions(cloud, make):
    table = await make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    stream = (await table.DescribeTable())["Table"]["LatestStreamArn"]
    put = cloud.dynamodb.PutResourcePolicy
    await put(ResourceArn=stream, Policy=policy(allow(stream, "dynamodb:GetRecords", "dynamodb:DescribeStream")))
    listed = policy(allow(stream, "dynamodb:ListStreams"))
    await refused(put(ResourceArn=stream, Policy=listed), 'action names are invalid: "dynamodb:ListStreams"')
    of_table = policy(allow(table.arn, "dynamodb:GetRecords"))
    await refused(put(ResourceArn=stream, Policy=of_table), 'The relative-id "table/tbl" is invalid for ARN ')


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


# The condition keys one by one, as a user's own policy sees them


@pytest.fixture
async def allowed(cloud):
    """allowed(statement, …): DynamoDB as a user with this policy sees it."""
    made = await cloud.iam.CreateUser(UserName="ann")

    async def as_ann(*statements: dict):
        await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="own", PolicyDocument=policy(*statements))
        return cloud.as_(principal.user("000000000000", "ann", made["User"]["UserId"]), "dynamodb")

    return as_ann


def own(*actions: str, resource: str = "*", **condition) -> dict:
    return {"Effect": "Allow", "Action": [f"dynamodb:{one}" for one in actions], "Resource": resource} | (
        {"Condition": condition} if condition else {}
    )


async def test_writes_always_have_return_values(cloud, table, allowed):
    ann = await allowed(own("UpdateItem", "PutItem", "DeleteItem", StringEquals={"dynamodb:ReturnValues": "NONE"}))
    key = {"TableName": table.name, "Key": item(p="a", c="c")}
    put = {"TableName": table.name, "Item": item(p="a", c="c")}
    await ann.PutItem(**put)
    await ann.UpdateItem(**key)
    await ann.TransactWriteItems(TransactItems=[{"Put": put}])
    with pytest.raises(AccessDenied):
        await ann.UpdateItem(**key, ReturnValues="ALL_NEW")
    await ann.DeleteItem(**key, ReturnValues="NONE")


@pytest.mark.parametrize(
    "update",
    ["SET x = y", "SET x = y.z[0]", "SET x = if_not_exists(y, :v)", "SET x = x + y", "SET x = list_append(y, :v)"],
)
async def test_an_update_names_what_it_reads_too(cloud, table, allowed, update):
    ann = await allowed(own("UpdateItem", **{"ForAllValues:StringEquals": {"dynamodb:Attributes": ["p", "c", "x"]}}))
    await table.put(p="a", c="c", x=1, y=2)
    values = {"ExpressionAttributeValues": {":v": {"L": []}}} if ":v" in update else {}
    with pytest.raises(AccessDenied):
        await ann.UpdateItem(TableName=table.name, Key=item(p="a", c="c"), UpdateExpression=update, **values)
    await ann.UpdateItem(TableName=table.name, Key=item(p="a", c="c"), UpdateExpression="SET x = x + x")


async def test_what_a_transaction_reads_is_selected(cloud, table, allowed):
    ann = await allowed(
        own(
            "GetItem",
            **{"ForAllValues:StringEquals": {"dynamodb:Attributes": ["p", "c", "x"]}},
            StringEqualsIfExists={"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
        )
    )
    get = {"TableName": table.name, "Key": item(p="a", c="c")}
    await ann.TransactGetItems(TransactItems=[{"Get": get | {"ProjectionExpression": "x"}}])
    with pytest.raises(AccessDenied):
        await ann.TransactGetItems(TransactItems=[{"Get": get}])


@pytest.mark.parametrize("wanted", [None, "NONE", "TOTAL"])
async def test_the_consumed_capacity_of_batches_and_transactions(cloud, table, allowed, wanted):
    ann = await allowed(own("*", StringEquals={"dynamodb:ReturnConsumedCapacity": "NONE"}))
    key, name = item(p="a", c="c"), table.name
    more = {} if wanted is None else {"ReturnConsumedCapacity": wanted}
    calls = [
        ann.GetItem(TableName=name, Key=key, **more),
        ann.BatchGetItem(RequestItems={name: {"Keys": [key]}}, **more),
        ann.BatchWriteItem(RequestItems={name: [{"PutRequest": {"Item": key}}]}, **more),
        ann.TransactGetItems(TransactItems=[{"Get": {"TableName": name, "Key": key}}], **more),
        ann.TransactWriteItems(TransactItems=[{"Put": {"TableName": name, "Item": key}}], **more),
    ]
    for call in calls:
        if wanted == "TOTAL":
            with pytest.raises(AccessDenied):
                await call
        else:
            await call


async def test_a_scan_has_neither_leading_keys_nor_full_table_scan(cloud, table, allowed):
    ann = await allowed(own("Scan", Null={"dynamodb:LeadingKeys": "true", "dynamodb:FullTableScan": "true"}))
    await ann.Scan(TableName=table.name)


async def test_each_attribute_of_a_partition_key_has_its_condition_key(cloud, make, allowed):
    table = await make(
        types={"x": "S", "y": "N"},
        GlobalSecondaryIndexes=[
            index("gsi", "x")
            | {"KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}, {"AttributeName": "y", "KeyType": "HASH"}]}
        ],
    )
    both = {"dynamodb:FirstPartitionKeyValues": "a", "dynamodb:SecondPartitionKeyValues": "1"}
    third = await allowed(own("Query", Null={"dynamodb:ThirdPartitionKeyValues": "true"}))

    def query(x: str, y: str) -> dict:
        values = {":x": {"S": x}, ":y": {"N": y}}
        condition = {"KeyConditionExpression": "x = :x AND y = :y", "ExpressionAttributeValues": values}
        return {"TableName": table.name, "IndexName": "gsi"} | condition

    await third.Query(**query("z", "9"))
    ann = await allowed(own("Query", "PartiQLSelect", **{"ForAllValues:StringEquals": both}))
    select = "SELECT * FROM tbl.gsi WHERE x = 'a' AND y = "
    await ann.Query(**query("a", "1"))
    await ann.ExecuteStatement(Statement=f"{select}1")
    for x, y in (("b", "1"), ("a", "2")):
        with pytest.raises(AccessDenied):
            await ann.Query(**query(x, y))
    with pytest.raises(AccessDenied):
        await ann.ExecuteStatement(Statement=f"{select}2")


async def test_a_number_is_one_leading_key_however_it_is_written(cloud, make, allowed):
    await make("p:N", called="numbers")
    deny = own("*", **{"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": "1"}}) | {"Effect": "Deny"}
    ann = await allowed(own("*"), deny)
    await ann.GetItem(TableName="numbers", Key={"p": {"N": "10"}})
    for text in ("1", "1.0", "01", "1e0", "+1"):
        with pytest.raises(AccessDenied, match="explicit deny"):
            await ann.GetItem(TableName="numbers", Key={"p": {"N": text}})


async def test_lists_of_exports_and_imports_are_of_a_table_where_one_is_named(cloud, table, allowed):
    ann = await allowed(own("ListExports", "ListImports", resource=table.arn))
    for name in ("ListExports", "ListImports"):
        await getattr(ann, name)(TableArn=table.arn)
        with pytest.raises(AccessDenied):
            await getattr(ann, name)()


async def test_restoring_a_moment_takes_its_own_permission_on_the_source_alone(cloud, table, allowed):
    await table.UpdateContinuousBackups(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    target = table.arn.replace("/tbl", "/restored")
    filling = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
    asked = {"SourceTableName": "tbl", "TargetTableName": "restored", "UseLatestRestorableTime": True}
    cloud.clock.advance(ms=600_000)
    ann = await allowed(own("RestoreTableToPointInTime", resource=target), own(*filling, resource=target))
    with pytest.raises(AccessDenied, match=f"RestoreTableToPointInTime on resource: {table.arn} "):
        await ann.RestoreTableToPointInTime(**asked)
    ann = await allowed(own("RestoreTableToPointInTime", resource=table.arn), own(*filling, resource=target))
    await ann.RestoreTableToPointInTime(**asked)


# Other accounts


async def test_some_operations_are_the_owners_alone_whatever_the_policy_says(cloud, table):
    document = policy(allow("*", "dynamodb:*"))
    await cloud.dynamodb.PutResourcePolicy(ResourceArn=table.arn, Policy=document)
    backup = (await table.CreateBackup(BackupName="one"))["BackupDetails"]["BackupArn"]
    stranger = cloud.as_(principal.root(OTHER), "dynamodb")
    await stranger.DescribeTable(TableName=table.arn)
    await stranger.ListTagsOfResource(ResourceArn=table.arn)
    for call in (
        stranger.DescribeTimeToLive(TableName=table.arn),
        stranger.DescribeContinuousBackups(TableName=table.arn),
        stranger.CreateBackup(TableName=table.arn, BackupName="two"),
        stranger.DescribeBackup(BackupArn=backup),
        stranger.ExecuteStatement(Statement=f'SELECT * FROM "{table.arn}"'),
        stranger.CreateTable(
            TableName=table.arn.replace("/tbl", "/new"),
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        ),
    ):
        with pytest.raises(AccessDenied, match="no resource-based policy allows"):
            await call
