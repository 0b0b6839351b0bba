"""The decision, rule by rule, as "Policy evaluation logic" of the IAM user guide has them."""

import pytest

from pileus.authz.evaluate import (
    BOUNDARY,
    IDENTITY,
    KEY,
    RESOURCE,
    SERVICE_CONTROL,
    SESSION,
    TRUST,
    Access,
    Decision,
    Policies,
    evaluate,
)
from pileus.authz.policy import Policy, parse
from pileus.kernel import principal as principals

ACCOUNT, OTHER = "111122223333", "444455556666"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/team/worker"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/job-1"
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/maria"
FEDERATED_ARN = f"arn:aws:sts::{ACCOUNT}:federated-user/guest"

ROOT = principals.root(ACCOUNT)
USER = principals.user(ACCOUNT, "maria", "AIDAEXAMPLE")
ROLE = principals.role_session(ROLE_ARN, "AROAEXAMPLE", "job-1", issued_ms=1)
FEDERATED = principals.federated_user(USER_ARN, "guest", issued_ms=1)
STRANGER = principals.user(OTHER, "zoe", "AIDAOTHER")
SERVICE = principals.service("sns.amazonaws.com")
NOBODY = principals.anonymous()


def document(*statements: dict) -> dict:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def identity(effect: str = "Allow", action: str = "sqs:SendMessage", resource: str = "*", **more) -> Policy:
    return parse(document({"Effect": effect, "Action": action, "Resource": resource, **more}))


def resource(principal, effect: str = "Allow", action: str = "sqs:*", **more) -> Policy:
    return parse(document({"Effect": effect, "Principal": principal, "Action": action, **more}), "resource")


ALLOW = identity()
DENY = identity("Deny")
NEITHER = identity(action="s3:GetObject")


def decide(
    principal, policies: Policies, *, action="sqs:SendMessage", arn=QUEUE, account=ACCOUNT, **context
) -> Decision:
    return evaluate(policies, Access(principal, action, arn, account, context))


# -- within an account, without a resource policy


@pytest.mark.parametrize(
    ("principal", "policies", "kind", "policy_kind"),
    [
        (ROOT, Policies(), "allowed", ""),
        (USER, Policies(), "implicit deny", IDENTITY),
        (USER, Policies([ALLOW]), "allowed", IDENTITY),
        (USER, Policies([NEITHER]), "implicit deny", IDENTITY),
        (USER, Policies([NEITHER, ALLOW]), "allowed", IDENTITY),
        (USER, Policies([ALLOW, DENY]), "explicit deny", IDENTITY),
        (USER, Policies([ALLOW], boundary=ALLOW), "allowed", IDENTITY),
        (USER, Policies([ALLOW], boundary=NEITHER), "implicit deny", BOUNDARY),
        (USER, Policies([ALLOW], boundary=DENY), "explicit deny", BOUNDARY),
        (USER, Policies([], boundary=ALLOW), "implicit deny", IDENTITY),
        (ROLE, Policies([ALLOW], session=[NEITHER]), "implicit deny", SESSION),
        (ROLE, Policies([ALLOW], session=[NEITHER, ALLOW]), "allowed", IDENTITY),
        (ROLE, Policies([ALLOW], session=[ALLOW, DENY]), "explicit deny", SESSION),
        (ROLE, Policies([], session=[ALLOW]), "implicit deny", IDENTITY),
        (FEDERATED, Policies([ALLOW]), "implicit deny", SESSION),
        (FEDERATED, Policies([ALLOW], session=[ALLOW]), "allowed", IDENTITY),
        (USER, Policies([ALLOW], scp=[[ALLOW], [ALLOW]]), "allowed", IDENTITY),
        (USER, Policies([ALLOW], scp=[[ALLOW], [NEITHER]]), "implicit deny", SERVICE_CONTROL),
        (USER, Policies([ALLOW], scp=[[ALLOW, DENY]]), "explicit deny", SERVICE_CONTROL),
        (ROOT, Policies(scp=[[DENY, ALLOW]]), "explicit deny", SERVICE_CONTROL),
        (ROOT, Policies(scp=[[NEITHER]]), "implicit deny", SERVICE_CONTROL),
        (ROOT, Policies(scp=[[ALLOW]]), "allowed", RESOURCE),
    ],
)
def test_policies_of_the_caller(principal, policies, kind, policy_kind):
    decision = decide(principal, policies)
    assert (decision.kind, decision.policy_kind) == (kind, policy_kind)
    assert decision.allowed == (kind == "allowed")


