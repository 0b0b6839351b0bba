"""IAM and STS as boto3's users know them, and what their policies do to calls of other services."""

import json
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def iam(connect):
    return connect("iam")


@pytest.fixture(scope="module")
def sts(connect):
    return connect("sts")


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list, resource: str = "*") -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def trust(account: str) -> str:
    return document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": ["sts:AssumeRole", "sts:TagSession"]})


def code_of(call, **members) -> str:
    with pytest.raises(ClientError) as error:
        call(**members)
    return error.value.response["Error"]["Code"]


def as_key(made: dict) -> dict:
    """Credentials as a client takes them."""
    token = {"aws_session_token": made["SessionToken"]} if "SessionToken" in made else {}
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"], **token}


def test_a_user_with_keys_tags_and_policies(iam, connect, account):
    made = iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "a", "Value": "1"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{account}:user/team/ann"
    iam.get_waiter("user_exists").wait(UserName="ann")
    assert iam.get_user(UserName="ann")["User"]["Tags"] == [{"Key": "a", "Value": "1"}]
    iam.tag_user(UserName="ann", Tags=[{"Key": "b", "Value": "2"}])
    iam.untag_user(UserName="ann", TagKeys=["a"])
    assert iam.list_user_tags(UserName="ann")["Tags"] == [{"Key": "b", "Value": "2"}]
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    theirs = connect("sqs", **as_key(key))
    assert code_of(theirs.list_queues) == "AccessDenied"
    iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=document(allow("sqs:ListQueues")))
    theirs.list_queues()
    assert iam.get_user_policy(UserName="ann", PolicyName="own")["PolicyDocument"]["Statement"] == [
        allow("sqs:ListQueues")
    ]
    assert iam.list_user_policies(UserName="ann")["PolicyNames"] == ["own"]
    assert iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["UserName"] == "ann"
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    assert code_of(theirs.list_queues) == "UnrecognizedClientException"
    assert code_of(iam.delete_user, UserName="ann") == "DeleteConflict"
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="ann", PolicyName="own")
    iam.update_user(UserName="ann", NewUserName="anna", NewPath="/")
    assert iam.get_user(UserName="anna")["User"]["UserId"] == made["UserId"]
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["anna"]
    assert iam.list_mfa_devices(UserName="anna")["MFADevices"] == []
    iam.delete_user(UserName="anna")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_user(UserName="anna")


def test_groups_give_their_permissions(iam, connect):
    iam.create_user(UserName="bob")
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="bob")
    iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document(allow("logs:Describe*")))
    iam.attach_group_policy(GroupName="readers", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    key = as_key(iam.create_access_key(UserName="bob")["AccessKey"])
    connect("s3", **key).list_buckets()
    connect("logs", **key).describe_log_groups()
    assert code_of(connect("logs", **key).create_log_group, logGroupName="g") == "AccessDeniedException"
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="bob")["Groups"]] == ["readers"]
    assert [user["UserName"] for user in iam.get_group(GroupName="readers")["Users"]] == ["bob"]
    attached = iam.list_attached_group_policies(GroupName="readers")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AmazonS3ReadOnlyAccess"]
    assert iam.list_group_policies(GroupName="readers")["PolicyNames"] == ["p"]
    assert iam.get_group_policy(GroupName="readers", PolicyName="p")["PolicyDocument"]
    iam.remove_user_from_group(GroupName="readers", UserName="bob")
    assert code_of(connect("s3", **key).list_buckets) == "AccessDenied"
    iam.update_group(GroupName="readers", NewGroupName="lookers")
    iam.detach_group_policy(GroupName="lookers", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    iam.delete_group_policy(GroupName="lookers", PolicyName="p")
    iam.delete_group(GroupName="lookers")
    assert iam.list_groups()["Groups"] == []


def test_managed_policies_and_their_versions(iam, account):
    made = iam.create_policy(PolicyName="send", PolicyDocument=document(allow("sqs:SendMessage")), Description="d")[
        "Policy"
    ]
    arn = made["Arn"]
    assert (arn, made["DefaultVersionId"]) == (f"arn:aws:iam::{account}:policy/send", "v1")
    iam.get_waiter("policy_exists").wait(PolicyArn=arn)
    for n in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow(f"sqs:A{n}")), SetAsDefault=n == 3)
    assert code_of(iam.create_policy_version, PolicyArn=arn, PolicyDocument=document(allow("sqs:B"))) == "LimitExceeded"
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [v["VersionId"] for v in versions if v["IsDefaultVersion"]] == ["v5"]
    got = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert got["Statement"] == [allow("sqs:SendMessage")]
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert code_of(iam.delete_policy_version, PolicyArn=arn, VersionId="v1") == "DeleteConflict"
    iam.create_user(UserName="carl")
    iam.attach_user_policy(UserName="carl", PolicyArn=arn)
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"] == "carl"
    assert iam.list_attached_user_policies(UserName="carl")["AttachedPolicies"][0]["PolicyArn"] == arn
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert code_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict"
    iam.put_user_permissions_boundary(UserName="carl", PermissionsBoundary=arn)
    iam.delete_user_permissions_boundary(UserName="carl")
    simulated = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{account}:user/carl", ActionNames=["sqs:SendMessage", "sqs:DeleteQueue"]
    )["EvaluationResults"]
    assert [result["EvalDecision"] for result in simulated] == ["allowed", "implicitDeny"]
    iam.detach_user_policy(UserName="carl", PolicyArn=arn)
    for version in ("v2", "v3", "v4"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName="bad", PolicyDocument="{}")


