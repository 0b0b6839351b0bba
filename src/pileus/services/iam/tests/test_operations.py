"""IAM's operations as its callers see them."""

import json
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.principal import role_session, root, user

LAMBDA_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list, resource: str = "*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


READ = policy(allow("s3:GetObject"))


async def refused(awaitable, code: str) -> str:
    """The message of the error that is raised."""
    with pytest.raises(AwsError) as info:
        await awaitable
    assert info.value.code == code, info.value
    return info.value.message


# Users and groups


async def test_a_user_has_an_id_an_arn_with_its_path_and_its_tags(cloud):
    made = await cloud.iam.CreateUser(UserName="Ann", Path="/staff/", Tags=[{"Key": "team", "Value": "blue"}])
    assert made["User"]["Arn"] == "arn:aws:iam::000000000000:user/staff/Ann"
    assert made["User"]["UserId"].startswith("AIDA")
    assert len(made["User"]["UserId"]) == 21
    assert (await cloud.iam.GetUser(UserName="Ann"))["User"]["Tags"] == [{"Key": "team", "Value": "blue"}]


async def test_names_are_unique_without_regard_to_case(cloud):
    await cloud.iam.CreateUser(UserName="Ann")
    assert await refused(cloud.iam.CreateUser(UserName="ANN"), "EntityAlreadyExists") == (
        "User with name ANN already exists."
    )
    assert await refused(cloud.iam.GetUser(UserName="ANN"), "NoSuchEntity") == "The user with name ANN cannot be found."


async def test_an_accounts_root_is_a_user_without_name_and_path(cloud):
    call = cloud.pileus.call("iam", "GetUser", principal=root(cloud.account))
    first = await cloud.pileus.invoke(call, {})  # not by cloud.iam: the model calls a name and a path required
    opened = datetime(2026, 1, 1, tzinfo=UTC)
    assert first == {
        "User": {"UserId": cloud.account, "Arn": f"arn:aws:iam::{cloud.account}:root", "CreateDate": opened}
    }
    cloud.clock.advance(ms=86_400_000)
    assert await cloud.pileus.invoke(call, {}) == first


async def test_lists_come_in_pages_below_a_path(cloud):
    for name in ("a", "b", "c"):
        await cloud.iam.CreateUser(UserName=name, Path="/x/")
    await cloud.iam.CreateUser(UserName="b2")
    first = await cloud.iam.ListUsers(PathPrefix="/x/", MaxItems=2)
    assert [each["UserName"] for each in first["Users"]] == ["a", "b"]
    assert first["IsTruncated"] is True
    rest = await cloud.iam.ListUsers(PathPrefix="/x/", MaxItems=2, Marker=first["Marker"])
    assert [each["UserName"] for each in rest["Users"]] == ["c"]
    assert rest["IsTruncated"] is False
    await refused(cloud.iam.ListGroups(Marker=first["Marker"]), "ValidationError")


async def test_a_user_keeps_its_groups_keys_and_policies_under_a_new_name(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    await cloud.iam.CreateGroup(GroupName="devs")
    await cloud.iam.AddUserToGroup(GroupName="devs", UserName="ann")
    await cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn=BASIC)
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]["AccessKeyId"]
    await cloud.iam.UpdateUser(UserName="ann", NewUserName="anna", NewPath="/new/")
    await refused(cloud.iam.GetUser(UserName="ann"), "NoSuchEntity")
    assert (await cloud.iam.GetUser(UserName="anna"))["User"]["Arn"].endswith(":user/new/anna")
    assert [each["UserName"] for each in (await cloud.iam.GetGroup(GroupName="devs"))["Users"]] == ["anna"]
    assert [each["AccessKeyId"] for each in (await cloud.iam.ListAccessKeys(UserName="anna"))["AccessKeyMetadata"]] == [
        key
    ]
    entities = await cloud.iam.ListEntitiesForPolicy(PolicyArn=BASIC)
    assert [each["UserName"] for each in entities["PolicyUsers"]] == ["anna"]


