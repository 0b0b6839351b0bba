"""The global condition keys, for each kind of principal."""

import pytest

from pileus.authz.context import RequestContext, RequestFacts
from pileus.kernel import principal as principals

USER = principals.user("111122223333", "maria", "AIDAEXAMPLE", path="/team/", tags={"Team": "blue"})
ROLE = principals.role_session(
    "arn:aws:iam::111122223333:role/path/worker", "AROAEXAMPLE", "job-1", issued_ms=1_577_836_800_000, mfa=True
)
SERVICE = principals.service("s3.amazonaws.com", source_account="111122223333", source_arn="arn:aws:s3:::b")
FACTS = RequestFacts(
    now_ms=1_585_699_200_500,
    source_ip="203.0.113.7",
    region="eu-west-1",
    user_agent="cli",
    resource_tags=lambda: {"Stage": "prod"},
    request_tags={"Cost": "1", "Owner": "me"},
)


@pytest.mark.parametrize(
    ("principal", "key", "expected"),
    [
        (USER, "aws:principalarn", ["arn:aws:iam::111122223333:user/team/maria"]),
        (USER, "aws:principalaccount", ["111122223333"]),
        (USER, "aws:principaltype", ["User"]),
        (USER, "aws:userid", ["AIDAEXAMPLE"]),
        (USER, "aws:username", ["maria"]),
        (USER, "aws:principaltag/team", ["blue"]),
        (USER, "aws:principaltag/other", None),
        (USER, "aws:tokenissuetime", None),
        (USER, "aws:multifactorauthpresent", None),
        (USER, "aws:principalisawsservice", ["false"]),
        (ROLE, "aws:principalarn", ["arn:aws:iam::111122223333:role/path/worker"]),
        (ROLE, "aws:principaltype", ["AssumedRole"]),
        (ROLE, "aws:userid", ["AROAEXAMPLE:job-1"]),
        (ROLE, "aws:username", None),
        (ROLE, "aws:tokenissuetime", ["2020-01-01T00:00:00.000Z"]),
        (ROLE, "aws:multifactorauthpresent", ["true"]),
        (SERVICE, "aws:principalarn", None),
        (SERVICE, "aws:principalisawsservice", ["true"]),
        (SERVICE, "aws:principalservicename", ["s3.amazonaws.com"]),
        (SERVICE, "aws:sourceaccount", ["111122223333"]),
        (SERVICE, "aws:sourcearn", ["arn:aws:s3:::b"]),
        (SERVICE, "aws:sourceip", None),
        (principals.root("111122223333"), "aws:principaltype", ["Account"]),
        (principals.anonymous(), "aws:principaltype", ["Anonymous"]),
        (principals.anonymous(), "aws:userid", ["anonymous"]),
        (USER, "aws:sourceip", ["203.0.113.7"]),
        (USER, "aws:currenttime", ["2020-04-01T00:00:00.500Z"]),
        (USER, "aws:epochtime", ["1585699200"]),
        (USER, "aws:requestedregion", ["eu-west-1"]),
        (USER, "aws:useragent", ["cli"]),
        (USER, "aws:referer", None),
        (USER, "aws:securetransport", ["true"]),
        (USER, "aws:resourcetag/stage", ["prod"]),
        (USER, "aws:requesttag/cost", ["1"]),
        (USER, "aws:tagkeys", ["Cost", "Owner"]),
        (USER, "sqs:other", None),
    ],
)
def test_a_key_has_its_value_or_is_absent(principal, key, expected):
    assert RequestContext(principal, FACTS).values(key) == expected


def test_the_services_keys_stand_beside_and_go_first():
    context = RequestContext(USER, FACTS, {"s3:Prefix": "x", "aws:ResourceTag/Stage": "own", "s3:max-keys": 10})
    assert context.values("s3:prefix") == ["x"]
    assert context.values("s3:max-keys") == ["10"]
    assert context.values("aws:resourcetag/stage") == ["own"]


def test_tags_are_fetched_only_if_a_policy_asks():
    asked = []
    context = RequestContext(USER, RequestFacts(0, resource_tags=lambda: asked.append(1) or {}))
    context.values("aws:sourceip")
    assert not asked
    context.values("aws:resourcetag/x")
    assert asked
