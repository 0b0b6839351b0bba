"""The policy simulator decides as real calls are decided, and says by which statements."""

import json

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.services.iam.simulation import context_keys, statement_spans


def policy(*statements: dict, **more) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, **more)


def allow(action: str | list, resource: str = "*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


DENY_DELETE = {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"}
OBJECT = "arn:aws:s3:::bucket/key"


async def decisions(awaitable) -> list[str]:
    return [result["EvalDecision"] for result in (await awaitable)["EvaluationResults"]]


async def test_given_policies_decide(cloud):
    found = await decisions(
        cloud.iam.SimulateCustomPolicy(
            PolicyInputList=[policy(allow("s3:*", "arn:aws:s3:::bucket/*")), policy(DENY_DELETE)],
            ActionNames=["s3:GetObject", "s3:DeleteObject", "sqs:SendMessage"],
            ResourceArns=[OBJECT],
        )
    )
    assert found == ["allowed", "explicitDeny", "implicitDeny"]


async def test_the_statements_that_decided_are_told_with_their_place(cloud):
    document = policy(allow("sqs:*"), allow("s3:GetObject"), indent=2)
    result = await cloud.iam.SimulateCustomPolicy(
        PolicyInputList=[document, policy(allow("s3:Get*"))], ActionNames=["s3:GetObject"]
    )
    first, second = result["EvaluationResults"][0]["MatchedStatements"]
    assert (first["SourcePolicyId"], second["SourcePolicyId"]) == ("PolicyInputList.1", "PolicyInputList.2")
    lines = document.splitlines()
    assert lines[first["StartPosition"]["Line"] - 1][first["StartPosition"]["Column"] - 1] == "{"
    assert first["StartPosition"]["Line"] == 9
    assert lines[first["EndPosition"]["Line"] - 1][first["EndPosition"]["Column"] - 2] == "}"


async def test_a_users_policies_and_its_groups_and_boundary_decide(cloud):
    user = (await cloud.iam.CreateUser(UserName="ann"))["User"]
    await cloud.iam.CreateGroup(GroupName="g")
    await cloud.iam.PutGroupPolicy(GroupName="g", PolicyName="p", PolicyDocument=policy(allow("s3:GetObject")))
    request = {
        "PolicySourceArn": user["Arn"],
        "ActionNames": ["s3:GetObject", "s3:PutObject"],
        "ResourceArns": [OBJECT],
    }
    assert await decisions(cloud.iam.SimulatePrincipalPolicy(**request)) == ["implicitDeny", "implicitDeny"]
    await cloud.iam.AddUserToGroup(GroupName="g", UserName="ann")
    await cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    assert await decisions(cloud.iam.SimulatePrincipalPolicy(**request)) == ["allowed", "allowed"]
    read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    await cloud.iam.PutUserPermissionsBoundary(UserName="ann", PermissionsBoundary=read_only)
    results = (await cloud.iam.SimulatePrincipalPolicy(**request))["EvaluationResults"]
    assert [each["EvalDecision"] for each in results] == ["allowed", "implicitDeny"]
    assert [each["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for each in results] == [
        True,
        False,
    ]
    kinds = {each["SourcePolicyId"]: each["SourcePolicyType"] for each in results[0]["MatchedStatements"]}
    assert kinds == {"group_g_p": "group", "AmazonS3FullAccess": "aws-managed"}


async def test_context_is_what_the_caller_gives_and_the_principal_is(cloud):
    document = policy(
        allow(
            "s3:GetObject", "arn:aws:s3:::bucket/${aws:username}/*", Condition={"Bool": {"aws:SecureTransport": True}}
        )
    )
    user = (await cloud.iam.CreateUser(UserName="ann"))["User"]
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=document)
    request = {
        "PolicySourceArn": user["Arn"],
        "ActionNames": ["s3:GetObject"],
        "ResourceArns": ["arn:aws:s3:::bucket/ann/x"],
    }
    result = (await cloud.iam.SimulatePrincipalPolicy(**request))["EvaluationResults"][0]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:SecureTransport"])
    entry = {"ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}
    result = (await cloud.iam.SimulatePrincipalPolicy(**request, ContextEntries=[entry]))["EvaluationResults"][0]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])
    keys = await cloud.iam.GetContextKeysForPrincipalPolicy(PolicySourceArn=user["Arn"])
    assert keys["ContextKeyNames"] == ["aws:SecureTransport", "aws:username"]


async def test_a_resources_policy_counts_for_its_caller(cloud):
    ann = (await cloud.iam.CreateUser(UserName="ann"))["User"]["Arn"]
    bucket = policy({"Effect": "Allow", "Principal": {"AWS": ann}, "Action": "s3:GetObject", "Resource": OBJECT})
    request = {"PolicyInputList": [policy(allow("sqs:*"))], "ActionNames": ["s3:GetObject"], "ResourceArns": [OBJECT]}
    assert await decisions(cloud.iam.SimulateCustomPolicy(**request, ResourcePolicy=bucket, CallerArn=ann)) == [
        "allowed"
    ]
    assert await decisions(cloud.iam.SimulateCustomPolicy(**request)) == ["implicitDeny"]
    elsewhere = "arn:aws:iam::111111111111:root"
    found = cloud.iam.SimulateCustomPolicy(**request, ResourcePolicy=bucket, CallerArn=ann, ResourceOwner=elsewhere)
    assert await decisions(found) == ["implicitDeny"]


async def test_results_come_in_pages(cloud):
    request = {"PolicyInputList": [policy(allow("s3:*"))], "ActionNames": ["s3:a", "s3:b", "sqs:c"], "MaxItems": 2}
    first = await cloud.iam.SimulateCustomPolicy(**request)
    rest = await cloud.iam.SimulateCustomPolicy(**request, Marker=first["Marker"])
    assert [each["EvalActionName"] for each in rest["EvaluationResults"]] == ["sqs:c"]
    assert rest["IsTruncated"] is False


async def test_what_can_not_be_simulated_is_refused(cloud):
    with pytest.raises(AwsError) as info:
        await cloud.iam.SimulateCustomPolicy(PolicyInputList=["{"], ActionNames=["s3:GetObject"])
    assert info.value.code == "InvalidInput"
    with pytest.raises(NotImplementedByUs):
        await cloud.iam.SimulateCustomPolicy(
            PolicyInputList=[policy(allow("s3:*"))],
            ActionNames=["s3:a"],
            ResourceHandlingOption="EC2-VPC-InstanceStore",
        )
    arn = "arn:aws:iam::000000000000:user/none"
    with pytest.raises(AwsError) as info:
        await cloud.iam.SimulatePrincipalPolicy(PolicySourceArn=arn, ActionNames=["s3:a"])
    assert info.value.code == "NoSuchEntity"


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_statements_are_found_in_any_layout(indent):
    document = json.dumps(
        {"Id": 'a "Statement": [', "Statement": [allow("s3:a"), allow("s3:b")], "Version": "2012-10-17"}, indent=indent
    )
    spans = statement_spans(document)
    assert [json.loads(document[start:end])["Action"] for start, end in spans] == ["s3:a", "s3:b"]
    single = json.dumps({"Version": "2012-10-17", "Statement": allow("s3:c")}, indent=indent)
    assert [json.loads(single[start:end])["Action"] for start, end in statement_spans(single)] == ["s3:c"]


def test_variables_count_as_context_keys_but_escapes_do_not():
    resource = "arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}/${*}"
    condition = {"StringLike": {"s3:prefix": "${aws:username}/*"}}
    document = policy(allow("s3:*", resource, Condition=condition))
    assert context_keys([document]) == ["s3:prefix", "aws:PrincipalTag/team", "aws:username"]
    assert context_keys([document.replace("2012-10-17", "2008-10-17")]) == ["s3:prefix"]