async def test_a_group_under_a_new_name_keeps_its_users(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    await cloud.iam.CreateGroup(GroupName="devs")
    await cloud.iam.AddUserToGroup(GroupName="devs", UserName="ann")
    await cloud.iam.UpdateGroup(GroupName="devs", NewGroupName="Builders")
    groups = await cloud.iam.ListGroupsForUser(UserName="ann")
    assert [each["GroupName"] for each in groups["Groups"]] == ["Builders"]
    assert [each["UserName"] for each in (await cloud.iam.GetGroup(GroupName="Builders"))["Users"]] == ["ann"]


async def test_a_user_can_be_in_ten_groups(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    for number in range(11):
        await cloud.iam.CreateGroup(GroupName=f"g{number}")
    for number in range(10):
        await cloud.iam.AddUserToGroup(GroupName=f"g{number}", UserName="ann")
    assert await refused(cloud.iam.AddUserToGroup(GroupName="g10", UserName="ann"), "LimitExceeded") == (
        "Cannot exceed quota for GroupsPerUser: 10"
    )


async def test_a_user_is_deleted_only_when_nothing_is_left_of_it(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    await cloud.iam.CreateGroup(GroupName="devs")
    await cloud.iam.AddUserToGroup(GroupName="devs", UserName="ann")
    await cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn=BASIC)
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="own", PolicyDocument=READ)
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]["AccessKeyId"]
    assert "detach all policies" in await refused(cloud.iam.DeleteUser(UserName="ann"), "DeleteConflict")
    await cloud.iam.DetachUserPolicy(UserName="ann", PolicyArn=BASIC)
    assert "must delete policies" in await refused(cloud.iam.DeleteUser(UserName="ann"), "DeleteConflict")
    await cloud.iam.DeleteUserPolicy(UserName="ann", PolicyName="own")
    assert "access keys" in await refused(cloud.iam.DeleteUser(UserName="ann"), "DeleteConflict")
    await cloud.iam.DeleteAccessKey(UserName="ann", AccessKeyId=key)
    assert "from group" in await refused(cloud.iam.DeleteUser(UserName="ann"), "DeleteConflict")
    await refused(cloud.iam.DeleteGroup(GroupName="devs"), "DeleteConflict")
    await cloud.iam.RemoveUserFromGroup(GroupName="devs", UserName="ann")
    await cloud.iam.DeleteUser(UserName="ann")
    await cloud.iam.DeleteGroup(GroupName="devs")
    assert (await cloud.iam.ListUsers())["Users"] == []


# Access keys


async def test_a_user_has_two_keys_at_most_and_each_can_be_switched_off(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]
    assert len(key["SecretAccessKey"]) == 40
    assert key["AccessKeyId"].startswith("AKIA")
    assert len(key["AccessKeyId"]) == 20
    await cloud.iam.CreateAccessKey(UserName="ann")
    assert await refused(cloud.iam.CreateAccessKey(UserName="ann"), "LimitExceeded") == (
        "Cannot exceed quota for AccessKeysPerUser: 2"
    )
    await cloud.iam.UpdateAccessKey(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    listed = (await cloud.iam.ListAccessKeys(UserName="ann"))["AccessKeyMetadata"]
    assert {each["Status"] for each in listed} == {"Active", "Inactive"}
    assert all("SecretAccessKey" not in each for each in listed)


async def test_a_key_is_found_through_its_own_user_only(cloud):
    for name in ("ann", "bob"):
        await cloud.iam.CreateUser(UserName=name)
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]["AccessKeyId"]
    await refused(cloud.iam.DeleteAccessKey(UserName="bob", AccessKeyId=key), "NoSuchEntity")


async def test_who_names_no_user_means_its_own(cloud):
    made = (await cloud.iam.CreateUser(UserName="ann"))["User"]
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="iam", PolicyDocument=policy(allow("iam:*")))
    ann = cloud.as_(user(cloud.account, "ann", made["UserId"]), "iam")
    assert (await ann.GetUser())["User"]["UserName"] == "ann"
    assert (await ann.CreateAccessKey())["AccessKey"]["UserName"] == "ann"
    role = (await cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST))["Role"]
    session = cloud.as_(role_session(role["Arn"], role["RoleId"], "s"), "iam")
    assert "userName" in await refused(session.GetUser(), "ValidationError")


# Roles


