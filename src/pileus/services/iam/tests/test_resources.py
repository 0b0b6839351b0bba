"""IAM's CloudFormation types, each step as a stack runs it."""

import json
from dataclasses import replace
from urllib.parse import unquote

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.principal import root
from pileus.services.iam.resources import RESOURCE_TYPES
from pileus.stacks.property_types import InvalidProperty
from pileus.stacks.resource import ResourceContext, ResourceTypes

TYPES = ResourceTypes(RESOURCE_TYPES)
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
READ_ONLY = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def document(action: str) -> dict:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


@pytest.fixture
def context(cloud) -> ResourceContext:
    async def invoke(service: str, operation: str, request: dict) -> dict:
        return await cloud.invoke(service, operation, request, root(cloud.account), cloud.region)

    return ResourceContext(
        cloud.account,
        cloud.region,
        "aws",
        "stack",
        "arn:aws:cloudformation:us-east-1:000000000000:stack/stack/1",
        "Thing",
        "token",
        cloud.clock,
        invoke,
        {"project": "demo", "aws:cloudformation:stack-name": "stack"},
    )


def coerced(name: str, properties: dict) -> dict:
    return TYPES.get(name).coerced(properties)


async def test_a_role_comes_with_its_policies_and_tags_and_goes_whole(cloud, context):
    role = TYPES.get("AWS::IAM::Role")
    properties = coerced(
        role.name,
        {
            "AssumeRolePolicyDocument": TRUST,
            "ManagedPolicyArns": [BASIC],
            "Policies": [{"PolicyName": "own", "PolicyDocument": document("s3:GetObject")}],
            "Tags": [{"Key": "team", "Value": "blue"}],
            "Path": "/app/",
            "MaxSessionDuration": "7200",
        },
    )
    made = await role.create(context, properties)
    found = (await cloud.iam.GetRole(RoleName=made.physical_id))["Role"]
    assert made.physical_id.startswith("stack-Thing-")
    assert made.attributes == {"Arn": found["Arn"], "RoleId": found["RoleId"]}
    assert found["MaxSessionDuration"] == 7200
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {"project": "demo", "team": "blue"}
    inline = await cloud.iam.GetRolePolicy(RoleName=made.physical_id, PolicyName="own")
    assert json.loads(unquote(inline["PolicyDocument"])) == document("s3:GetObject")
    await role.delete(context, made.physical_id, properties)
    assert (await cloud.iam.ListRoles())["Roles"] == []
    await role.delete(context, made.physical_id, properties)


async def test_a_step_that_runs_again_makes_no_second_role(cloud, context):
    role = TYPES.get("AWS::IAM::Role")
    properties = {"AssumeRolePolicyDocument": TRUST}
    first = await role.create(context, properties)
    assert await role.create(context, properties) == first
    replacement = await role.create(replace(context, token="another"), properties)
    assert replacement.physical_id != first.physical_id


async def test_a_role_whose_chosen_name_is_taken_is_not_touched(cloud, context):
    await cloud.iam.CreateRole(RoleName="taken", AssumeRolePolicyDocument=json.dumps(TRUST))
    role = TYPES.get("AWS::IAM::Role")
    with pytest.raises(AwsError) as info:
        await role.create(
            context, {"RoleName": "taken", "AssumeRolePolicyDocument": TRUST, "ManagedPolicyArns": [BASIC]}
        )
    assert info.value.code == "EntityAlreadyExists"
    assert (await cloud.iam.ListAttachedRolePolicies(RoleName="taken"))["AttachedPolicies"] == []


async def test_a_role_that_can_not_be_completed_leaves_nothing(cloud, context):
    role = TYPES.get("AWS::IAM::Role")
    nobody = "arn:aws:iam::000000000000:policy/none"
    with pytest.raises(AwsError):
        await role.create(context, {"AssumeRolePolicyDocument": TRUST, "ManagedPolicyArns": [BASIC, nobody]})
    assert (await cloud.iam.ListRoles())["Roles"] == []


