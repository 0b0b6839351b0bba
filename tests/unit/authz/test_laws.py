"""What must be true of any policies: found by trying to break it (hypothesis), and shown by the explanations."""

from dataclasses import replace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.authz.evaluate import Access, Policies, evaluate
from pileus.authz.explain import explain
from pileus.authz.policy import parse
from pileus.kernel import principal as principals

ACCOUNT, OTHER = "111122223333", "444455556666"
PRINCIPALS = [
    principals.root(ACCOUNT),
    principals.user(ACCOUNT, "maria", "AIDAEXAMPLE"),
    principals.role_session(f"arn:aws:iam::{ACCOUNT}:role/worker", "AROAEXAMPLE", "job", issued_ms=1),
    principals.federated_user(f"arn:aws:iam::{ACCOUNT}:user/maria", "guest", issued_ms=1),
    principals.user(OTHER, "zoe", "AIDAOTHER"),
    principals.service("sns.amazonaws.com"),
    principals.anonymous(),
]
NAMES = ["*", {"AWS": ACCOUNT}, {"AWS": OTHER}, {"Service": "sns.amazonaws.com"}] + [
    {"AWS": arn}
    for arn in (
        f"arn:aws:iam::{ACCOUNT}:user/maria",
        f"arn:aws:iam::{ACCOUNT}:role/worker",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/job",
    )
]
effects = st.sampled_from(["Allow", "Deny"])
actions = st.sampled_from(["*", "sqs:*", "sqs:SendMessage", "sqs:Send*", "s3:GetObject", ["s3:*", "sqs:DeleteQueue"]])
resources = st.sampled_from(["*", "arn:aws:sqs:*:*:jobs", "arn:aws:sqs:us-east-1:111122223333:*", "arn:aws:s3:::b"])
conditions = st.sampled_from(
    [{}, {"Bool": {"aws:SecureTransport": "true"}}, {"StringEquals": {"x:k": "1"}}, {"Null": {"x:k": "false"}}]
)


def statements(is_resource: bool, effect=effects):
    parts = {"Effect": effect, "Action": actions, "Resource": resources, "Condition": conditions}
    if is_resource:
        parts["Principal"] = st.sampled_from(NAMES)
    return st.fixed_dictionaries(parts)


def documents(is_resource: bool = False):
    return st.lists(statements(is_resource), min_size=1, max_size=4).map(
        lambda found: parse({"Version": "2012-10-17", "Statement": found}, "resource" if is_resource else "identity")
    )


policies = st.builds(
    Policies,
    identity=st.lists(documents(), max_size=3),
    boundary=st.none() | documents(),
    session=st.lists(documents(), max_size=2),
    resource=st.none() | documents(is_resource=True),
    scp=st.just([]) | st.lists(st.lists(documents(), min_size=1, max_size=2), max_size=2),
)
accesses = st.builds(
    Access,
    st.sampled_from(PRINCIPALS),
    st.sampled_from(["sqs:SendMessage", "sqs:DeleteQueue", "s3:GetObject"]),
    st.sampled_from(["arn:aws:sqs:us-east-1:111122223333:jobs", "arn:aws:s3:::b", "*"]),
    st.just(ACCOUNT),
    st.sampled_from([{}, {"aws:SecureTransport": True}, {"aws:SecureTransport": True, "x:k": "1"}]),
)
DENY_ALL = parse({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}})


@given(policies, accesses, st.sampled_from(["identity", "boundary", "session", "resource", "scp"]))
@settings(max_examples=200, deadline=None)
def test_an_explicit_deny_always_wins(given_policies, access, place):
    if place == "boundary":
        changed = replace(given_policies, boundary=DENY_ALL)
    elif place == "scp":
        changed = replace(given_policies, scp=[*given_policies.scp, [DENY_ALL]])
    elif place == "resource":
        denied = {"Effect": "Deny", "Action": "*", "Principal": "*"}
        changed = replace(given_policies, resource=parse({"Statement": denied}, "resource"))
    else:
        changed = replace(given_policies, **{place: [*getattr(given_policies, place), DENY_ALL]})
    decision = evaluate(changed, access)
    assert (decision.allowed, decision.kind) == (False, "explicit deny")


@given(policies, accesses, statements(False, st.just("Allow")))
@settings(max_examples=200, deadline=None)
def test_another_allow_for_the_caller_never_takes_away(given_policies, access, statement):
    more = replace(given_policies, identity=[*given_policies.identity, parse({"Statement": statement})])
    assert evaluate(more, access).allowed >= evaluate(given_policies, access).allowed


@given(policies, accesses, statements(True, st.just("Allow")))
@settings(max_examples=200, deadline=None)
def test_another_allow_of_the_resource_never_takes_away(given_policies, access, statement):
    before = [] if given_policies.resource is None else orjson.loads(given_policies.resource.text)["Statement"]
    grown = {"Version": "2012-10-17", "Statement": [*before, statement]}
    more = replace(given_policies, resource=parse(grown, "resource"))
    assert evaluate(more, access).allowed >= evaluate(given_policies, access).allowed


@given(policies, accesses, documents())
@settings(max_examples=200, deadline=None)
def test_a_boundary_a_session_policy_and_a_control_policy_never_give(given_policies, access, policy):
    free = replace(given_policies, boundary=None)
    assert evaluate(replace(free, boundary=policy), access).allowed <= evaluate(free, access).allowed
    if access.principal.kind != "federated-user":  # whose session policies are what lets it in
        free = replace(given_policies, session=[])
        assert evaluate(replace(free, session=[policy]), access).allowed <= evaluate(free, access).allowed
    guarded = replace(given_policies, scp=[*given_policies.scp, [policy]])
    assert evaluate(guarded, access).allowed <= evaluate(given_policies, access).allowed


@given(policies, accesses)
@settings(max_examples=200, deadline=None)
def test_the_order_of_policies_does_not_matter(given_policies, access):
    turned = replace(given_policies, identity=given_policies.identity[::-1], session=given_policies.session[::-1])
    assert evaluate(turned, access).kind == evaluate(given_policies, access).kind


@given(policies, accesses)
@settings(max_examples=200, deadline=None)
def test_the_explanation_agrees_with_the_decision(given_policies, access):
    explanation = explain(given_policies, access)
    decision = evaluate(given_policies, access)
    assert explanation.decision == decision
    applying = [finding.statement for finding in explanation.findings if finding.applies]
    if decision.kind == "explicit deny":
        assert decision.statement in applying
    elif decision.statement is not None:
        assert decision.statement in applying
        assert not decision.statement.is_deny


def test_an_explanation_says_which_element_does_not_fit():
    condition = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    policy = parse(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "Act", "Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                {"Sid": "Res", "Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:other"},
                {"Sid": "Con", "Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": condition},
            ],
        },
        name="mine",
    )
    arn = "arn:aws:sqs:us-east-1:111122223333:jobs"
    access = Access(PRINCIPALS[1], "sqs:SendMessage", arn, ACCOUNT, {"aws:RequestedRegion": "us-east-1"})
    lines = str(explain(Policies([policy]), access)).split("\n")
    assert lines[0].endswith("because no identity-based policy allows the sqs:SendMessage action")
    assert 'statement "Act" of mine (Allow) does not apply: it does not speak of the action' in lines[1]
    assert f"it does not speak of the resource {arn}" in lines[2]
    assert "aws:requestedregion is ['us-east-1']" in lines[3]
