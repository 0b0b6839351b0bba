"""IAM's pages: what they show and do is what the operations tell and did."""

import json
import re
from urllib.parse import quote, unquote

import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.pages import ROOT

SCRIPT = "<script>alert(1)</script>"


def allow(*actions: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
async def ann(cloud):
    """The page of a user."""
    await cloud.iam.CreateUser(UserName="ann")
    return "iam/users/ann"


@pytest.fixture
async def role(cloud):
    """The page of a role."""
    await cloud.iam.CreateRole(RoleName="runs", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    return "iam/roles/runs"


@pytest.fixture
async def policy(cloud):
    """The ARN of a managed policy."""
    return (await cloud.iam.CreatePolicy(PolicyName="reads", PolicyDocument=allow("s3:GetObject")))["Policy"]["Arn"]


def page_of(arn: str, *below: str) -> str:
    return "/".join(["iam/policies", quote(arn, safe=""), *below])


async def is_gone(waiting) -> bool:
    try:
        await waiting
    except AwsError as error:
        return error.code == "NoSuchEntity"
    return False


# Lists


async def test_users_groups_and_roles_are_made_and_listed(cloud):
    await cloud.browser.post("iam/users", "create", name="ann", under="/team/")
    await cloud.browser.post("iam/groups", "create", name="readers")
    made = {"description": "for functions", "trust": trust("lambda.amazonaws.com")}
    await cloud.browser.post("iam/roles", "create", name="runs", **made)
    user = (await cloud.iam.GetUser(UserName="ann"))["User"]
    assert f"ann /team/ {user['UserId']} 2026-01-01 00:00:00" in (await cloud.browser.get("iam/users")).text
    group = (await cloud.iam.GetGroup(GroupName="readers"))["Group"]
    assert f"readers / {group['GroupId']}" in (await cloud.browser.get("iam/groups")).text
    role = (await cloud.iam.GetRole(RoleName="runs"))["Role"]
    assert f"runs / for functions {role['RoleId']}" in (await cloud.browser.get("iam/roles")).text


@pytest.mark.parametrize(
    ("kind", "form", "why"),
    [
        ("users", {"name": "a b"}, "ValidationError"),
        ("groups", {"name": "a b"}, "ValidationError"),
        ("roles", {"name": "a", "trust": "{"}, "MalformedPolicyDocument"),
        ("policies", {"name": "a", "document": "{"}, "MalformedPolicyDocument"),
    ],
)
async def test_what_is_refused_is_told_and_not_made(cloud, kind, form, why):
    seen = await cloud.browser.post(f"iam/{kind}", "create", **form)
    assert (seen.status, why in seen.text, f'value="{form["name"]}"' in seen.html) == (400, True, True)
    made = await cloud.iam.GetAccountSummary()
    assert [made["SummaryMap"][of] for of in ("Users", "Groups", "Roles", "Policies")] == [0, 0, 0, 0]


async def test_pages_of_lists_lead_to_the_next(cloud):
    await cloud.iam.CreateGroup(GroupName="all")
    for at in range(52):
        name = f"n{at:02}"
        await cloud.iam.CreateUser(UserName=name)
        await cloud.iam.AddUserToGroup(GroupName="all", UserName=name)
        await cloud.iam.CreateRole(RoleName=name, AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
        await cloud.iam.CreatePolicy(PolicyName=name, PolicyDocument=allow("s3:GetObject"))
        await cloud.iam.CreateGroup(GroupName=f"n{at:02}")
    for path in ("iam/users", "iam/groups", "iam/roles", "iam/policies", "iam/groups/all"):
        first = await cloud.browser.get(path)
        second = await cloud.browser.follow(first, "from=")
        assert [name in first.text for name in ("n48", "n51")] == [True, False], path
        assert [name in second.text for name in ("n48", "n51")] == [False, True], path


async def test_names_and_texts_of_users_are_shown_as_text(cloud, ann, role):
    document = allow("s3:GetObject", resource=f"arn:aws:s3:::{SCRIPT}")
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=document)
    await cloud.iam.UpdateRole(RoleName="runs", Description=SCRIPT)
    arn = (await cloud.iam.CreatePolicy(PolicyName="x", PolicyDocument=document))["Policy"]["Arn"]
    pages = [(f"{ann}/inline", {"policy": "p"}), ("iam/roles", {}), (role, {}), (page_of(arn), {})]
    for path, query in pages:
        seen = await cloud.browser.get(path, **query)
        assert (SCRIPT in seen.html, "&lt;script&gt;alert(1)&lt;/script&gt;" in seen.html) == (False, True), path


# Users and groups


async def test_a_user_joins_and_leaves_groups(cloud, ann):
    await cloud.iam.CreateGroup(GroupName="readers")
    await cloud.browser.post(ann, "join", group="readers")
    assert [each["UserName"] for each in (await cloud.iam.GetGroup(GroupName="readers"))["Users"]] == ["ann"]
    assert "readers / Remove" in (await cloud.browser.get(ann)).text
    await cloud.browser.post(ann, "leave", group="readers")
    assert (await cloud.iam.ListGroupsForUser(UserName="ann"))["Groups"] == []
    seen = await cloud.browser.post(ann, "join", group="none")
    assert (seen.status, "NoSuchEntity" in seen.text) == (404, True)


async def test_a_group_takes_and_loses_users(cloud, ann):
    await cloud.iam.CreateGroup(GroupName="readers")
    await cloud.browser.post("iam/groups/readers", "add", user="ann")
    seen = await cloud.browser.get("iam/groups/readers")
    assert "ann / 2026-01-01 00:00:00 Remove" in seen.text
    refused = await cloud.browser.post("iam/groups/readers", "delete", typed_name="readers")
    assert (refused.status, "DeleteConflict" in refused.text) == (409, True)
    await cloud.browser.post("iam/groups/readers", "remove", user="ann")
    assert (await cloud.iam.GetGroup(GroupName="readers"))["Users"] == []
    await cloud.browser.post("iam/groups/readers", "delete", typed_name="readers")
    assert await is_gone(cloud.iam.GetGroup(GroupName="readers"))


async def test_keys_secret_is_shown_once_and_in_no_address(cloud, ann):
    made = await cloud.browser.post(f"{ann}/keys", "create")
    assert "location" not in made.headers
    assert made.headers["cache-control"] == "no-store"
    (key,) = (await cloud.iam.ListAccessKeys(UserName="ann"))["AccessKeyMetadata"]
    secret = re.search(r"AWS_SECRET_ACCESS_KEY=(\S{40})<", made.html)[1]
    assert f"AWS_ACCESS_KEY_ID={key['AccessKeyId']} " in made.text
    again = await cloud.browser.get(f"{ann}/keys")
    assert (key["AccessKeyId"] in again.text, secret in again.html) == (True, False)
    form = {"access_key_id": key["AccessKeyId"], "secret_access_key": secret}
    assert "ann · " in (await cloud.browser.post(f"{ROOT}/sign-in", "", **form)).html


async def test_keys_are_switched_off_and_deleted(cloud, ann):
    page = f"{ann}/keys"
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]["AccessKeyId"]
    assert f"{key} Active 2026-01-01 00:00:00 N/A Deactivate" in (await cloud.browser.get(page)).text
    await cloud.browser.post(page, "status", key=key, status="Inactive")
    (shown,) = (await cloud.iam.ListAccessKeys(UserName="ann"))["AccessKeyMetadata"]
    assert shown["Status"] == "Inactive"
    assert "Activate" in (await cloud.browser.get(page)).text
    seen = await cloud.browser.post(page, "delete", key=key, typed_name="AKIA")
    assert f"To delete {key}, type its name." in seen.text
    assert len((await cloud.iam.ListAccessKeys(UserName="ann"))["AccessKeyMetadata"]) == 1
    await cloud.browser.post(page, "delete", key=key, typed_name=key)
    assert (await cloud.iam.ListAccessKeys(UserName="ann"))["AccessKeyMetadata"] == []


async def test_a_third_key_is_refused(cloud, ann):
    for _ in range(2):
        await cloud.browser.post(f"{ann}/keys", "create")
    seen = await cloud.browser.post(f"{ann}/keys", "create")
    assert (seen.status, "LimitExceeded" in seen.text, "SECRET" in seen.html) == (409, True, False)


async def test_a_user_is_deleted_by_its_name_when_it_has_nothing(cloud, ann):
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="p", PolicyDocument=allow("s3:*"))
    seen = await cloud.browser.post(ann, "delete", typed_name="an")
    assert "To delete ann, type its name." in seen.text
    seen = await cloud.browser.post(ann, "delete", typed_name="ann")
    assert "DeleteConflict" in seen.text
    await cloud.browser.post(f"{ann}/permissions", "delete", policy="p", typed_name="p")
    await cloud.browser.post(ann, "delete", typed_name="ann")
    assert await is_gone(cloud.iam.GetUser(UserName="ann"))