async def test_a_role_answers_its_trust_policy_url_encoded(cloud):
    made = await cloud.iam.CreateRole(RoleName="worker", AssumeRolePolicyDocument=LAMBDA_TRUST, Description="works")
    role = (await cloud.iam.GetRole(RoleName="worker"))["Role"]
    assert role["Arn"] == made["Role"]["Arn"] == "arn:aws:iam::000000000000:role/worker"
    assert role["RoleId"].startswith("AROA")
    assert "{" not in role["AssumeRolePolicyDocument"]
    assert unquote(role["AssumeRolePolicyDocument"]) == LAMBDA_TRUST
    assert (role["MaxSessionDuration"], role["Description"]) == (3600, "works")
    await cloud.iam.UpdateRole(RoleName="worker", MaxSessionDuration=7200, Description="")
    role = (await cloud.iam.GetRole(RoleName="worker"))["Role"]
    assert role["MaxSessionDuration"] == 7200
    assert "Description" not in role


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "Syntax errors in policy."),
        (policy(allow("sts:AssumeRole", Principal={"AWS": "*"})), "Has prohibited field Resource"),
        (
            policy({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject"}),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            policy(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::000000000000:role/none"},
                    "Action": "sts:AssumeRole",
                }
            ),
            'Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:role/none"',
        ),
    ],
)
async def test_a_trust_policy_is_checked(cloud, document, words):
    refusal = refused(cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=document), "MalformedPolicyDocument")
    assert await refusal == words
    await refused(cloud.iam.GetRole(RoleName="r"), "NoSuchEntity")


async def test_white_space_does_not_count_in_a_trust_policys_length(cloud):
    def trust(filler: int) -> str:
        return policy(
            {
                "Sid": "x" * filler,
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        )

    room = 2048 - len(trust(0).replace(" ", ""))
    await cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=trust(room).replace("{", "{   "))
    assert await refused(
        cloud.iam.UpdateAssumeRolePolicy(RoleName="r", PolicyDocument=trust(room + 1)), "LimitExceeded"
    ) == ("Cannot exceed quota for ACLSizePerRole: 2048")


async def test_a_role_is_deleted_only_without_policies_and_profiles(cloud):
    await cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    await cloud.iam.CreateInstanceProfile(InstanceProfileName="p")
    await cloud.iam.AddRoleToInstanceProfile(InstanceProfileName="p", RoleName="r")
    await cloud.iam.AttachRolePolicy(RoleName="r", PolicyArn=BASIC)
    await cloud.iam.PutRolePolicy(RoleName="r", PolicyName="own", PolicyDocument=READ)
    assert "instance profile" in await refused(cloud.iam.DeleteRole(RoleName="r"), "DeleteConflict")
    await refused(cloud.iam.DeleteInstanceProfile(InstanceProfileName="p"), "DeleteConflict")
    await cloud.iam.RemoveRoleFromInstanceProfile(InstanceProfileName="p", RoleName="r")
    assert "detach all" in await refused(cloud.iam.DeleteRole(RoleName="r"), "DeleteConflict")
    await cloud.iam.DetachRolePolicy(RoleName="r", PolicyArn=BASIC)
    assert "must delete policies" in await refused(cloud.iam.DeleteRole(RoleName="r"), "DeleteConflict")
    await cloud.iam.DeleteRolePolicy(RoleName="r", PolicyName="own")
    await cloud.iam.DeleteRole(RoleName="r")
    assert await refused(cloud.iam.DeleteRole(RoleName="r"), "NoSuchEntity") == (
        "The role with name r cannot be found."
    )


