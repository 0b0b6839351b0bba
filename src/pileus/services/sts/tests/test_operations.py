"""Temporary credentials: who gets them, what they may do, how long they last."""

import json

import pytest

from pileus.authn.sessions import open_session
from pileus.authz.evaluate import Access, evaluate
from pileus.kernel import principal as principals
from pileus.kernel.errors import AwsError, NotImplementedByUs

HOUR_MS = 3_600_000


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list, resource: str = "*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trusts(principal: dict, *, action: str | list = "sts:AssumeRole", **more) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": action, **more})


async def a_role(cloud, trust: str, *statements: dict, name: str = "worker", **more) -> dict:
    role = (await cloud.iam.CreateRole(RoleName=name, AssumeRolePolicyDocument=trust, **more))["Role"]
    if statements:
        await cloud.iam.PutRolePolicy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return role


async def a_user(cloud, name: str, *statements: dict, **more) -> principals.Principal:
    made = (await cloud.iam.CreateUser(UserName=name, **more))["User"]
    if statements:
        await cloud.iam.PutUserPolicy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return principals.user(cloud.account, name, made["UserId"])


def holder(cloud, issued: dict) -> principals.Principal:
    """Who these credentials are, as the gateway finds out."""
    given = issued["Credentials"]
    key = cloud.pileus.session_key
    session = open_session(given["SessionToken"], key, given["AccessKeyId"], cloud.clock.now_ms(), "query")
    assert session.secret_access_key == given["SecretAccessKey"]
    return session.principal


async def refused(awaitable, code: str) -> str:
    with pytest.raises(AwsError) as info:
        await awaitable
    assert info.value.code == code, info.value
    return info.value.message


def may(cloud, principal: principals.Principal, action: str) -> bool:
    """By the caller's own policies, on something of its account."""
    policies_of = cloud.pileus.registry.get("iam").policies
    policies = cloud.store.look(policies_of, principal)[0]
    return evaluate(policies, Access(principal, action, "arn:aws:s3:::bucket/key", cloud.account, {})).allowed


LAMBDA = principals.service("lambda.amazonaws.com")
TRUSTS_LAMBDA = trusts({"Service": "lambda.amazonaws.com"})
TRUSTS_ACCOUNT = trusts({"AWS": "000000000000"})


# Who may assume a role


async def test_a_service_assumes_the_roles_that_trust_it_and_no_others(cloud):
    role = await a_role(cloud, TRUSTS_LAMBDA, allow("iam:ListRoles"))
    issued = await cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="fn")
    assert issued["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role['RoleId']}:fn",
        "Arn": "arn:aws:sts::000000000000:assumed-role/worker/fn",
    }
    assert issued["Credentials"]["AccessKeyId"].startswith("ASIA")
    await cloud.as_(holder(cloud, issued), "iam").ListRoles()
    s3 = cloud.as_(principals.service("s3.amazonaws.com"), "sts")
    assert await refused(s3.AssumeRole(RoleArn=role["Arn"], RoleSessionName="fn"), "AccessDenied") == (
        "User: s3.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: "
        "arn:aws:iam::000000000000:role/worker because no role trust policy allows the sts:AssumeRole action"
    )


async def test_a_trusted_account_says_itself_which_of_its_users_may(cloud):
    role = await a_role(cloud, TRUSTS_ACCOUNT)
    ann = cloud.as_(await a_user(cloud, "ann"), "sts")
    bob = cloud.as_(await a_user(cloud, "bob", allow("sts:AssumeRole", role["Arn"])), "sts")
    request = {"RoleArn": role["Arn"], "RoleSessionName": "work"}
    assert "no identity-based policy" in await refused(ann.AssumeRole(**request), "AccessDenied")
    await bob.AssumeRole(**request)


async def test_a_trusted_user_needs_nothing_more(cloud):
    ann = await a_user(cloud, "ann")
    bob = await a_user(cloud, "bob", allow("sts:AssumeRole"))
    role = await a_role(cloud, trusts({"AWS": ann.arn}))
    await cloud.as_(ann, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="work")
    await refused(cloud.as_(bob, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="work"), "AccessDenied")