# Permissions


@pytest.mark.parametrize(("word", "path"), [("User", "users"), ("Group", "groups"), ("Role", "roles")])
async def test_policies_are_attached_and_written_inline(cloud, ann, role, policy, word, path):
    await cloud.iam.CreateGroup(GroupName="readers")
    name = {"User": "ann", "Group": "readers", "Role": "runs"}[word]
    asked, page = {f"{word}Name": name}, f"iam/{path}/{name}"
    iam = cloud.iam
    await cloud.browser.post(f"{page}/permissions", "attach", arn=policy)
    attached = (await getattr(iam, f"ListAttached{word}Policies")(**asked))["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [policy]
    written = {"policy": "mine", "document": allow("sqs:SendMessage")}
    await cloud.browser.post(f"{page}/inline", "put", **written)
    document = (await getattr(iam, f"Get{word}Policy")(**asked, PolicyName="mine"))["PolicyDocument"]
    assert unquote(document) == written["document"]
    again = await cloud.browser.post(f"{page}/inline", "put", policy="mine", document=allow("s3:*"))
    assert "There is an inline policy mine already." in again.text
    seen = await cloud.browser.get(f"{page}/permissions")
    assert f"reads {policy} Detach" in seen.text
    assert "mine Delete policy" in seen.text
    assert "sqs:SendMessage" in (await cloud.browser.get(f"{page}/inline", policy="mine")).text
    await cloud.browser.post(f"{page}/inline", "put", query={"policy": "mine"}, document=allow("sqs:*"))
    document = (await getattr(iam, f"Get{word}Policy")(**asked, PolicyName="mine"))["PolicyDocument"]
    assert unquote(document) == allow("sqs:*")
    seen = await cloud.browser.post(f"{page}/inline", "put", query={"policy": "mine"}, document='{"what": 1}')
    assert (seen.status, '{"what": 1}</textarea>' in seen.html.replace("&#34;", '"')) == (400, True)
    seen = await cloud.browser.post(f"{page}/permissions", "delete", policy="mine", typed_name="")
    assert "To delete mine, type its name." in seen.text
    await cloud.browser.post(f"{page}/permissions", "delete", policy="mine", typed_name="mine")
    await cloud.browser.post(f"{page}/permissions", "detach", arn=policy)
    assert (await getattr(iam, f"List{word}Policies")(**asked))["PolicyNames"] == []
    assert (await getattr(iam, f"ListAttached{word}Policies")(**asked))["AttachedPolicies"] == []


@pytest.mark.parametrize("word", ["User", "Role"])
async def test_boundaries_and_tags(cloud, ann, role, policy, word):
    page, asked = (ann, {"UserName": "ann"}) if word == "User" else (role, {"RoleName": "runs"})
    await cloud.browser.post(page, "boundary", boundary=policy)
    refused = await cloud.browser.post(page, "tag", key="aws:team", value="core")
    assert refused.status == 400  # such tags are the cloud's own
    await cloud.browser.post(page, "tag", key="team", value="core")
    got = (await getattr(cloud.iam, f"Get{word}")(**asked))[word]
    assert got["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    assert got["Tags"] == [{"Key": "team", "Value": "core"}]
    seen = await cloud.browser.get(page)
    assert ("team core Remove" in seen.text, f'value="{policy}"' in seen.html) == (True, True)
    await cloud.browser.post(page, "boundary", boundary="")
    await cloud.browser.post(page, "untag", key="team")
    got = (await getattr(cloud.iam, f"Get{word}")(**asked))[word]
    assert ("PermissionsBoundary" in got, "Tags" in got) == (False, False)


# Roles


async def test_a_roles_trust_and_sessions_are_changed(cloud, role):
    await cloud.browser.post(role, "trust", trust=trust("sqs.amazonaws.com"))
    await cloud.browser.post(role, "update", description="longer", session="7200")
    got = (await cloud.iam.GetRole(RoleName="runs"))["Role"]
    assert unquote(got["AssumeRolePolicyDocument"]) == trust("sqs.amazonaws.com")
    assert (got["Description"], got["MaxSessionDuration"]) == ("longer", 7200)
    assert "sqs.amazonaws.com" in (await cloud.browser.get(role)).text
    seen = await cloud.browser.post(role, "trust", trust="{}")
    assert "MalformedPolicyDocument" in seen.text
    seen = await cloud.browser.post(role, "update", description="", session="long")
    assert "must be a whole number" in seen.text
    assert (await cloud.iam.GetRole(RoleName="runs"))["Role"] == got


async def test_a_role_is_deleted_by_its_name(cloud, role):
    assert "To delete runs, type its name." in (await cloud.browser.post(role, "delete", typed_name="run")).text
    assert not await is_gone(cloud.iam.GetRole(RoleName="runs"))
    await cloud.browser.post(role, "delete", typed_name="runs")
    assert await is_gone(cloud.iam.GetRole(RoleName="runs"))


# Policies


async def test_a_policy_is_made_and_found(cloud, ann):
    made = {"description": "reading", "under": "/app/", "document": allow("s3:GetObject")}
    await cloud.browser.post("iam/policies", "create", name="reads", **made)
    (policy,) = (await cloud.iam.ListPolicies(Scope="Local"))["Policies"]
    assert policy["Arn"].endswith(":policy/app/reads")
    assert "reads /app/ v1 0 0" in (await cloud.browser.get("iam/policies")).text
    assert "reads" not in (await cloud.browser.get("iam/policies", attached="true")).text
    await cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn=policy["Arn"])
    assert "reads /app/ v1 1 0" in (await cloud.browser.get("iam/policies", attached="true")).text
    shown = (await cloud.browser.get(page_of(policy["Arn"]))).text
    assert ("reading" in shown, "s3:GetObject" in shown) == (True, True)


async def test_versions_are_made_put_in_force_and_deleted(cloud, policy):
    page = page_of(policy)
    await cloud.browser.post(page, "create-version", document=allow("s3:*"))
    assert (await cloud.iam.GetPolicy(PolicyArn=policy))["Policy"]["DefaultVersionId"] == "v1"
    assert "s3:GetObject" in (await cloud.browser.get(page)).text
    assert "s3:*" in (await cloud.browser.get(page, version="v2")).text
    await cloud.browser.post(page, "set-default", version="v2")
    await cloud.browser.post(page, "create-version", document=allow("sqs:*"), default="true")
    assert (await cloud.iam.GetPolicy(PolicyArn=policy))["Policy"]["DefaultVersionId"] == "v3"
    await cloud.browser.post(page, "set-default", version="v2")
    assert (await cloud.iam.GetPolicy(PolicyArn=policy))["Policy"]["DefaultVersionId"] == "v2"
    assert "type its name" in (await cloud.browser.post(page, "delete-version", version="v1", typed_name="v2")).text
    await cloud.browser.post(page, "delete-version", version="v1", typed_name="v1")
    versions = (await cloud.iam.ListPolicyVersions(PolicyArn=policy))["Versions"]
    assert [each["VersionId"] for each in versions] == ["v3", "v2"]
    seen = await cloud.browser.post(page, "create-version", document="no")
    assert "MalformedPolicyDocument" in seen.text


async def test_a_policy_says_who_has_it(cloud, ann, role, policy):
    await cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn=policy)
    await cloud.iam.PutRolePermissionsBoundary(RoleName="runs", PermissionsBoundary=policy)
    page = page_of(policy, "entities")
    assert "ann User" in (await cloud.browser.get(page)).text
    bounded = (await cloud.browser.get(page, usage="PermissionsBoundary")).text
    assert ("runs Role" in bounded, "ann User" in bounded) == (True, False)