async def test_an_instance_profile_holds_one_role(cloud):
    for name in ("a", "b"):
        await cloud.iam.CreateRole(RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST)
    await cloud.iam.CreateInstanceProfile(InstanceProfileName="p")
    await cloud.iam.AddRoleToInstanceProfile(InstanceProfileName="p", RoleName="a")
    await refused(cloud.iam.AddRoleToInstanceProfile(InstanceProfileName="p", RoleName="b"), "LimitExceeded")
    profile = (await cloud.iam.GetInstanceProfile(InstanceProfileName="p"))["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == ["a"]
    found = await cloud.iam.ListInstanceProfilesForRole(RoleName="a")
    assert [each["InstanceProfileName"] for each in found["InstanceProfiles"]] == ["p"]


async def test_a_service_linked_role_belongs_to_its_service(cloud):
    role = (await cloud.iam.CreateServiceLinkedRole(AWSServiceName="ecs.amazonaws.com"))["Role"]
    assert role["Arn"].endswith(":role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    await refused(cloud.iam.CreateServiceLinkedRole(AWSServiceName="ecs.amazonaws.com"), "InvalidInput")
    for change in (
        cloud.iam.DeleteRole(RoleName=role["RoleName"]),
        cloud.iam.AttachRolePolicy(RoleName=role["RoleName"], PolicyArn=BASIC),
        cloud.iam.UpdateAssumeRolePolicy(RoleName=role["RoleName"], PolicyDocument=LAMBDA_TRUST),
    ):
        assert "only modifiable by AWS" in await refused(change, "UnmodifiableEntity")
    task = (await cloud.iam.DeleteServiceLinkedRole(RoleName=role["RoleName"]))["DeletionTaskId"]
    assert (await cloud.iam.GetServiceLinkedRoleDeletionStatus(DeletionTaskId=task))["Status"] == "SUCCEEDED"
    await refused(cloud.iam.GetServiceLinkedRoleDeletionStatus(DeletionTaskId=f"{task}x"), "NoSuchEntity")
    await refused(cloud.iam.GetRole(RoleName=role["RoleName"]), "NoSuchEntity")


async def test_a_role_that_our_services_act_as_is_made_with_its_policy(cloud):
    made = {"AWSServiceName": "replication.dynamodb.amazonaws.com"}
    name = (await cloud.iam.CreateServiceLinkedRole(**made))["Role"]["RoleName"]
    (attached,) = (await cloud.iam.ListAttachedRolePolicies(RoleName=name))["AttachedPolicies"]
    assert attached["PolicyName"] == "DynamoDBReplicationServiceRolePolicy"
    asked = {"PolicyArn": attached["PolicyArn"]}
    assert [role["RoleName"] for role in (await cloud.iam.ListEntitiesForPolicy(**asked))["PolicyRoles"]] == [name]
    await cloud.iam.DeleteServiceLinkedRole(RoleName=name)
    assert (await cloud.iam.ListEntitiesForPolicy(**asked))["PolicyRoles"] == []
    await cloud.iam.CreateServiceLinkedRole(**made)


# Policies


async def test_inline_policies_share_one_quota_and_come_back_as_they_were_put(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="one", PolicyDocument=READ)
    answer = await cloud.iam.GetUserPolicy(UserName="ann", PolicyName="one")
    assert unquote(answer["PolicyDocument"]) == READ
    used = len(READ.replace(" ", ""))
    empty = policy(allow("s3:GetObject", "arn:aws:s3:::"))
    room = 2048 - used - len(empty.replace(" ", ""))

    def of_length(filler: int) -> str:
        return policy(allow("s3:GetObject", "arn:aws:s3:::" + "b" * filler))

    assert await refused(
        cloud.iam.PutUserPolicy(UserName="ann", PolicyName="two", PolicyDocument=of_length(room + 1)), "LimitExceeded"
    ) == ("Maximum policy size of 2048 bytes exceeded for user ann")
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="two", PolicyDocument=of_length(room))
    assert (await cloud.iam.ListUserPolicies(UserName="ann"))["PolicyNames"] == ["one", "two"]
    assert await refused(cloud.iam.GetUserPolicy(UserName="ann", PolicyName="x"), "NoSuchEntity") == (
        "The user policy with name x cannot be found."
    )


async def test_a_policy_has_five_versions_and_a_default_one(cloud):
    arn = (await cloud.iam.CreatePolicy(PolicyName="p", PolicyDocument=READ, Path="/a/"))["Policy"]["Arn"]
    assert arn == "arn:aws:iam::000000000000:policy/a/p"
    for number in range(2, 6):
        document = policy(allow(f"s3:Get{number}"))
        version = await cloud.iam.CreatePolicyVersion(PolicyArn=arn, PolicyDocument=document, SetAsDefault=number == 5)
        assert version["PolicyVersion"]["VersionId"] == f"v{number}"
    assert "up to 5 versions" in await refused(
        cloud.iam.CreatePolicyVersion(PolicyArn=arn, PolicyDocument=READ), "LimitExceeded"
    )
    assert (await cloud.iam.GetPolicy(PolicyArn=arn))["Policy"]["DefaultVersionId"] == "v5"
    await refused(cloud.iam.DeletePolicyVersion(PolicyArn=arn, VersionId="v5"), "DeleteConflict")
    await cloud.iam.SetDefaultPolicyVersion(PolicyArn=arn, VersionId="v1")
    await cloud.iam.DeletePolicyVersion(PolicyArn=arn, VersionId="v5")
    versions = (await cloud.iam.ListPolicyVersions(PolicyArn=arn))["Versions"]
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in versions] == [
        ("v4", False),
        ("v3", False),
        ("v2", False),
        ("v1", True),
    ]
    document = (await cloud.iam.GetPolicyVersion(PolicyArn=arn, VersionId="v3"))["PolicyVersion"]["Document"]
    assert unquote(document) == policy(allow("s3:Get3"))
    # The number of a version that was deleted does not come back.
    version = await cloud.iam.CreatePolicyVersion(PolicyArn=arn, PolicyDocument=READ)
    assert version["PolicyVersion"]["VersionId"] == "v6"