async def test_another_account_needs_both_sides(cloud):
    role = await a_role(cloud, trusts({"AWS": "111111111111"}), name="open")
    closed = await a_role(cloud, TRUSTS_ACCOUNT, name="closed")
    there = cloud.as_(principals.root("111111111111"), "iam")
    made = (await there.CreateUser(UserName="eve"))["User"]
    eve = principals.user("111111111111", "eve", made["UserId"])
    sts = cloud.as_(eve, "sts")
    await refused(sts.AssumeRole(RoleArn=role["Arn"], RoleSessionName="work"), "AccessDenied")
    await there.PutUserPolicy(UserName="eve", PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole")))
    issued = await sts.AssumeRole(RoleArn=role["Arn"], RoleSessionName="work")
    assert holder(cloud, issued).account == cloud.account
    await refused(sts.AssumeRole(RoleArn=closed["Arn"], RoleSessionName="work"), "AccessDenied")


async def test_a_role_that_is_not_there_is_denied_like_one_that_is(cloud):
    arn = "arn:aws:iam::000000000000:role/none"
    for caller in (cloud.sts, cloud.as_(LAMBDA, "sts")):
        await refused(caller.AssumeRole(RoleArn=arn, RoleSessionName="work"), "AccessDenied")
    role = await a_role(cloud, TRUSTS_LAMBDA, Path="/deep/")
    await refused(
        cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=role["Arn"].replace("/deep", ""), RoleSessionName="work"),
        "AccessDenied",
    )
    await refused(cloud.sts.AssumeRole(RoleArn="no arn but long enough", RoleSessionName="work"), "ValidationError")


async def test_the_external_id_must_be_the_one_that_was_agreed(cloud):
    trust = trusts({"AWS": "000000000000"}, Condition={"StringEquals": {"sts:ExternalId": "agreed"}})
    role = await a_role(cloud, trust)
    ann = cloud.as_(await a_user(cloud, "ann", allow("sts:AssumeRole")), "sts")
    request = {"RoleArn": role["Arn"], "RoleSessionName": "work"}
    await refused(ann.AssumeRole(**request), "AccessDenied")
    await refused(ann.AssumeRole(**request, ExternalId="other"), "AccessDenied")
    await ann.AssumeRole(**request, ExternalId="agreed")


async def test_a_service_acts_for_the_resource_that_the_trust_names(cloud):
    rule = "arn:aws:events:us-east-1:000000000000:rule/nightly"
    trust = trusts({"Service": "events.amazonaws.com"}, Condition={"ArnLike": {"aws:SourceArn": rule}})
    role = await a_role(cloud, trust)
    request = {"RoleArn": role["Arn"], "RoleSessionName": "events"}
    right = principals.service("events.amazonaws.com", source_arn=rule)
    wrong = principals.service("events.amazonaws.com", source_arn=rule + "2")
    await cloud.as_(right, "sts").AssumeRole(**request)
    await refused(cloud.as_(wrong, "sts").AssumeRole(**request), "AccessDenied")


# How long, and what it may do


async def test_a_session_ends_with_its_time(cloud):
    role = await a_role(cloud, TRUSTS_LAMBDA)
    issued = await cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="fn", DurationSeconds=900)
    assert issued["Credentials"]["Expiration"].timestamp() * 1000 == cloud.at(900_000)
    cloud.clock.advance(ms=899_999)
    holder(cloud, issued)
    cloud.clock.advance(ms=1)
    with pytest.raises(AwsError) as info:
        holder(cloud, issued)
    assert info.value.code == "ExpiredToken"