def test_a_role_is_assumed_and_its_session_is_somebody(iam, sts, connect, account):
    role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust(account), MaxSessionDuration=7200)["Role"]
    iam.get_waiter("role_exists").wait(RoleName="worker")
    iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=document(allow(["sqs:*", "s3:*"])))
    limit = document(allow("sqs:*"))
    made = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", Policy=limit, Tags=[{"Key": "t", "Value": "1"}])
    key = as_key(made["Credentials"])
    who = connect("sts", **key).get_caller_identity()
    assert who["Arn"] == made["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/worker/me"
    assert who["UserId"] == f"{role['RoleId']}:me"
    connect("sqs", **key).list_queues()
    assert code_of(connect("s3", **key).list_buckets) == "AccessDenied"
    assert 3500 < made["Credentials"]["Expiration"].timestamp() - time.time() < 3700
    wrong = {**key, "aws_session_token": key["aws_session_token"][:-8] + "AAAAAAAA"}
    assert code_of(connect("sts", **wrong).get_caller_identity) == "InvalidClientTokenId"
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=trust("111122223333"))
    assert iam.get_role(RoleName="worker")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    iam.update_role(RoleName="worker", Description="d", MaxSessionDuration=3600)
    assert iam.update_role_description(RoleName="worker", Description="e")["Role"]["Description"] == "e"
    boundary = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary=boundary)
    assert code_of(connect("sqs", **key).list_queues) == "AccessDenied"
    iam.delete_role_permissions_boundary(RoleName="worker")
    connect("sqs", **key).list_queues()
    iam.tag_role(RoleName="worker", Tags=[{"Key": "k", "Value": "v"}])
    assert iam.list_role_tags(RoleName="worker")["Tags"] == [{"Key": "k", "Value": "v"}]
    iam.untag_role(RoleName="worker", TagKeys=["k"])
    iam.attach_role_policy(
        RoleName="worker", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AWSLambdaBasicExecutionRole"]
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == ["p"]
    assert iam.get_role_policy(RoleName="worker", PolicyName="p")["PolicyDocument"]
    assert code_of(iam.delete_role, RoleName="worker") == "DeleteConflict"
    iam.delete_role_policy(RoleName="worker", PolicyName="p")
    iam.detach_role_policy(RoleName="worker", PolicyArn=attached[0]["PolicyArn"])
    iam.delete_role(RoleName="worker")
    assert code_of(connect("sqs", **key).list_queues) in (
        "AccessDenied",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    )


def test_sessions_of_a_user(iam, sts, connect, account):
    iam.create_user(UserName="dora")
    iam.put_user_policy(UserName="dora", PolicyName="p", PolicyDocument=document(allow(["sqs:*", "sts:*"])))
    key = as_key(iam.create_access_key(UserName="dora")["AccessKey"])
    mine = connect("sts", **key)
    session = as_key(mine.get_session_token(DurationSeconds=900)["Credentials"])
    assert connect("sts", **session).get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:user/dora"
    connect("sqs", **session).list_queues()
    federated = mine.get_federation_token(Name="guest", Policy=document(allow("sqs:ListQueues")))
    guest = as_key(federated["Credentials"])
    assert connect("sts", **guest).get_caller_identity()["Arn"] == f"arn:aws:sts::{account}:federated-user/guest"
    connect("sqs", **guest).list_queues()
    assert code_of(connect("sqs", **guest).create_queue, QueueName="x") == "AccessDenied"


def test_instance_profiles_and_the_account(iam, account):
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=trust(account))
    iam.create_instance_profile(InstanceProfileName="node")
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="node")
    iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    assert iam.get_instance_profile(InstanceProfileName="node")["InstanceProfile"]["Roles"][0]["RoleName"] == "node"
    assert len(iam.list_instance_profiles_for_role(RoleName="node")["InstanceProfiles"]) == 1
    iam.remove_role_from_instance_profile(InstanceProfileName="node", RoleName="node")
    iam.delete_instance_profile(InstanceProfileName="node")
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    iam.create_account_alias(AccountAlias="my-alias")
    assert iam.list_account_aliases()["AccountAliases"] == ["my-alias"]
    iam.delete_account_alias(AccountAlias="my-alias")
    assert iam.get_account_summary()["SummaryMap"]["Roles"] >= 1
    details = list(iam.get_paginator("get_account_authorization_details").paginate(Filter=["Role"]))
    assert "node" in [role["RoleName"] for page in details for role in page["RoleDetailList"]]