async def test_a_policy_is_deleted_only_when_nobody_has_it(cloud):
    arn = (await cloud.iam.CreatePolicy(PolicyName="p", PolicyDocument=READ))["Policy"]["Arn"]
    await cloud.iam.CreateUser(UserName="ann", PermissionsBoundary=arn)
    await cloud.iam.CreateGroup(GroupName="devs")
    await cloud.iam.AttachGroupPolicy(GroupName="devs", PolicyArn=arn)
    counted = (await cloud.iam.GetPolicy(PolicyArn=arn))["Policy"]
    assert (counted["AttachmentCount"], counted["PermissionsBoundaryUsageCount"]) == (1, 1)
    entities = await cloud.iam.ListEntitiesForPolicy(PolicyArn=arn)
    assert [each["GroupName"] for each in entities["PolicyGroups"]] == ["devs"]
    assert [each["UserName"] for each in entities["PolicyUsers"]] == ["ann"]
    only = await cloud.iam.ListEntitiesForPolicy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    assert only["PolicyGroups"] == []
    await cloud.iam.DetachGroupPolicy(GroupName="devs", PolicyArn=arn)
    assert "attached to entities" in await refused(cloud.iam.DeletePolicy(PolicyArn=arn), "DeleteConflict")
    await cloud.iam.DeleteUserPermissionsBoundary(UserName="ann")
    await cloud.iam.DeletePolicy(PolicyArn=arn)
    assert await refused(cloud.iam.GetPolicy(PolicyArn=arn), "NoSuchEntity") == f"Policy {arn} was not found."