# -- the table "Resource-based policies and implicit denies in other policy types (same account)"

LIMITED = Policies([], boundary=NEITHER)


@pytest.mark.parametrize(
    ("principal", "named", "policies", "kind", "policy_kind"),
    [
        # A user named itself is limited by nothing.
        (USER, {"AWS": USER_ARN}, LIMITED, "allowed", RESOURCE),
        (USER, {"AWS": "AIDAEXAMPLE"}, LIMITED, "allowed", RESOURCE),
        (USER, "*", LIMITED, "allowed", RESOURCE),
        (USER, {"AWS": "*"}, LIMITED, "allowed", RESOURCE),
        # A role's ARN stands in for identity policies only.
        (ROLE, {"AWS": ROLE_ARN}, Policies(), "allowed", RESOURCE),
        (ROLE, {"AWS": ROLE_ARN}, Policies(boundary=NEITHER), "implicit deny", BOUNDARY),
        (ROLE, {"AWS": ROLE_ARN}, Policies(session=[NEITHER]), "implicit deny", SESSION),
        (ROLE, {"AWS": ROLE_ARN}, Policies(boundary=ALLOW, session=[ALLOW]), "allowed", RESOURCE),
        (ROLE, {"AWS": "AROAEXAMPLE"}, Policies(boundary=NEITHER), "implicit deny", BOUNDARY),
        # A session's ARN names the caller itself.
        (ROLE, {"AWS": SESSION_ARN}, Policies(boundary=NEITHER, session=[NEITHER]), "allowed", RESOURCE),
        (ROLE, {"AWS": SESSION_ARN + "0"}, Policies(), "implicit deny", IDENTITY),
        # So does the ARN of a federated user; that of the user who federated is limited.
        (FEDERATED, {"AWS": FEDERATED_ARN}, Policies(boundary=NEITHER), "allowed", RESOURCE),
        (FEDERATED, {"AWS": USER_ARN}, Policies(), "implicit deny", SESSION),
        (FEDERATED, {"AWS": USER_ARN}, Policies(session=[ALLOW]), "allowed", RESOURCE),
        # The account only delegates.
        (USER, {"AWS": ACCOUNT}, Policies(), "implicit deny", IDENTITY),
        (USER, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Policies([ALLOW]), "allowed", IDENTITY),
        (ROOT, {"AWS": ACCOUNT}, Policies(), "allowed", RESOURCE),
        # Somebody else is named: the caller's own policies decide.
        (USER, {"AWS": USER_ARN + "2"}, Policies([ALLOW]), "allowed", IDENTITY),
        (USER, {"Service": "sns.amazonaws.com"}, Policies(), "implicit deny", IDENTITY),
        (ROOT, {"AWS": USER_ARN}, Policies(), "allowed", RESOURCE),
    ],
)
def test_a_resource_policy_in_the_same_account(principal, named, policies, kind, policy_kind):
    policies = Policies(policies.identity, policies.boundary, policies.session, resource(named))
    decision = decide(principal, policies)
    assert (decision.kind, decision.policy_kind) == (kind, policy_kind)


@pytest.mark.parametrize("named", [{"AWS": ACCOUNT}, {"AWS": ROLE_ARN}, {"AWS": SESSION_ARN}, "*"])
def test_a_resource_policys_deny_holds_for_whoever_it_names(named):
    decision = decide(ROLE, Policies([ALLOW], resource=resource(named, "Deny")))
    assert (decision.kind, decision.policy_kind) == ("explicit deny", RESOURCE)
    assert decide(USER, Policies([ALLOW], resource=resource({"AWS": ROLE_ARN}, "Deny"))).allowed


def test_even_root_is_denied_by_a_resource_policy():
    assert not decide(ROOT, Policies(resource=resource("*", "Deny"))).allowed


# -- from another account