async def test_the_roles_maximum_binds_callers_and_not_services(cloud):
    role = await a_role(
        cloud, policy(*json.loads(TRUSTS_LAMBDA)["Statement"], *json.loads(TRUSTS_ACCOUNT)["Statement"])
    )
    request = {"RoleArn": role["Arn"], "RoleSessionName": "work", "DurationSeconds": 3601}
    assert "MaxSessionDuration" in await refused(cloud.sts.AssumeRole(**request), "ValidationError")
    await cloud.as_(LAMBDA, "sts").AssumeRole(**request | {"DurationSeconds": 43_200})
    await cloud.iam.UpdateRole(RoleName="worker", MaxSessionDuration=7200)
    await cloud.sts.AssumeRole(**request)


async def test_a_chained_role_lasts_an_hour_at_most(cloud):
    first = await a_role(cloud, TRUSTS_LAMBDA, allow("sts:AssumeRole"), name="first")
    second = await a_role(cloud, trusts({"AWS": first["Arn"]}), name="second", MaxSessionDuration=43_200)
    issued = await cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=first["Arn"], RoleSessionName="fn")
    session = cloud.as_(holder(cloud, issued), "sts")
    request = {"RoleArn": second["Arn"], "RoleSessionName": "work"}
    assert "role chaining" in await refused(session.AssumeRole(**request, DurationSeconds=3601), "ValidationError")
    chained = await session.AssumeRole(**request, DurationSeconds=3600)
    assert holder(cloud, chained).role_arn == second["Arn"]


async def test_session_policies_only_take_away(cloud):
    role = await a_role(cloud, TRUSTS_LAMBDA, allow(["iam:ListRoles", "iam:ListUsers"]))
    limits = (await cloud.iam.CreatePolicy(PolicyName="limits", PolicyDocument=policy(allow("iam:ListUsers"))))[
        "Policy"
    ]
    sts = cloud.as_(LAMBDA, "sts")
    request = {"RoleArn": role["Arn"], "RoleSessionName": "fn"}
    inline = await sts.AssumeRole(**request, Policy=policy(allow(["iam:ListRoles", "iam:ListGroups"])))
    assert 0 < inline["PackedPolicySize"] < 100
    limited = cloud.as_(holder(cloud, inline), "iam")
    await limited.ListRoles()
    assert "no session policy allows" in await refused(limited.ListUsers(), "AccessDenied")
    assert "no identity-based policy" in await refused(limited.ListGroups(), "AccessDenied")
    managed = await sts.AssumeRole(**request, PolicyArns=[{"arn": limits["Arn"]}])
    limited = cloud.as_(holder(cloud, managed), "iam")
    await limited.ListUsers()
    await refused(limited.ListRoles(), "AccessDenied")
    await refused(sts.AssumeRole(**request, Policy="{"), "MalformedPolicyDocument")
    await refused(sts.AssumeRole(**request, PolicyArns=[{"arn": limits["Arn"] + "x"}]), "ValidationError")


async def test_a_deleted_roles_session_has_no_permissions_also_when_the_name_is_back(cloud):
    role = await a_role(cloud, TRUSTS_LAMBDA, allow("iam:ListRoles"))
    issued = await cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="fn")
    session = cloud.as_(holder(cloud, issued), "iam")
    await session.ListRoles()
    await cloud.iam.DeleteRolePolicy(RoleName="worker", PolicyName="own")
    await cloud.iam.DeleteRole(RoleName="worker")
    await refused(session.ListRoles(), "AccessDenied")
    await a_role(cloud, TRUSTS_LAMBDA, allow("iam:ListRoles"))
    await refused(session.ListRoles(), "AccessDenied")


async def test_sessions_from_before_a_moment_can_be_revoked(cloud):
    role = await a_role(cloud, TRUSTS_LAMBDA, allow("iam:ListRoles"))
    issued = await cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="fn")
    condition = {"DateLessThan": {"aws:TokenIssueTime": "2026-01-01T00:30:00Z"}}
    revoked = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    await cloud.iam.PutRolePolicy(RoleName="worker", PolicyName="revoke", PolicyDocument=policy(revoked))
    await refused(cloud.as_(holder(cloud, issued), "iam").ListRoles(), "AccessDenied")
    cloud.clock.advance(ms=HOUR_MS // 2)
    later = await cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="fn")
    await cloud.as_(holder(cloud, later), "iam").ListRoles()