async def test_ten_policies_can_be_attached(cloud):
    await cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    arns = [
        (await cloud.iam.CreatePolicy(PolicyName=f"p{number}", PolicyDocument=READ))["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in [*arns[:10], arns[0]]:
        await cloud.iam.AttachRolePolicy(RoleName="r", PolicyArn=arn)
    assert await refused(cloud.iam.AttachRolePolicy(RoleName="r", PolicyArn=arns[10]), "LimitExceeded") == (
        "Cannot exceed quota for PoliciesPerRole: 10"
    )
    await refused(cloud.iam.DetachRolePolicy(RoleName="r", PolicyArn=arns[10]), "NoSuchEntity")


async def test_aws_policies_have_their_paths_and_real_documents(cloud):
    found = (await cloud.iam.GetPolicy(PolicyArn=BASIC))["Policy"]
    assert (found["Path"], found["PolicyName"]) == ("/service-role/", "AWSLambdaBasicExecutionRole")
    version = await cloud.iam.GetPolicyVersion(PolicyArn=BASIC, VersionId=found["DefaultVersionId"])
    statement = json.loads(unquote(version["PolicyVersion"]["Document"]))["Statement"][0]
    assert set(statement["Action"]) == {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    with pytest.raises(NotImplementedByUs):
        await cloud.iam.GetPolicy(PolicyArn="arn:aws:iam::aws:policy/NobodyKnowsThis")


@pytest.mark.parametrize("arn", [BASIC, "arn:aws:iam::aws:policy/NobodyKnowsThis"])
async def test_aws_policies_are_nobodys_to_change_carried_or_not(cloud, arn):
    await refused(cloud.iam.DeletePolicy(PolicyArn=arn), "NoSuchEntity")
    await refused(cloud.iam.CreatePolicyVersion(PolicyArn=arn, PolicyDocument=READ), "NoSuchEntity")
    await refused(cloud.iam.TagPolicy(PolicyArn=arn, Tags=[{"Key": "team", "Value": "a"}]), "NoSuchEntity")


async def test_policies_are_listed_by_scope_and_use(cloud):
    arn = (await cloud.iam.CreatePolicy(PolicyName="p", PolicyDocument=READ))["Policy"]["Arn"]
    await cloud.iam.CreateUser(UserName="ann")
    await cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn=BASIC)
    assert [each["Arn"] for each in (await cloud.iam.ListPolicies(Scope="Local"))["Policies"]] == [arn]
    assert [each["Arn"] for each in (await cloud.iam.ListPolicies(OnlyAttached=True))["Policies"]] == [BASIC]
    aws = [each["Arn"] for each in (await cloud.iam.ListPolicies(Scope="AWS", MaxItems=1000))["Policies"]]
    assert BASIC in aws
    assert all(each.startswith("arn:aws:iam::aws:policy/") for each in aws)


async def test_tag_keys_ignore_case(cloud):
    await cloud.iam.CreateRole(
        RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST, Tags=[{"Key": "Team", "Value": "blue"}]
    )
    await cloud.iam.TagRole(RoleName="r", Tags=[{"Key": "team", "Value": "red"}])
    assert (await cloud.iam.ListRoleTags(RoleName="r"))["Tags"] == [{"Key": "team", "Value": "red"}]
    await refused(
        cloud.iam.TagRole(RoleName="r", Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]), "InvalidInput"
    )
    await refused(cloud.iam.TagRole(RoleName="r", Tags=[{"Key": "aws:x", "Value": "1"}]), "InvalidInput")
    await cloud.iam.UntagRole(RoleName="r", TagKeys=["TEAM", "none"])
    assert (await cloud.iam.ListRoleTags(RoleName="r"))["Tags"] == []


# The account


async def test_an_account_has_one_alias_that_no_other_account_has(cloud):
    await cloud.iam.CreateAccountAlias(AccountAlias="peak")
    await cloud.iam.CreateAccountAlias(AccountAlias="summit")
    assert (await cloud.iam.ListAccountAliases())["AccountAliases"] == ["summit"]
    await refused(cloud.iam.DeleteAccountAlias(AccountAlias="peak"), "NoSuchEntity")
    await cloud.iam.DeleteAccountAlias(AccountAlias="summit")
    assert (await cloud.iam.ListAccountAliases())["AccountAliases"] == []


async def test_the_summary_counts(cloud):
    before = (await cloud.iam.GetAccountSummary())["SummaryMap"]
    await cloud.iam.CreateUser(UserName="ann")
    after = (await cloud.iam.GetAccountSummary())["SummaryMap"]
    assert (before["Users"], after["Users"], after["UsersQuota"]) == (0, 1, 5000)


async def test_authorization_details_come_in_pages_over_all_kinds(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="own", PolicyDocument=READ)
    await cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)
    await cloud.iam.AttachRolePolicy(RoleName="r", PolicyArn=BASIC)
    await cloud.iam.CreatePolicy(PolicyName="p", PolicyDocument=READ)
    found: dict[str, list] = {"UserDetailList": [], "RoleDetailList": [], "Policies": []}
    marker: dict = {}
    while True:
        page = await cloud.iam.GetAccountAuthorizationDetails(MaxItems=1, **marker)
        for name, rows in found.items():
            rows += page[name]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert unquote(found["UserDetailList"][0]["UserPolicyList"][0]["PolicyDocument"]) == READ
    assert found["RoleDetailList"][0]["AttachedManagedPolicies"][0]["PolicyArn"] == BASIC
    assert {each["PolicyName"] for each in found["Policies"]} == {"p", "AWSLambdaBasicExecutionRole"}


async def test_accounts_do_not_see_each_other(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    other = cloud.as_(root("111111111111"), "iam")
    assert (await other.ListUsers())["Users"] == []
    made = await other.CreateUser(UserName="ann")
    assert made["User"]["Arn"] == "arn:aws:iam::111111111111:user/ann"


async def test_iam_is_the_same_in_every_region(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    elsewhere = cloud.as_(root(cloud.account), "iam", "eu-central-1")
    assert (await elsewhere.GetUser(UserName="ann"))["User"]["UserName"] == "ann"


async def test_a_name_that_breaks_the_rules_is_refused_in_iams_words(cloud):
    assert await refused(cloud.iam.CreateUser(UserName="bad name"), "ValidationError") == (
        "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the "
        "following: +=,.@_-"
    )
    assert await refused(cloud.iam.CreateUser(), "ValidationError") == (
        "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null"
    )