@pytest.mark.parametrize(
    ("named", "policies", "kind", "policy_kind"),
    [
        (None, Policies([ALLOW]), "implicit deny", RESOURCE),
        ({"AWS": ACCOUNT}, Policies([ALLOW]), "implicit deny", RESOURCE),
        ({"AWS": OTHER}, Policies(), "implicit deny", IDENTITY),
        ({"AWS": OTHER}, Policies([ALLOW]), "allowed", IDENTITY),
        ({"AWS": STRANGER.arn}, Policies(), "implicit deny", IDENTITY),
        ({"AWS": STRANGER.arn}, Policies([ALLOW]), "allowed", IDENTITY),
        ({"AWS": STRANGER.arn}, Policies([ALLOW], boundary=NEITHER), "implicit deny", BOUNDARY),
        ({"AWS": STRANGER.arn}, Policies([ALLOW], session=[NEITHER]), "implicit deny", SESSION),
        ({"CanonicalUser": principals.canonical_user_id(OTHER)}, Policies([ALLOW]), "allowed", IDENTITY),
        ("*", Policies(), "implicit deny", IDENTITY),
        ("*", Policies([ALLOW]), "allowed", IDENTITY),
    ],
)
def test_another_account_needs_both_sides(named, policies, kind, policy_kind):
    policies = Policies(policies.identity, policies.boundary, policies.session, named and resource(named))
    decision = decide(STRANGER, policies)
    assert (decision.kind, decision.policy_kind) == (kind, policy_kind)


def test_another_accounts_root_needs_only_the_resources_word():
    assert not decide(principals.root(OTHER), Policies()).allowed
    assert decide(principals.root(OTHER), Policies(resource=resource({"AWS": OTHER}))).allowed


# -- services, identity providers, nobody


@pytest.mark.parametrize(
    ("principal", "named", "is_allowed"),
    [
        (SERVICE, None, False),
        (SERVICE, {"Service": "sns.amazonaws.com"}, True),
        (SERVICE, {"Service": "SNS.amazonaws.com"}, True),
        (SERVICE, {"Service": "s3.amazonaws.com"}, False),
        (SERVICE, {"Service": "sns.eu-west-1.amazonaws.com"}, True),
        (SERVICE, "*", True),
        (SERVICE, {"AWS": ACCOUNT}, False),
        (NOBODY, None, False),
        (NOBODY, {"AWS": ACCOUNT}, False),
        (NOBODY, "*", True),
        (NOBODY, {"AWS": "*"}, True),
        (principals.federated("accounts.example.com"), {"Federated": "accounts.example.com"}, True),
        (principals.federated("accounts.example.com"), {"Federated": "other.example.com"}, False),
    ],
)
def test_callers_without_an_account(principal, named, is_allowed):
    assert decide(principal, Policies(resource=named and resource(named))).allowed is is_allowed


def test_a_services_grant_can_ask_for_its_source():
    policy = resource(
        {"Service": "sns.amazonaws.com"}, Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:sns:*:*:topic"}}
    )
    policies = Policies(resource=policy)
    assert decide(SERVICE, policies, **{"aws:SourceArn": "arn:aws:sns:us-east-1:111122223333:topic"}).allowed
    assert not decide(SERVICE, policies, **{"aws:SourceArn": "arn:aws:sns:us-east-1:111122223333:else"}).allowed


# -- role trust policies and key policies


def trust(named, effect: str = "Allow") -> Policies:
    policy = parse(document({"Effect": effect, "Principal": named, "Action": "sts:AssumeRole"}), "trust")
    return Policies(resource=policy, resource_kind=TRUST)


@pytest.mark.parametrize(
    ("principal", "named", "identity_policies", "kind", "policy_kind"),
    [
        (USER, {"AWS": USER_ARN}, [], "allowed", TRUST),
        (USER, {"AWS": ACCOUNT}, [], "implicit deny", IDENTITY),
        (USER, {"AWS": ACCOUNT}, [identity(action="sts:*")], "allowed", IDENTITY),
        (USER, {"AWS": OTHER}, [identity(action="sts:*")], "implicit deny", TRUST),
        (STRANGER, {"AWS": OTHER}, [identity(action="sts:*")], "allowed", IDENTITY),
        (STRANGER, {"AWS": OTHER}, [], "implicit deny", IDENTITY),
        (principals.service("lambda.amazonaws.com"), {"Service": "lambda.amazonaws.com"}, [], "allowed", TRUST),
        (SERVICE, {"Service": "lambda.amazonaws.com"}, [], "implicit deny", TRUST),
    ],
)
def test_a_trust_policy_must_grant(principal, named, identity_policies, kind, policy_kind):
    policies = trust(named)
    policies = Policies(identity_policies, resource=policies.resource, resource_kind=TRUST)
    decision = decide(principal, policies, action="sts:AssumeRole", arn=ROLE_ARN)
    assert (decision.kind, decision.policy_kind) == (kind, policy_kind)


