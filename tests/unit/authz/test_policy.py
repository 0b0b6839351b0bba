"""Documents: the grammar, IAM's words for what breaks it, and the caches."""

import time

import pytest

from pileus.authz.patterns import arn_matcher, text_matcher
from pileus.authz.policy import MAX_CACHED_ACTIONS, MalformedPolicyDocument, parse

GOOD = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
NAMED = {"Effect": "Allow", "Action": "s3:*", "Principal": "*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}


def without(statement: dict, name: str) -> dict:
    return {key: value for key, value in statement.items() if key != name}


SYNTAX = "Syntax errors in policy."
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        (without(GOOD, "Effect"), "identity", SYNTAX),
        (GOOD | {"Effect": "allow"}, "identity", SYNTAX),
        (GOOD | {"Actions": "x"}, "identity", SYNTAX),
        (GOOD | {"Action": 5}, "identity", SYNTAX),
        (GOOD | {"NotAction": "s3:*"}, "identity", SYNTAX),
        (GOOD | {"Condition": "x"}, "identity", SYNTAX),
        (GOOD | {"Condition": {"StringEquals": {"aws:x": {}}}}, "identity", SYNTAX),
        (without(GOOD, "Action"), "identity", "Policy statement must contain actions."),
        (GOOD | {"Action": []}, "identity", "Policy statement must contain actions."),
        (without(GOOD, "Resource"), "identity", "Policy statement must contain resources."),
        (GOOD | {"Resource": []}, "identity", "Policy statement must contain resources."),
        (GOOD | {"Resource": "b"}, "identity", 'Resource b must be in ARN format or "*".'),
        (
            GOOD | {"Resource": "arn:bws:s3:::b"},
            "identity",
            'Partition "bws" is not valid for resource "arn:bws:s3:::b".',
        ),
        (GOOD | {"Action": "GetObject"}, "identity", VENDOR),
        (GOOD | {"Action": "s3:Get:Object"}, "identity", "Actions/Condition can contain only one colon."),
        (GOOD | {"Condition": {"StringEquals": {"x": "y"}}}, "identity", VENDOR),
        (GOOD | {"Condition": {"StringEqual": {"aws:x": "y"}}}, "identity", "Invalid Condition type : StringEqual."),
        (GOOD | {"Principal": "*"}, "identity", "Policy document should not specify a principal."),
        (without(NAMED, "Principal"), "resource", "Missing required field Principal"),
        (NAMED | {"Principal": "me"}, "resource", "Invalid principal in policy."),
        (NAMED | {"Principal": {"Aws": "*"}}, "resource", "Invalid principal in policy."),
        (NAMED | {"Principal": {"AWS": "me"}}, "resource", 'Invalid principal in policy: "AWS":"me"'),
        (
            NAMED | {"Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}},
            "resource",
            'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"',
        ),
        (TRUST | {"Resource": "*"}, "trust", "Has prohibited field Resource"),
        (TRUST | {"Action": "s3:*"}, "trust", "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            GOOD | {"Sid": "a b"},
            "identity",
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*",
        ),
    ],
)
def test_a_malformed_statement_is_named(statement, kind, words):
    with pytest.raises(MalformedPolicyDocument) as caught:
        parse({"Version": "2012-10-17", "Statement": [statement]}, kind)
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", SYNTAX),
        ("[]", SYNTAX),
        ("{", SYNTAX),
        ('{"Version": "2012-10-17"}', SYNTAX),
        ({"Statement": []}, SYNTAX),
        ({"Statement": [GOOD], "Extra": 1}, SYNTAX),
        ({"Statement": GOOD, "Version": "2012-10-18"}, "The policy must contain a valid version string."),
        (
            {"Statement": [GOOD | {"Sid": "A"}, GOOD | {"Sid": "A"}]},
            "Statement IDs (SID) in a single policy must be unique.",
        ),
    ],
)
def test_a_malformed_document_is_named(document, words):
    with pytest.raises(MalformedPolicyDocument) as caught:
        parse(document)
    assert caught.value.message == words


def test_what_the_grammar_allows_is_read():
    parse({"Statement": GOOD})
    parse({"Statement": GOOD | {"Condition": {"NumericEquals": {"s3:max-keys": 10}, "Bool": {"aws:x": True}}}})
    parse({"Statement": TRUST}, "trust")
    parse({"Id": "x", "Statement": NAMED | {"Sid": "__owner statement"}}, "resource")
    parse({"Statement": NAMED | {"Principal": {"AWS": ["111122223333", "AROAEXAMPLE"], "Federated": "x"}}}, "resource")


def test_a_document_is_compiled_once():
    assert parse({"Statement": GOOD}, name="p") is parse({"Statement": GOOD}, name="p")


def test_a_policy_forgets_actions_rather_than_grow():
    policy = parse({"Statement": GOOD}, name="growing")
    for number in range(3 * MAX_CACHED_ACTIONS):
        policy.for_action(f"s3:{number}")
    assert len(policy._by_action) <= MAX_CACHED_ACTIONS


@pytest.mark.parametrize("matcher", [text_matcher, arn_matcher])
def test_a_pattern_of_many_stars_takes_no_time(matcher):
    pattern = "arn:aws:s3:::" + "*a" * 200 + "*b"
    started = time.process_time()
    assert matcher(pattern).fullmatch("arn:aws:s3:::" + "a" * 1000) is None
    assert time.process_time() - started < 1
