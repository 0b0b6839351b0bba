"""What IAM's policies do to a call: IAM's own operations as the ones that are allowed and denied."""

import json

import pytest

from pileus.kernel import principal as principals
from pileus.kernel.errors import AwsError
from pileus.services.iam import effective

TRUST_ACCOUNT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"},
        ],
    }
)


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list, resource: str | list = "*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


async def a_user(cloud, name: str, *statements: dict, **more):
    """IAM as a new user with these permissions sees it."""
    made = (await cloud.iam.CreateUser(UserName=name, **more))["User"]
    if statements:
        await cloud.iam.PutUserPolicy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    key = (await cloud.iam.CreateAccessKey(UserName=name))["AccessKey"]
    secret, holder = cloud.store.look(effective.credentials, key["AccessKeyId"])[0]
    assert secret == key["SecretAccessKey"]
    assert holder.unique_id == made["UserId"]
    return cloud.as_(holder, "iam")


async def denied(awaitable) -> str:
    with pytest.raises(AwsError) as info:
        await awaitable
    assert info.value.code == "AccessDenied", info.value
    return info.value.message


async def test_a_user_without_permissions_is_denied_by_name(cloud):
    ann = await a_user(cloud, "ann")
    assert await denied(ann.GetUser(UserName="ann")) == (
        "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: iam:GetUser on resource: "
        "arn:aws:iam::000000000000:user/ann because no identity-based policy allows the iam:GetUser action"
    )


async def test_a_user_may_do_what_its_policy_names_and_nothing_else(cloud):
    ann = await a_user(cloud, "ann", allow("iam:GetUser", "arn:aws:iam::*:user/${aws:username}"))
    await cloud.iam.CreateUser(UserName="bob")
    assert (await ann.GetUser(UserName="ann"))["User"]["UserName"] == "ann"
    await denied(ann.GetUser(UserName="bob"))
    await denied(ann.ListUsers())


async def test_a_change_of_permissions_counts_from_the_next_call(cloud):
    ann = await a_user(cloud, "ann", allow("iam:ListUsers"))
    await ann.ListUsers()
    await cloud.iam.DeleteUserPolicy(UserName="ann", PolicyName="own")
    await denied(ann.ListUsers())


