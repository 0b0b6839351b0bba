"""A call in each of the protocols that clients of CloudWatch speak, all the way over HTTP."""

import json
from urllib.parse import urlencode
from xml.etree import ElementTree

import cbor2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pileus.kernel.http import Body, HttpRequest
from pileus.services.cloudwatch.tests.conftest import RULE, definition

NAME = "GraniteServiceVersion20100801"
SPACE = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
START_S = 1_767_225_600
ASKED = {"RuleName": RULE, "Period": 60, "MaxContributorCount": 25, "Metrics": ["MaxContributorValue"]}


@pytest.fixture
def send(cloud):
    """A request signed as the account's root: status, headers, body."""

    async def send(path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
        request = AWSRequest("POST", f"http://localhost:4566{path}", data=body)
        request.headers["Host"] = "localhost:4566"
        for name, value in headers.items():
            request.headers[name.replace("_", "-")] = value
        SigV4Auth(Credentials("test", "test"), "monitoring", "us-east-1").add_auth(request)
        named = {name.lower(): value for name, value in request.headers.items()}
        response = await cloud.pileus.gateway.handle(HttpRequest("POST", path, headers=named, body=Body(body)))
        return response.status, {name.lower(): value for name, value in response.headers}, response.body

    return send


@pytest.fixture
def in_cbor(send):
    async def ask(operation: str, request: dict) -> tuple[int, dict[str, str], dict]:
        path, headers = f"/service/{NAME}/operation/{operation}", {"smithy_protocol": "rpc-v2-cbor"}
        status, told, body = await send(path, cbor2.dumps(request), content_type="application/cbor", **headers)
        return status, told, cbor2.loads(body)

    return ask


@pytest.fixture
def in_json(send):
    async def ask(operation: str, request: dict) -> tuple[int, dict[str, str], dict]:
        headers = {"content_type": "application/x-amz-json-1.0", "x_amz_target": f"{NAME}.{operation}"}
        status, told, body = await send("/", json.dumps(request).encode(), **headers)
        return status, told, json.loads(body)

    return ask


@pytest.fixture
def in_query(send):
    async def ask(operation: str, **request: str) -> tuple[int, ElementTree.Element]:
        form = urlencode({"Action": operation, "Version": "2010-08-01", **request}).encode()
        status, _, body = await send("/", form, content_type="application/x-www-form-urlencoded; charset=utf-8")
        return status, ElementTree.fromstring(body)

    return ask


def text(element: ElementTree.Element, *path: str) -> str | None:
    return element.findtext("/".join(SPACE + name for name in path))


async def test_a_report_in_cbor(in_cbor, rule, count):
    await count(0, {"a": 1.5})
    times = {"StartTime": cbor2.CBORTag(1, START_S), "EndTime": cbor2.CBORTag(1, START_S + 60)}
    status, headers, answer = await in_cbor("GetInsightRuleReport", {**ASKED, **times})
    assert (status, headers["smithy-protocol"]) == (200, "rpc-v2-cbor")
    (contributor,) = answer["Contributors"]
    assert (contributor["Keys"], contributor["ApproximateAggregateValue"]) == (["a"], 1.5)
    (point,) = answer["MetricDatapoints"]
    assert (point["MaxContributorValue"], point["Timestamp"].timestamp()) == (1.5, START_S)


async def test_a_report_in_json(in_json, rule, count):
    await count(0, {"a": 1.5})
    status, _, answer = await in_json("GetInsightRuleReport", {**ASKED, "StartTime": START_S, "EndTime": START_S + 60})
    assert status == 200
    assert answer["Contributors"] == [
        {
            "Keys": ["a"],
            "ApproximateAggregateValue": 1.5,
            "Datapoints": [{"Timestamp": START_S, "ApproximateValue": 1.5}],
        }
    ]
    assert answer["MetricDatapoints"] == [{"Timestamp": START_S, "MaxContributorValue": 1.5}]


async def test_a_report_in_query(in_query, rule, count):
    await count(0, {"a": 1.5})
    members = {"RuleName": RULE, "Period": "60", "Metrics.member.1": "MaxContributorValue"}
    times = {"StartTime": "2026-01-01T00:00:00", "EndTime": "2026-01-01T00:01:00Z"}
    status, answer = await in_query("GetInsightRuleReport", **members, **times)
    assert status == 200
    assert text(answer, "GetInsightRuleReportResult", "Contributors", "member", "Keys", "member") == "a"
    point = ("GetInsightRuleReportResult", "MetricDatapoints", "member")
    assert (text(answer, *point, "Timestamp"), text(answer, *point, "MaxContributorValue")) == (
        "2026-01-01T00:00:00Z",
        "1.5",
    )


async def test_rules_and_failures_in_query(in_query, rule):
    status, answer = await in_query("DescribeInsightRules", MaxResults="5")
    member = ("DescribeInsightRulesResult", "InsightRules", "member")
    assert (status, text(answer, *member, "Name"), text(answer, *member, "ManagedRule")) == (200, RULE, "true")
    status, answer = await in_query("DisableInsightRules", **{"RuleNames.member.1": RULE})
    failure = ("DisableInsightRulesResult", "Failures", "member", "FailureResource")
    assert (status, text(answer, *failure)) == (200, RULE)


async def test_errors_have_the_codes_of_the_query_protocol_in_all_of_them(in_cbor, in_json, in_query):
    put = {"RuleName": "mine", "RuleDefinition": definition()}
    for ask in (in_cbor, in_json):
        status, headers, answer = await ask("PutInsightRule", put)
        assert (status, headers["x-amzn-query-error"]) == (400, "InvalidParameterValue;Sender")
        assert answer["__type"].endswith("InvalidParameterValueException")
        assert answer["message"] == "Schema.Name must be CloudWatchLogRule."
    status, answer = await in_query("PutInsightRule", **put)
    assert (status, text(answer, "Error", "Code")) == (400, "InvalidParameterValue")


async def test_a_rule_that_is_not_there_is_404_in_all_of_them(in_cbor, in_json, in_query):
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:insight-rule/none"
    for ask in (in_cbor, in_json):
        status, _, answer = await ask("ListTagsForResource", {"ResourceARN": arn})
        assert status == 404
        assert answer["__type"].endswith("ResourceNotFoundException")
        assert (answer["ResourceType"], answer["ResourceId"]) == ("insight-rule", "none")
    status, answer = await in_query("ListTagsForResource", ResourceARN=arn)
    assert (status, text(answer, "Error", "Code")) == (404, "ResourceNotFoundException")


async def test_nobody_from_outside_is_dynamodb(in_json, cloud):
    """Whatever name the role has: here the account's root stands for it."""
    status, _, _ = await in_json("PutInsightRule", {"RuleName": RULE, "RuleDefinition": definition()})
    assert status == 400
    assert await cloud.cloudwatch.DescribeInsightRules() == {"InsightRules": []}


async def test_operations_that_nobody_wrote_answer_501(in_json):
    status, _, answer = await in_json("DescribeAlarms", {})
    assert (status, "cloudwatch:DescribeAlarms" in answer["message"]) == (501, True)