def test_a_key_policy_must_grant_even_to_root():
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    policy = parse(document({"Effect": "Allow", "Principal": {"AWS": USER_ARN}, "Action": "kms:*"}), "resource")
    policies = Policies(resource=policy, resource_kind=KEY)
    denied = decide(ROOT, policies, action="kms:Decrypt", arn=key)
    assert not denied.allowed
    assert denied.message().endswith("because no resource-based policy allows the kms:Decrypt action")
    assert decide(USER, policies, action="kms:Decrypt", arn=key).allowed


# -- the statement's elements


@pytest.mark.parametrize(
    ("pattern", "action", "fits"),
    [
        ("sqs:SendMessage", "sqs:SendMessage", True),
        ("SQS:sendmessage", "sqs:SendMessage", True),
        ("sqs:Send*", "sqs:SendMessageBatch", True),
        ("sqs:*", "sqs:SendMessage", True),
        ("*", "s3:GetObject", True),
        ("sqs:Send?essage", "sqs:SendMessage", True),
        ("sqs:Send?", "sqs:SendMessage", False),
        ("sqs:Send", "sqs:SendMessage", False),
        ("sqs:*Message", "sqs:SendMessage", True),
        ("sqs:*Message", "sqs:SendMessageBatch", False),
    ],
)
def test_actions_ignore_case_and_know_wildcards(pattern, action, fits):
    assert decide(USER, Policies([identity(action=pattern)]), action=action).allowed is fits


@pytest.mark.parametrize(
    ("pattern", "arn", "fits"),
    [
        ("*", "arn:aws:s3:::b/k", True),
        ("*", "*", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/x:y", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b", "arn:aws:s3:::B", False),
        ("arn:aws:s3:::?", "arn:aws:s3:::b", True),
        ("arn:aws:s3:::?", "arn:aws:s3:::bb", False),
        ("arn:aws:s3:::b/*/x/*.txt", "arn:aws:s3:::b/1/x/2.txt", True),
        ("arn:aws:s3:::b/*/x/*.txt", "arn:aws:s3:::b/1/x/2.txt.gz", False),
        ("arn:aws:sqs:*:111122223333:*", QUEUE, True),
        ("arn:aws:sqs:*:jobs", QUEUE, False),  # a wildcard stays in its part of the ARN
        ("arn:aws:sqs:*", QUEUE, True),  # missing parts are wildcards
        ("arn:aws:sqs", QUEUE, True),
        ("arn:aws:sns:*", QUEUE, False),
        ("arn:aws:sqs:us-east-1:111122223333:jobs", "*", False),
    ],
)
def test_resources_respect_case_and_the_parts_of_an_arn(pattern, arn, fits):
    assert decide(USER, Policies([identity(action="*", resource=pattern)]), arn=arn).allowed is fits


def test_not_action_and_not_resource_speak_of_everything_else():
    not_iam = parse(document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}))
    assert decide(USER, Policies([not_iam])).allowed
    assert not decide(USER, Policies([not_iam]), action="iam:CreateUser").allowed
    not_jobs = parse(document({"Effect": "Allow", "Action": "*", "NotResource": [QUEUE, "arn:aws:s3:::*"]}))
    assert not decide(USER, Policies([not_jobs])).allowed
    assert decide(USER, Policies([not_jobs]), arn=QUEUE + "2").allowed


@pytest.mark.parametrize(
    ("principal", "listed", "is_allowed"),
    [
        (USER, [USER_ARN, ACCOUNT], True),
        (USER, [USER_ARN], False),  # the account must be listed too
        (USER, [ACCOUNT], False),
        (ROLE, [SESSION_ARN, ROLE_ARN, ACCOUNT], True),
        (ROLE, [ROLE_ARN, ACCOUNT], False),
        (ROOT, [ACCOUNT], True),
        (ROOT, [OTHER], False),
    ],
)
def test_not_principal_denies_whoever_is_not_wholly_listed(principal, listed, is_allowed):
    policy = parse(document({"Effect": "Deny", "NotPrincipal": {"AWS": listed}, "Action": "sqs:*"}), "resource")
    assert decide(principal, Policies([ALLOW], resource=policy)).allowed is is_allowed


