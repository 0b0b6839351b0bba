"""Whom a request means."""

import pytest

from pileus.kernel.errors import AwsError, NotImplementedByUs
from pileus.kernel.http import HttpRequest
from pileus.protocol import metadata
from pileus.protocol.identify import Identified, ServiceIndex, identify, needs_form

INDEX = ServiceIndex.build(
    [
        "sqs",
        "s3",
        "lambda",
        "iam",
        "sts",
        "logs",
        "events",
        "dynamodb",
        "cloudformation",
        "apigateway",
        "apigatewayv2",
        "sns",
        "cloudwatch",
    ]
)


def signed(service: str) -> dict:
    scope = f"Credential=AKID/20261123/us-east-1/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x"}


def named(request: HttpRequest, form: bytes = b"") -> tuple[str, str, str]:
    found = identify(request, INDEX, form)
    return found.service, found.operation, found.protocol


def test_by_target():
    request = HttpRequest("POST", "/", "", {"x-amz-target": "AmazonSQS.SendMessage"})
    assert named(request) == ("sqs", "SendMessage", "json")


def test_by_the_path_of_rpc_v2_cbor():
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    request = HttpRequest("POST", path, "", {"smithy-protocol": "rpc-v2-cbor"})
    assert named(request) == ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor")


def test_a_query_request_by_its_signature_and_form():
    headers = {**signed("sqs"), "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = HttpRequest("POST", "/000000000000/jobs", "", headers)
    assert needs_form(request)
    assert named(request, b"Action=SendMessage&Version=2012-11-05") == ("sqs", "SendMessage", "query")


def test_an_unsigned_query_request_by_its_version():
    form = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
    assert named(HttpRequest("POST", "/"), form) == ("sts", "AssumeRoleWithWebIdentity", "query")


def test_a_query_request_without_body():
    request = HttpRequest("GET", "/", "Action=ListUsers&Version=2010-05-08", signed("iam"))
    assert named(request) == ("iam", "ListUsers", "query")


@pytest.mark.parametrize(
    ("method", "path", "query", "more", "operation"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/b", "", {}, "ListObjects"),
        ("GET", "/b/", "list-type=2", {}, "ListObjectsV2"),
        ("GET", "/b", "versions", {}, "ListObjectVersions"),
        ("GET", "/b", "location", {}, "GetBucketLocation"),
        ("GET", "/b", "lifecycle", {}, "GetBucketLifecycleConfiguration"),
        ("GET", "/b", "analytics", {}, "ListBucketAnalyticsConfigurations"),
        ("GET", "/b", "analytics&id=1", {}, "GetBucketAnalyticsConfiguration"),
        ("GET", "/b/k", "", {}, "GetObject"),
        ("GET", "/b/k", "x-id=GetObject", {}, "GetObject"),
        ("GET", "/b/k", "uploadId=1", {}, "ListParts"),
        ("GET", "/b/k", "tagging", {}, "GetObjectTagging"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "", {"x-amz-copy-source": "/a/b"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=1", {}, "UploadPart"),
        ("PUT", "/b/k", "partNumber=1&uploadId=1", {"x-amz-copy-source": "/a/b"}, "UploadPartCopy"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=1", {}, "CompleteMultipartUpload"),
        ("DELETE", "/b/k", "uploadId=1", {}, "AbortMultipartUpload"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
    ],
)
def test_s3_by_what_the_request_has(method, path, query, more, operation):
    assert named(HttpRequest(method, path, query, {**signed("s3"), **more})) == ("s3", operation, "rest-xml")


def test_labels_are_decoded_and_keys_keep_their_slashes():
    found = identify(HttpRequest("GET", "/b/a%20b//c%2Fd/", "", signed("s3")), INDEX)
    assert found.labels == {"Bucket": "b", "Key": "a b//c/d/"}


@pytest.mark.parametrize(
    "host",
    ["my.bucket.s3.localhost", "my.bucket.s3.us-east-1.localhost.localstack.cloud:4566", "my.bucket.s3.amazonaws.com"],
)
def test_a_host_may_name_the_bucket(host):
    found = identify(HttpRequest("PUT", "/k", "", {"host": host}), INDEX)
    assert found == Identified("s3", "PutObject", "rest-xml", {"Bucket": "my.bucket", "Key": "k"}, "/my.bucket/k")


def test_services_that_sign_alike_are_told_apart_by_path():
    assert named(HttpRequest("GET", "/v2/apis", "", signed("apigateway")))[:2] == ("apigatewayv2", "GetApis")
    assert named(HttpRequest("GET", "/restapis", "", signed("apigateway")))[:2] == ("apigateway", "GetRestApis")


def test_a_slash_at_the_end_makes_no_difference():
    for path in ("/2015-03-31/functions", "/2015-03-31/functions/"):
        assert named(HttpRequest("POST", path, "", signed("lambda")))[1] == "CreateFunction"


def test_presigned_requests_name_their_service_in_the_query():
    query = "X-Amz-Credential=AKID%2F20261123%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=s"
    assert named(HttpRequest("GET", "/b/k", query))[1] == "GetObject"


@pytest.mark.parametrize(
    ("request_", "form", "code", "service", "protocol"),
    [
        (HttpRequest("POST", "/", "", {"x-amz-target": "Nope.Do"}), b"", "UnknownOperationException", None, "json"),
        (HttpRequest("POST", "/", "", {"x-amz-target": ""}), b"", "UnknownOperationException", None, "json"),
        (HttpRequest("GET", "/", "", signed("nope")), b"", "UnknownService", None, "json"),
        (HttpRequest("PATCH", "/b", "", signed("s3")), b"", "UnknownOperationException", "s3", "rest-xml"),
        (HttpRequest("POST", "/", "", signed("sqs")), b"Foo=1", "MissingAction", "sqs", "query"),
    ],
)
def test_what_is_unknown_is_refused_in_the_protocol_of_the_asker(request_, form, code, service, protocol):
    with pytest.raises(AwsError) as refused:
        identify(request_, INDEX, form)
    assert (refused.value.code, refused.value.service, refused.value.protocol) == (code, service, protocol)


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("POST", "/", "", {"x-amz-target": "Kinesis_20131202.PutRecord"}),
        HttpRequest("GET", "/guardrails", "", signed("bedrock")),
    ],
)
def test_a_service_of_aws_that_is_not_built_is_named(request_):
    with pytest.raises(NotImplementedByUs, match="the service"):
        identify(request_, INDEX)


def test_the_committed_metadata_are_those_of_botocores_models():
    for name in ("sqs", "s3", "lambda", "cloudwatch", "ecr", "stepfunctions"):
        assert metadata.services()[name] == metadata.of_model(name)