async def test_who_has_a_policy_is_paged(cloud, policy):
    for at in range(52):
        await cloud.iam.CreateUser(UserName=f"n{at:02}")
        await cloud.iam.AttachUserPolicy(UserName=f"n{at:02}", PolicyArn=policy)
    first = await cloud.browser.get(page_of(policy, "entities"))
    second = await cloud.browser.follow(first, "from=")
    assert ("n49" in first.text, "n50" in first.text, "n49" in second.text, "n51" in second.text) == (
        True,
        False,
        False,
        True,
    )


async def test_a_policys_tags_and_end(cloud, policy):
    page = page_of(policy)
    await cloud.browser.post(page, "tag", key="team", value="core")
    assert (await cloud.iam.ListPolicyTags(PolicyArn=policy))["Tags"] == [{"Key": "team", "Value": "core"}]
    await cloud.browser.post(page, "untag", key="team")
    assert (await cloud.iam.ListPolicyTags(PolicyArn=policy))["Tags"] == []
    assert "To delete reads, type its name." in (await cloud.browser.post(page, "delete", typed_name=policy)).text
    await cloud.browser.post(page, "delete", typed_name="reads")
    assert await is_gone(cloud.iam.GetPolicy(PolicyArn=policy))


async def test_policies_of_aws_are_only_shown(cloud):
    listed = await cloud.browser.get("iam/policies", scope="AWS")
    (link,) = [each for each in listed.links if each.endswith("ReadOnlyAccess") and "S3" in each]
    seen = await cloud.browser.get(link)
    assert ("s3:Get*" in seen.text, "<textarea" in seen.html, "Delete" in seen.text) == (True, False, False)