def test_not_principal_always_denies_who_has_a_boundary():
    policy = parse(
        document({"Effect": "Deny", "NotPrincipal": {"AWS": [USER_ARN, ACCOUNT]}, "Action": "*"}), "resource"
    )
    assert not decide(USER, Policies([ALLOW], boundary=ALLOW, resource=policy)).allowed


# -- variables


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        ("arn:aws:s3:::b/${aws:username}/*", "maria/x", True),
        ("arn:aws:s3:::b/${AWS:UserName}/*", "maria/x", True),
        ("arn:aws:s3:::b/${aws:username}/*", "paul/x", False),
        ("arn:aws:s3:::b/${aws:PrincipalTag/team, 'nobody'}/*", "nobody/x", True),
        ("arn:aws:s3:::b/${aws:PrincipalTag/team}/*", "nobody/x", False),
        ("arn:aws:s3:::b/${*}", "*", True),
        ("arn:aws:s3:::b/${*}", "x", False),
        ("arn:aws:s3:::b/${?}", "?", True),
        ("arn:aws:s3:::b/${$}", "$", True),
        ("arn:aws:s3:::b/${tag}", "*x", True),
        ("arn:aws:s3:::b/${tag}", "yx", False),  # a value's own wildcards are letters
    ],
)
def test_variables_in_resources(pattern, key, fits):
    policies = Policies([identity(action="*", resource=pattern)])
    decision = decide(USER, policies, arn=f"arn:aws:s3:::b/{key}", **{"aws:username": "maria", "tag": "*x"})
    assert decision.allowed is fits


def test_the_old_version_has_no_variables():
    text = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}}'
    policies = Policies([parse(text)])
    assert not decide(USER, policies, arn="arn:aws:s3:::b/maria", **{"aws:username": "maria"}).allowed
    assert decide(USER, policies, arn="arn:aws:s3:::b/${aws:username}", **{"aws:username": "maria"}).allowed


def test_a_variable_without_a_value_neither_opens_nor_unlocks():
    condition = {"StringNotEquals": {"s3:prefix": "${aws:PrincipalTag/team}"}}
    allow = Policies([identity(Condition=condition)])
    assert decide(USER, allow, **{"s3:prefix": "x", "aws:PrincipalTag/team": "y"}).allowed
    assert not decide(USER, allow, **{"s3:prefix": "x"}).allowed
    deny = Policies([ALLOW, identity("Deny", Condition=condition)])
    assert decide(USER, deny, **{"s3:prefix": "x", "aws:PrincipalTag/team": "x"}).allowed
    assert not decide(USER, deny, **{"s3:prefix": "x"}).allowed
    not_home = {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::b/${aws:username}/*"}
    assert not decide(USER, Policies([ALLOW, parse(document(not_home))])).allowed


# -- words


@pytest.mark.parametrize(
    ("principal", "policies", "ending"),
    [
        (USER, Policies(), "because no identity-based policy allows the sqs:SendMessage action"),
        (USER, Policies([DENY]), "with an explicit deny in an identity-based policy"),
        (
            USER,
            Policies([ALLOW], boundary=NEITHER),
            "because no permissions boundary allows the sqs:SendMessage action",
        ),
        (USER, Policies([ALLOW], boundary=DENY), "with an explicit deny in a permissions boundary"),
        (ROLE, Policies([ALLOW], session=[NEITHER]), "because no session policy allows the sqs:SendMessage action"),
        (STRANGER, Policies([ALLOW]), "because no resource-based policy allows the sqs:SendMessage action"),
        (USER, Policies(resource=resource("*", "Deny")), "with an explicit deny in a resource-based policy"),
        (USER, Policies([ALLOW], scp=[[DENY]]), "with an explicit deny in a service control policy"),
        (USER, trust({"AWS": OTHER}), "because no role trust policy allows the sqs:SendMessage action"),
    ],
)
def test_a_denial_in_awss_words(principal, policies, ending):
    expected = f"User: {principal.arn} is not authorized to perform: sqs:SendMessage on resource: {QUEUE} {ending}"
    assert decide(principal, policies).message() == expected


def test_a_denial_names_the_statement():
    policy = parse(document({"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*"}), name="guard")
    statement = decide(USER, Policies([policy])).statement
    assert (statement.policy, statement.sid, statement.index) == ("guard", "No", 0)
    assert decide(NOBODY, Policies()).message().startswith("User: anonymous is not authorized")