# Tags and source identity


async def test_session_tags_need_a_permission_and_overlay_the_roles(cloud):
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "cost", "Value": "1"}]
    role = await a_role(cloud, TRUSTS_LAMBDA, Tags=tags)
    sts = cloud.as_(LAMBDA, "sts")
    request = {"RoleArn": role["Arn"], "RoleSessionName": "fn", "Tags": [{"Key": "Team", "Value": "red"}]}
    assert "sts:TagSession" in await refused(sts.AssumeRole(**request), "AccessDenied")
    document = trusts({"Service": "lambda.amazonaws.com"}, action=["sts:AssumeRole", "sts:TagSession"])
    await cloud.iam.UpdateAssumeRolePolicy(RoleName="worker", PolicyDocument=document)
    assert holder(cloud, await sts.AssumeRole(**request)).tags == {"cost": "1", "Team": "red"}


async def test_transitive_tags_go_on_and_stay_as_they_are(cloud):
    both = ["sts:AssumeRole", "sts:TagSession"]
    first = await a_role(cloud, trusts({"Service": "lambda.amazonaws.com"}, action=both), name="first")
    second = await a_role(cloud, trusts({"AWS": first["Arn"]}, action=both), name="second")
    issued = await cloud.as_(LAMBDA, "sts").AssumeRole(
        RoleArn=first["Arn"],
        RoleSessionName="fn",
        Tags=[{"Key": "team", "Value": "red"}, {"Key": "own", "Value": "1"}],
        TransitiveTagKeys=["team"],
    )
    session = cloud.as_(holder(cloud, issued), "sts")
    request = {"RoleArn": second["Arn"], "RoleSessionName": "work"}
    chained = holder(cloud, await session.AssumeRole(**request))
    assert chained.tags == {"team": "red"}
    assert chained.transitive_tag_keys == ("team",)
    await refused(session.AssumeRole(**request, Tags=[{"Key": "TEAM", "Value": "x"}]), "InvalidParameterValue")
    await refused(session.AssumeRole(**request, TransitiveTagKeys=["none"]), "InvalidParameterValue")


async def test_a_source_identity_stays_through_the_chain(cloud):
    both = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    first = await a_role(cloud, trusts({"Service": "lambda.amazonaws.com"}, action=both), name="first")
    second = await a_role(cloud, trusts({"AWS": first["Arn"]}, action=both), name="second")
    issued = await cloud.as_(LAMBDA, "sts").AssumeRole(RoleArn=first["Arn"], RoleSessionName="fn", SourceIdentity="ann")
    assert issued["SourceIdentity"] == "ann"
    session = cloud.as_(holder(cloud, issued), "sts")
    request = {"RoleArn": second["Arn"], "RoleSessionName": "work"}
    assert holder(cloud, await session.AssumeRole(**request)).source_identity == "ann"
    await refused(session.AssumeRole(**request, SourceIdentity="bob"), "AccessDenied")


# The other operations


async def test_nobody_is_denied_its_own_name(cloud):
    ann = await a_user(cloud, "ann", {"Effect": "Deny", "Action": "*", "Resource": "*"})
    assert await cloud.as_(ann, "sts").GetCallerIdentity() == {
        "UserId": ann.unique_id,
        "Account": cloud.account,
        "Arn": "arn:aws:iam::000000000000:user/ann",
    }
    await refused(cloud.as_(principals.anonymous(), "sts").GetCallerIdentity(), "AccessDenied")


async def test_a_session_token_is_its_user_but_for_iam(cloud):
    ann = await a_user(cloud, "ann", allow(["iam:ListUsers", "sts:AssumeRole"]))
    session = holder(cloud, await cloud.as_(ann, "sts").GetSessionToken())
    assert (session.arn, session.expires_ms) == (ann.arn, cloud.at(12 * HOUR_MS))
    await refused(cloud.as_(session, "iam").ListUsers(), "InvalidClientTokenId")
    await refused(cloud.as_(session, "sts").GetSessionToken(), "AccessDenied")
    role = await a_role(cloud, TRUSTS_ACCOUNT)
    await cloud.as_(session, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="work")