# The simulator


async def test_decisions_are_simulated(cloud, ann, policy):
    await cloud.iam.AttachUserPolicy(UserName="ann", PolicyArn=policy)
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="mine", PolicyDocument=allow("sqs:*"))
    arn = (await cloud.iam.GetUser(UserName="ann"))["User"]["Arn"]
    (link,) = [each for each in (await cloud.browser.get(ann)).links if "simulator?" in each]
    assert f"\n{arn}</textarea>" in (await cloud.browser.send("GET", *link.split("?", 1))).html
    form = {"principal": arn, "actions": "s3:GetObject\r\ns3:PutObject\r\n", "resources": "arn:aws:s3:::b/k"}
    seen = await cloud.browser.post("iam/simulator", "run", **form)
    assert "s3:GetObject arn:aws:s3:::b/k allowed reads" in seen.text
    assert "s3:PutObject arn:aws:s3:::b/k implicitDeny none" in seen.text
    assert "s3:GetObject\ns3:PutObject" in seen.html.replace("\r", "")
    seen = await cloud.browser.post("iam/simulator", "run", principal=arn, actions="sqs:SendMessage", resources="")
    assert "sqs:SendMessage * allowed user_ann_mine (user), lines 1:41 to" in seen.text


async def test_a_simulation_knows_conditions_and_boundaries(cloud, ann, policy):
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    condition = {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement | condition]})
    await cloud.iam.PutUserPolicy(UserName="ann", PolicyName="mine", PolicyDocument=document)
    form = {"principal": (await cloud.iam.GetUser(UserName="ann"))["User"]["Arn"], "actions": "sqs:SendMessage"}
    seen = await cloud.browser.post("iam/simulator", "run", **form)
    assert "sqs:SendMessage * implicitDeny none aws:SourceIp" in seen.text
    known = {"key0": "aws:SourceIp", "type0": "ip", "value0": "192.0.2.7"}
    seen = await cloud.browser.post("iam/simulator", "run", **form, **known)
    assert "sqs:SendMessage * allowed" in seen.text
    await cloud.iam.PutUserPermissionsBoundary(UserName="ann", PermissionsBoundary=policy)
    seen = await cloud.browser.post("iam/simulator", "run", **form, **known)
    assert "sqs:SendMessage * implicitDeny not allowed by the boundary" in seen.text