async def test_an_updated_role_keeps_what_others_attached(cloud, context):
    role = TYPES.get("AWS::IAM::Role")
    old = {
        "AssumeRolePolicyDocument": TRUST,
        "ManagedPolicyArns": [BASIC],
        "Policies": [{"PolicyName": "a", "PolicyDocument": document("s3:GetObject")}],
        "PermissionsBoundary": READ_ONLY,
        "Tags": [{"Key": "team", "Value": "blue"}],
        "Description": "old",
    }
    name = (await role.create(context, old)).physical_id
    await cloud.iam.AttachRolePolicy(RoleName=name, PolicyArn=READ_ONLY)
    new = {
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [{"PolicyName": "b", "PolicyDocument": document("s3:PutObject")}],
        "Tags": [{"Key": "stage", "Value": "test"}],
    }
    await role.update(context, name, old, new)
    await role.update(context, name, old, new)
    found = (await cloud.iam.GetRole(RoleName=name))["Role"]
    assert not found.keys() & {"PermissionsBoundary", "Description"}
    assert {tag["Key"] for tag in found["Tags"]} == {"project", "stage"}
    attached = (await cloud.iam.ListAttachedRolePolicies(RoleName=name))["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [READ_ONLY]
    assert (await cloud.iam.ListRolePolicies(RoleName=name))["PolicyNames"] == ["b"]
    with pytest.raises(AwsError) as info:
        await role.delete(context, name, new)
    assert info.value.code == "DeleteConflict"


def test_a_name_or_path_needs_a_new_role():
    role = TYPES.get("AWS::IAM::Role")
    assert role.replaces({"RoleName": "a"}, {"RoleName": "b"})
    assert role.replaces({"Path": "/a/"}, {"Path": "/"})
    assert not role.replaces({"Description": "a"}, {"Description": "b"})


@pytest.mark.parametrize("name", ["Role", "InstanceProfile", "ManagedPolicy"])
def test_what_the_template_names_can_not_be_replaced_under_that_name(name):
    resource_type = TYPES.get(f"AWS::IAM::{name}")
    old, new = {f"{name}Name": "mine", "Path": "/"}, {f"{name}Name": "mine", "Path": "/team/"}
    assert resource_type.replaces(old, new)
    with pytest.raises(InvalidProperty, match=r"a custom-named resource requires replacing\. Rename mine and update"):
        resource_type.check_replaceable(old, new)
    resource_type.check_replaceable({"Path": "/"}, {"Path": "/team/"})


async def test_a_managed_policys_document_changes_by_version_and_never_runs_out_of_them(cloud, context):
    policy = TYPES.get("AWS::IAM::ManagedPolicy")
    await cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    await cloud.iam.CreateUser(UserName="ann")
    old = {"PolicyDocument": document("s3:GetObject"), "Roles": ["r"]}
    made = await policy.create(context, old)
    assert made.physical_id == made.attributes["PolicyArn"]
    assert made.attributes["AttachmentCount"] == 1
    for number in range(7):
        new = {"PolicyDocument": document(f"s3:Get{number}"), "Users": ["ann"]}
        updated = await policy.update(context, made.physical_id, old, new)
        again = await policy.update(context, made.physical_id, old, new)
        assert again == updated
        old = new
    assert updated.attributes["DefaultVersionId"] == "v8"
    assert (await cloud.iam.ListAttachedRolePolicies(RoleName="r"))["AttachedPolicies"] == []
    await policy.delete(context, made.physical_id, old)
    assert (await cloud.iam.ListPolicies(Scope="Local"))["Policies"] == []
    await policy.delete(context, made.physical_id, old)


async def test_one_inline_policy_for_several_holders(cloud, context):
    policy = TYPES.get("AWS::IAM::Policy")
    for name in ("a", "b"):
        await cloud.iam.CreateRole(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    await cloud.iam.CreateGroup(GroupName="g")
    old = {"PolicyName": "p", "PolicyDocument": document("s3:GetObject"), "Roles": ["a"], "Groups": ["g"]}
    made = await policy.create(context, old)
    new = {"PolicyName": "p2", "PolicyDocument": document("s3:PutObject"), "Roles": ["b"]}
    await policy.update(context, made.physical_id, old, new)
    assert (await cloud.iam.ListRolePolicies(RoleName="a"))["PolicyNames"] == []
    assert (await cloud.iam.ListGroupPolicies(GroupName="g"))["PolicyNames"] == []
    assert (await cloud.iam.ListRolePolicies(RoleName="b"))["PolicyNames"] == ["p2"]
    await cloud.iam.DeleteRolePolicy(RoleName="b", PolicyName="p2")
    await policy.delete(context, made.physical_id, new)


def test_an_inline_policy_needs_a_holder():
    with pytest.raises(InvalidProperty):
        coerced("AWS::IAM::Policy", {"PolicyName": "p", "PolicyDocument": document("s3:*")})


@pytest.mark.parametrize("kind", ["Role", "User", "Group"])
async def test_an_inline_policy_of_its_own(cloud, context, kind):
    request = {f"{kind}Name": "x"} | ({"AssumeRolePolicyDocument": json.dumps(TRUST)} if kind == "Role" else {})
    await getattr(cloud.iam, f"Create{kind}")(**request)
    policy = TYPES.get(f"AWS::IAM::{kind}Policy")
    properties = coerced(policy.name, {f"{kind}Name": "x", "PolicyName": "p", "PolicyDocument": document("s3:*")})
    made = await policy.create(context, properties)
    assert made.physical_id == "p|x"
    plural = getattr(cloud.iam, f"List{kind}Policies")
    assert (await plural(**{f"{kind}Name": "x"}))["PolicyNames"] == ["p"]
    await policy.delete(context, made.physical_id, properties)
    await policy.delete(context, made.physical_id, properties)
    assert (await plural(**{f"{kind}Name": "x"}))["PolicyNames"] == []


async def test_a_user_with_groups_and_a_key(cloud, context):
    user, group, key = (TYPES.get(f"AWS::IAM::{name}") for name in ("User", "Group", "AccessKey"))
    groups = [
        (await group.create(replace(context, logical_id=name), {"Path": "/x/"})).physical_id for name in ("One", "Two")
    ]
    old = {"Groups": groups[:1], "ManagedPolicyArns": [READ_ONLY]}
    made = await user.create(context, old)
    secret = await key.create(context, {"UserName": made.physical_id, "Status": "Inactive"})
    listed = (await cloud.iam.ListAccessKeys(UserName=made.physical_id))["AccessKeyMetadata"]
    assert [(each["AccessKeyId"], each["Status"]) for each in listed] == [(secret.physical_id, "Inactive")]
    assert len(secret.attributes["SecretAccessKey"]) == 40
    new = {"Groups": groups[1:], "Path": "/moved/"}
    updated = await user.update(context, made.physical_id, old, new)
    assert updated.attributes["Arn"].endswith(f":user/moved/{made.physical_id}")
    found = await cloud.iam.ListGroupsForUser(UserName=made.physical_id)
    assert [each["GroupName"] for each in found["Groups"]] == groups[1:]
    await key.delete(context, secret.physical_id, {"UserName": made.physical_id})
    await user.delete(context, made.physical_id, new)
    for name in groups:
        await group.delete(context, name, {"Path": "/x/"})
    assert (await cloud.iam.ListUsers())["Users"] == []
    assert (await cloud.iam.ListGroups())["Groups"] == []


async def test_users_are_added_to_a_group_that_is_not_the_stacks(cloud, context):
    addition = TYPES.get("AWS::IAM::UserToGroupAddition")
    for name in ("ann", "bob"):
        await cloud.iam.CreateUser(UserName=name)
    await cloud.iam.CreateGroup(GroupName="g")
    old, new = {"GroupName": "g", "Users": ["ann"]}, {"GroupName": "g", "Users": ["bob"]}
    made = await addition.create(context, old)
    await addition.update(context, made.physical_id, old, new)
    assert [each["UserName"] for each in (await cloud.iam.GetGroup(GroupName="g"))["Users"]] == ["bob"]
    await addition.delete(context, made.physical_id, new)
    assert (await cloud.iam.GetGroup(GroupName="g"))["Users"] == []


async def test_an_instance_profile_changes_its_role(cloud, context):
    profile = TYPES.get("AWS::IAM::InstanceProfile")
    for name in ("a", "b"):
        await cloud.iam.CreateRole(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    made = await profile.create(context, {"Roles": ["a"]})
    await profile.update(context, made.physical_id, {"Roles": ["a"]}, {"Roles": ["b"]})
    found = (await cloud.iam.GetInstanceProfile(InstanceProfileName=made.physical_id))["InstanceProfile"]
    assert [role["RoleName"] for role in found["Roles"]] == ["b"]
    assert made.attributes == {"Arn": found["Arn"]}
    await profile.delete(context, made.physical_id, {"Roles": ["b"]})
    assert (await cloud.iam.ListInstanceProfiles())["InstanceProfiles"] == []


async def test_a_service_linked_role_of_a_stack(cloud, context):
    linked = TYPES.get("AWS::IAM::ServiceLinkedRole")
    properties = {"AWSServiceName": "ecs.amazonaws.com"}
    made = await linked.create(context, properties)
    assert made.physical_id == made.attributes["RoleName"] == "AWSServiceRoleForECS"
    await linked.delete(context, made.physical_id, properties)
    await linked.delete(context, made.physical_id, properties)
    assert (await cloud.iam.ListRoles())["Roles"] == []