async def test_a_roots_session_lasts_an_hour_at_most(cloud):
    session = holder(cloud, await cloud.sts.GetSessionToken(DurationSeconds=7200))
    assert (session.kind, session.expires_ms) == ("root", cloud.at(HOUR_MS))


async def test_a_federated_user_has_what_both_its_user_and_its_policy_allow(cloud):
    ann = await a_user(cloud, "ann", allow(["sts:GetFederationToken", "s3:GetObject", "s3:PutObject"]))
    document = policy(allow(["s3:GetObject", "s3:DeleteObject"]))
    issued = await cloud.as_(ann, "sts").GetFederationToken(Name="guest", Policy=document)
    assert issued["FederatedUser"] == {
        "FederatedUserId": "000000000000:guest",
        "Arn": "arn:aws:sts::000000000000:federated-user/guest",
    }
    guest = holder(cloud, issued)
    assert [may(cloud, guest, f"s3:{verb}Object") for verb in ("Get", "Put", "Delete")] == [True, False, False]
    bare = holder(cloud, await cloud.as_(ann, "sts").GetFederationToken(Name="guest"))
    assert not may(cloud, bare, "s3:GetObject")
    bob = await a_user(cloud, "bob")
    await refused(cloud.as_(bob, "sts").GetFederationToken(Name="guest"), "AccessDenied")


async def test_a_federated_user_of_the_root_has_what_its_policy_allows(cloud):
    issued = await cloud.sts.GetFederationToken(Name="guest", Policy=policy(allow("s3:GetObject")))
    guest = holder(cloud, issued)
    assert [may(cloud, guest, f"s3:{verb}Object") for verb in ("Get", "Put")] == [True, False]


async def test_a_federated_user_calls_neither_iam_nor_sts(cloud):
    ann = await a_user(cloud, "ann", allow("*"))
    issued = await cloud.as_(ann, "sts").GetFederationToken(Name="guest", Policy=policy(allow("*")))
    guest = holder(cloud, issued)
    role = await a_role(cloud, TRUSTS_ACCOUNT)
    await refused(cloud.as_(guest, "iam").ListUsers(), "InvalidClientTokenId")
    await refused(cloud.as_(guest, "sts").AssumeRole(RoleArn=role["Arn"], RoleSessionName="work"), "AccessDenied")
    await refused(cloud.as_(guest, "sts").GetFederationToken(Name="next"), "AccessDenied")
    assert (await cloud.as_(guest, "sts").GetCallerIdentity())["Arn"] == guest.arn


async def test_what_is_not_there_is_refused_by_name(cloud):
    with pytest.raises(NotImplementedByUs):
        await cloud.sts.DecodeAuthorizationMessage(EncodedMessage="x")
    with pytest.raises(NotImplementedByUs):
        await cloud.sts.GetSessionToken(SerialNumber="arn:aws:iam::000000000000:mfa/ann", TokenCode="123456")


async def test_a_keys_id_tells_its_account(cloud):
    await cloud.iam.CreateUser(UserName="ann")
    long_term = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]["AccessKeyId"]
    other = cloud.as_(principals.root("999999999999"), "sts")
    temporary = (await other.GetSessionToken())["Credentials"]["AccessKeyId"]
    assert await cloud.sts.GetAccessKeyInfo(AccessKeyId=long_term) == {"Account": cloud.account}
    await cloud.iam.DeleteAccessKey(UserName="ann", AccessKeyId=long_term)
    assert await cloud.sts.GetAccessKeyInfo(AccessKeyId=long_term) == {"Account": cloud.account}
    assert await cloud.sts.GetAccessKeyInfo(AccessKeyId=temporary) == {"Account": "999999999999"}
    for wrong in ("AKIAIOSFODNN7EXAMPLE", "AROA" + long_term[4:], "anythingofsixteen"):
        await refused(cloud.sts.GetAccessKeyInfo(AccessKeyId=wrong), "ValidationError")