async def test_a_groups_policies_are_its_users(cloud):
    ann = await a_user(cloud, "ann")
    await cloud.iam.CreateGroup(GroupName="Readers")
    await cloud.iam.PutGroupPolicy(GroupName="Readers", PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers")))
    await cloud.iam.AttachGroupPolicy(GroupName="Readers", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    await denied(ann.ListUsers())
    await cloud.iam.AddUserToGroup(GroupName="Readers", UserName="ann")
    await ann.ListUsers()
    await ann.GetUser(UserName="ann")
    await denied(ann.DeleteUser(UserName="ann"))
    await cloud.iam.RemoveUserFromGroup(GroupName="Readers", UserName="ann")
    await denied(ann.ListUsers())


async def test_an_explicit_deny_wins(cloud):
    ann = await a_user(cloud, "ann", allow("iam:*"), {"Effect": "Deny", "Action": "iam:DeleteUser", "Resource": "*"})
    assert "with an explicit deny in an identity-based policy" in await denied(ann.DeleteUser(UserName="ann"))


async def test_a_boundary_limits_and_gives_nothing(cloud):
    document = policy(allow(["iam:ListUsers", "iam:ListRoles"]))
    arn = (await cloud.iam.CreatePolicy(PolicyName="limit", PolicyDocument=document))["Policy"]["Arn"]
    ann = await a_user(cloud, "ann", allow(["iam:ListUsers", "iam:GetUser"]), PermissionsBoundary=arn)
    await ann.ListUsers()
    assert "no permissions boundary allows the iam:GetUser action" in await denied(ann.GetUser())
    assert "no identity-based policy" in await denied(ann.ListRoles())
    # A new default version is in force at once.
    await cloud.iam.CreatePolicyVersion(PolicyArn=arn, PolicyDocument=policy(allow("iam:GetUser")), SetAsDefault=True)
    await ann.GetUser()
    await denied(ann.ListUsers())


async def test_whoever_makes_users_can_be_held_to_a_boundary(cloud):
    boundary = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    ann = await a_user(
        cloud,
        "ann",
        allow(
            ["iam:CreateUser", "iam:PutUserPolicy"],
            Condition={"StringEquals": {"iam:PermissionsBoundary": boundary}},
        ),
    )
    await denied(ann.CreateUser(UserName="bob"))
    await denied(ann.CreateUser(UserName="bob", PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"))
    await ann.CreateUser(UserName="bob", PermissionsBoundary=boundary)
    await ann.PutUserPolicy(UserName="bob", PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    await cloud.iam.CreateUser(UserName="free")
    await denied(ann.PutUserPolicy(UserName="free", PolicyName="p", PolicyDocument=policy(allow("s3:*"))))


async def test_which_policies_may_be_attached_can_be_said(cloud):
    read_only = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    ann = await a_user(
        cloud, "ann", allow("iam:AttachUserPolicy", Condition={"ArnEquals": {"iam:PolicyARN": read_only}})
    )
    await ann.AttachUserPolicy(UserName="ann", PolicyArn=read_only)
    await denied(ann.AttachUserPolicy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"))


async def test_tags_of_the_request_the_caller_and_the_resource_decide(cloud):
    ann = await a_user(
        cloud,
        "ann",
        allow("iam:CreateUser", Condition={"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}),
        allow("iam:TagUser"),
        allow("iam:DeleteUser", Condition={"StringEquals": {"iam:ResourceTag/team": "blue"}}),
        allow("iam:GetUser", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}),
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    await denied(ann.CreateUser(UserName="bob", Tags=[{"Key": "team", "Value": "red"}]))
    await ann.CreateUser(UserName="bob", Tags=[{"Key": "team", "Value": "blue"}])
    await cloud.iam.CreateUser(UserName="eve", Tags=[{"Key": "team", "Value": "red"}])
    await ann.GetUser(UserName="bob")
    await denied(ann.GetUser(UserName="eve"))
    await denied(ann.DeleteUser(UserName="eve"))
    await ann.DeleteUser(UserName="bob")


async def test_renaming_needs_both_names(cloud):
    ann = await a_user(cloud, "ann", allow("iam:UpdateUser", "arn:aws:iam::000000000000:user/a*"))
    await denied(ann.UpdateUser(UserName="ann", NewUserName="bob"))
    await ann.UpdateUser(UserName="ann", NewUserName="anna")


async def test_a_role_in_a_profile_needs_pass_role(cloud):
    await cloud.iam.CreateRole(RoleName="strong", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    await cloud.iam.CreateInstanceProfile(InstanceProfileName="p")
    ann = await a_user(cloud, "ann", allow("iam:AddRoleToInstanceProfile"))
    assert "iam:PassRole on resource: arn:aws:iam::000000000000:role/strong" in await denied(
        ann.AddRoleToInstanceProfile(InstanceProfileName="p", RoleName="strong")
    )


async def test_a_user_may_list_its_own_second_factors_of_which_there_are_none(cloud):
    ann = await a_user(cloud, "ann", allow("iam:ListMFADevices", "arn:aws:iam::*:user/${aws:username}"))
    await cloud.iam.CreateUser(UserName="bob")
    assert await ann.ListMFADevices() == {"MFADevices": [], "IsTruncated": False}
    await denied(ann.ListMFADevices(UserName="bob"))
    with pytest.raises(AwsError, match="name eve cannot be found") as info:
        await cloud.iam.ListMFADevices(UserName="eve")
    assert info.value.code == "NoSuchEntity"


async def test_an_inactive_key_is_nobodys(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]["AccessKeyId"]
    await cloud.iam.UpdateAccessKey(UserName="ann", AccessKeyId=key, Status="Inactive")
    assert cloud.store.look(effective.credentials, key)[0] is None
    await cloud.iam.UpdateAccessKey(UserName="ann", AccessKeyId=key, Status="Active")
    assert cloud.store.look(effective.credentials, key)[0] is not None
    assert cloud.store.look(effective.credentials, "AKIANOBODYSKEY000000")[0] is None


async def test_the_roots_own_key_is_the_root(cloud):
    key = (await cloud.iam.CreateAccessKey())["AccessKey"]
    _, holder = cloud.store.look(effective.credentials, key["AccessKeyId"])[0]
    assert (holder.kind, holder.account) == ("root", cloud.account)


async def test_who_has_the_name_of_one_that_is_gone_has_nothing_of_it(cloud):
    ann = await a_user(cloud, "ann", allow("iam:ListUsers"))
    await ann.ListUsers()
    for key in (await cloud.iam.ListAccessKeys(UserName="ann"))["AccessKeyMetadata"]:
        await cloud.iam.DeleteAccessKey(UserName="ann", AccessKeyId=key["AccessKeyId"])
    await cloud.iam.DeleteUserPolicy(UserName="ann", PolicyName="own")
    await cloud.iam.DeleteUser(UserName="ann")
    await a_user(cloud, "ann", allow("iam:ListUsers"))
    await denied(ann.ListUsers())


async def test_sts_may_read_roles_and_no_other_service_may(cloud):
    await cloud.iam.CreateRole(RoleName="r", AssumeRolePolicyDocument=TRUST_ACCOUNT)
    sts = cloud.as_(principals.service("sts.amazonaws.com"), "iam")
    assert (await sts.GetRole(RoleName="r"))["Role"]["RoleName"] == "r"
    await denied(sts.DeleteRole(RoleName="r"))
    await denied(cloud.as_(principals.service("s3.amazonaws.com"), "iam").GetRole(RoleName="r"))
    await denied(cloud.as_(principals.anonymous(), "iam").GetRole(RoleName="r"))
