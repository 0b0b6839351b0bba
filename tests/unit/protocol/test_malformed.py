"""What is broken is refused with AWS's code; nothing crashes, nothing grows."""

import gzip

import cbor2
import pytest

from pileus.kernel.errors import AwsError
from pileus.kernel.http import HttpRequest
from pileus.protocol import codings, models

POST = HttpRequest("POST", "/")


def code_of(service: str, operation: str, body: bytes, protocol: str | None = None, request: HttpRequest = POST) -> str:
    op = models.load(service).operation(operation)
    with pytest.raises(AwsError) as refused:
        op.violations(op.parse(request, body, protocol))
    assert refused.value.status == 400
    return refused.value.code


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"3",
        b"null",
        b"\xff\xfe",
        b'{"QueueUrl": "\\ud800"}',
        b"[" * 100_000,
        b'{"MessageAttributes":' * 50_000,
        b'{"MessageAttributes": {"a": null, "b": 3}}',
        b'{"MessageAttributes": {"a": {"BinaryValue": "%%%"}}}',
    ],
)
def test_json(body):
    assert code_of("sqs", "SendMessage", body) == "SerializationException"


def test_json_nested_as_deep_as_its_parser_goes():
    body = b'{"TableName":"t","Item":{"a":' + b'{"M":{"a":' * 500 + b'{"S":"x"}' + b"}}" * 500 + b"}}"
    op = models.load("dynamodb").operation("PutItem")
    try:
        op.violations(op.parse(POST, body))
    except AwsError as error:
        assert error.code == "SerializationException"


@pytest.mark.parametrize(
    "body", [b"\xff", b"\x81" * 50_000, b"\x83\x01", cbor2.dumps([1]), b"\x5b" + b"\xff" * 8, b"\xd9\x01\x00"]
)
def test_cbor(body):
    assert code_of("cloudwatch", "PutMetricData", body) == "SerializationException"


BILLION = (
    b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><Tagging>&c;</Tagging>"""
)


@pytest.mark.parametrize(
    "body",
    [
        b"<Tagging>",
        b"nothing",
        b"<Tagging><TagSet><Tag><Key><X/></Key></Tag></TagSet></Tagging>",
        BILLION,
        BILLION.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="nonsense"?><Tagging/>',
        b"\x00",
    ],
)
def test_xml(body):
    request = HttpRequest("PUT", "/b", "tagging")
    assert code_of("s3", "PutBucketTagging", body, request=request) == "MalformedXML"


def test_deep_xml_is_read_without_following_it():
    body = b"<a>" * 20_000 + b"</a>" * 20_000
    op = models.load("s3").operation("PutBucketTagging")
    assert op.parse(HttpRequest("PUT", "/b", "tagging"), body) == {"Bucket": "b", "Tagging": {}}


@pytest.mark.parametrize(
    "body",
    [
        b"DelaySeconds=x",
        b"DelaySeconds=" + b"9" * 100,
        b"QueueUrl.a=x",
        b"a." * 1000 + b"=x",
        b"MessageAttribute.1.Name=x",
        b"MessageAttribute.1.Name=n&MessageAttribute.1.Value.BinaryValue=%25%25",
        b"\xff=1",
    ],
)
def test_query(body):
    assert code_of("sqs", "SendMessage", body, "query") == "MalformedInput"


def test_a_header_of_the_wrong_type():
    request = HttpRequest("PUT", "/b/k", "partNumber=x&uploadId=1")
    op = models.load("s3").operation("UploadPart")
    with pytest.raises(AwsError) as refused:
        op.parse(request)
    assert refused.value.code == "SerializationException"


def test_gzip_is_inflated_up_to_a_limit(monkeypatch):
    request = HttpRequest("POST", "/", "", {"content-encoding": "gzip"})
    op = models.load("sqs").operation("GetQueueUrl")
    assert op.parse(request, gzip.compress(b'{"QueueName":"a"}')) == {"QueueName": "a"}
    for broken in (gzip.compress(b'{"QueueName":"a"}')[:-9], b"no gzip"):
        with pytest.raises(AwsError, match="SerializationException"):
            op.parse(request, broken)
    monkeypatch.setattr(codings, "INFLATED_LIMIT_BYTES", 10)
    with pytest.raises(AwsError, match="too large"):
        op.parse(request, gzip.compress(b'{"QueueName":"a"}'))


def test_an_unknown_operation():
    with pytest.raises(AwsError) as refused:
        models.load("sqs").operation("Nope")
    assert refused.value.code == "UnknownOperationException"