async def test_a_long_simulation_is_paged(cloud, ann):
    form = {"principal": (await cloud.iam.GetUser(UserName="ann"))["User"]["Arn"]}
    form["actions"] = "\n".join(f"s3:Action{at:03}" for at in range(102))
    first = await cloud.browser.post("iam/simulator", "run", **form)
    marker = re.search(r'name="from" value="([^"]+)"', first.html)[1]
    second = await cloud.browser.post("iam/simulator", "run", **form, **{"from": marker})
    assert ("s3:Action099 *" in first.text, "s3:Action100 *" in first.text) == (True, False)
    assert ("s3:Action099 *" in second.text, "s3:Action101 *" in second.text) == (False, True)


async def test_who_is_not_there_is_not_simulated(cloud):
    form = {"principal": f"arn:aws:iam::{cloud.account}:user/none", "actions": "s3:GetObject"}
    seen = await cloud.browser.post("iam/simulator", "run", **form)
    assert (seen.status, "NoSuchEntity" in seen.text, "s3:GetObject</textarea>" in seen.html) == (404, True, True)


# Who may


async def test_who_may_not_is_told_so(cloud, ann):
    await cloud.visit_as("visitor", "iam:GetUser", "iam:ListGroupsForUser", "iam:ListAccessKeys")
    seen = await cloud.browser.post(ann, "delete", typed_name="ann")
    assert seen.status == 403
    assert "visitor is not authorized to perform: iam:DeleteUser" in seen.text
    assert not await is_gone(cloud.iam.GetUser(UserName="ann"))
    assert "is not authorized to perform: iam:ListUsers" in (await cloud.browser.get("iam/users")).text


async def test_keys_are_listed_to_who_may_not_ask_when_they_were_used(cloud, ann):
    key = (await cloud.iam.CreateAccessKey(UserName="ann"))["AccessKey"]["AccessKeyId"]
    await cloud.visit_as("visitor", "iam:ListAccessKeys")
    assert f"{key} Active 2026-01-01 00:00:00 AccessDenied" in (await cloud.browser.get(f"{ann}/keys")).text