def test_tags_of_policies_and_profiles(iam):
    arn = iam.create_policy(PolicyName="tagged", PolicyDocument=document(allow("sqs:*")))["Policy"]["Arn"]
    iam.create_instance_profile(InstanceProfileName="tagged")
    for kind, named in (("policy", {"PolicyArn": arn}), ("instance_profile", {"InstanceProfileName": "tagged"})):
        getattr(iam, f"tag_{kind}")(**named, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        getattr(iam, f"untag_{kind}")(**named, TagKeys=["a"])
        assert getattr(iam, f"list_{kind}_tags")(**named)["Tags"] == [{"Key": "b", "Value": "2"}]
    iam.delete_instance_profile(InstanceProfileName="tagged")
    iam.delete_policy(PolicyArn=arn)


def test_what_a_policy_would_do(iam, account):
    mine = {"Effect": "Allow", "Action": "sqs:*", "Resource": f"arn:aws:sqs:*:{account}:${{aws:username}}-*"}
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[document(mine)])["ContextKeyNames"]
    assert keys == ["aws:username"]
    iam.create_user(UserName="finn")
    iam.put_user_policy(UserName="finn", PolicyName="p", PolicyDocument=document(mine))
    finn = f"arn:aws:iam::{account}:user/finn"
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=finn)["ContextKeyNames"] == ["aws:username"]
    results = iam.simulate_custom_policy(
        PolicyInputList=[document(mine)],
        ActionNames=["sqs:SendMessage"],
        ResourceArns=[f"arn:aws:sqs:us-east-1:{account}:{name}-jobs" for name in ("finn", "gus")],
        ContextEntries=[{"ContextKeyName": "aws:username", "ContextKeyValues": ["finn"], "ContextKeyType": "string"}],
    )["EvaluationResults"]
    assert [result["EvalDecision"] for result in results] == ["allowed", "implicitDeny"]


def test_a_service_linked_role_comes_and_goes(iam, account):
    role = iam.create_service_linked_role(AWSServiceName="replicator.lambda.amazonaws.com")["Role"]
    assert role["Arn"].startswith(f"arn:aws:iam::{account}:role/aws-service-role/replicator.lambda.amazonaws.com/")
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def test_listings_in_pages(iam, account):
    for n in range(5):
        iam.create_role(RoleName=f"page-{n}", Path="/pages/", AssumeRolePolicyDocument=trust(account))
    pages = list(iam.get_paginator("list_roles").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Roles"]) for page in pages] == [2, 2, 1]
    local = iam.get_paginator("list_policies").paginate(Scope="Local")
    assert all(account in policy["Arn"] for page in local for policy in page["Policies"])
    managed = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 10})
    assert "AdministratorAccess" in [policy["PolicyName"] for page in managed for policy in page["Policies"]]


def test_errors_are_the_clients_classes(iam, sts, account):
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="none")
    iam.create_group(GroupName="once")
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_group(GroupName="once")
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_role(RoleName="bad", AssumeRolePolicyDocument="{")
    assert code_of(iam.create_user, UserName="a b") == "ValidationError"
    assert code_of(sts.assume_role, RoleArn=f"arn:aws:iam::{account}:role/none", RoleSessionName="me") == "AccessDenied"


def test_the_resource_api(session, endpoint):
    iam = session.resource("iam", endpoint_url=endpoint)
    user = iam.create_user(UserName="eve")
    pair = user.create_access_key_pair()
    assert pair.secret
    assert [key.id for key in user.access_keys.all()] == [pair.id]
    user.create_policy(PolicyName="p", PolicyDocument=document(allow("s3:*")))
    assert [policy.name for policy in user.policies.all()] == ["p"]
    for thing in (*user.policies.all(), *user.access_keys.all(), user):
        thing.delete()
