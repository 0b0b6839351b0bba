"""Requests that never reach an operation: unknown, malformed, or signed wrongly. Each gets the error that AWS sends."""

import logging
from datetime import timedelta

import pytest
from botocore import auth
from botocore.crt import auth as crt_auth
from msgspec.structs import replace
from wire import ENDPOINT, ROOT, signed, written

from pileus.app import CLOCKS, KeptClock
from pileus.kernel.http import Body, BodyCutShort, HttpRequest

JSON_1_0 = {"content-type": "application/x-amz-json-1.0"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def json_call(target: str, body: bytes, service: str = "sqs", **options) -> HttpRequest:
    return signed("POST", ENDPOINT + "/", {**JSON_1_0, "x-amz-target": target}, body, service=service, **options)


def form_call(body: bytes, service: str = "iam", **options) -> HttpRequest:
    return signed("POST", ENDPOINT + "/", FORM, body, service=service, **options)


def cbor_call(service: str, operation: str, body: bytes) -> HttpRequest:
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    return signed("POST", f"{ENDPOINT}/service/{service}/operation/{operation}", headers, body, service="logs")


# What nobody knows, and what nobody has written


async def test_a_service_that_aws_has_and_pileus_not_is_refused_by_name(wire):
    answer = await wire.call("ec2", "DescribeInstances")
    assert answer.status == 501
    assert b"NotImplemented" in answer.body
    assert b"Pileus does not implement the service EC2 (ec2) yet." in answer.body


async def test_a_service_that_nobody_has_is_refused(wire):
    answer = await wire.send(signed("GET", ENDPOINT + "/", {}, service="nothing"))
    assert answer.status == 404
    assert b"UnknownService" in answer.body


async def test_an_operation_that_aws_has_and_pileus_not_is_refused_by_name(wire):
    answer = await wire.call("iam", "ListServerCertificates")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert answer.message == "Pileus does not implement iam:ListServerCertificates yet."


@pytest.mark.parametrize(
    ("request_of", "service", "status", "code"),
    [
        (lambda: json_call("AmazonSQS.Nonsense", b"{}"), "sqs", 400, "UnknownOperationException"),
        (lambda: json_call("Logs_20140328.Nonsense", b"{}", "logs"), "logs", 400, "UnknownOperationException"),
        (lambda: form_call(b"Action=Nonsense&Version=2010-05-08"), "iam", 400, "InvalidAction"),
        (lambda: form_call(b"Action=Nonsense&Version=2012-11-05", "sqs"), "iam", 400, "InvalidAction"),
        (lambda: form_call(b"Version=2010-05-08"), "iam", 400, "MissingAction"),
        (lambda: signed("PATCH", f"{ENDPOINT}/bucket/key", {}, service="s3"), "s3", 405, "MethodNotAllowed"),
        (
            lambda: signed("GET", f"{ENDPOINT}/2015-03-31/nonsense", {}, service="lambda"),
            "lambda",
            400,
            "UnknownOperationException",
        ),
        (lambda: cbor_call("Logs_20140328", "Nonsense", b"\xa0"), None, 400, "UnknownOperationException"),
    ],
)
async def test_an_operation_that_aws_has_not_is_unknown(wire, request_of, service, status, code):
    answer = await wire.send(request_of(), service)
    assert answer.status == status
    assert code in (answer.code if service else answer.body.decode("latin-1"))


# Bodies that say nothing


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff\xfe", b'{"QueueName": }', b'{"QueueName": ["a"]}'])
async def test_bad_json_is_a_serialization_exception(wire, body):
    answer = await wire.send(json_call("AmazonSQS.CreateQueue", body), "sqs")
    assert (answer.status, answer.code) == (400, "SerializationException")


async def test_bad_xml_is_malformed(wire):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    for body in (b"<Tagging><TagSet>", b"not xml", b"<Tagging><TagSet></Tagging></TagSet>", b"<A/>", b""):
        answer = await wire.send(signed("PUT", f"{ENDPOINT}/bucket?tagging", {}, body, service="s3"), "s3")
        assert answer.status == 400, (body, answer)
        assert answer.code in ("MalformedXML", "MissingRequestBodyError"), (body, answer)


async def test_an_xml_entity_is_never_expanded(wire):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    body = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Tagging><TagSet><Tag><Key>k</Key><Value>&x;</Value></Tag></TagSet></Tagging>'
    answer = await wire.send(signed("PUT", f"{ENDPOINT}/bucket?tagging", {}, body, service="s3"), "s3")
    assert (answer.status, answer.code) == (400, "MalformedXML")


@pytest.mark.parametrize("body", [b"\xff", b"\xbf", b"\x80", b"", b"\xa1\x61"])
async def test_bad_cbor_is_a_serialization_exception(wire, body):
    answer = await wire.send(cbor_call("Logs_20140328", "CreateLogGroup", body))
    assert answer.status == 400
    assert b"Exception" in answer.body


async def test_a_query_parameter_of_the_wrong_type_is_refused(wire):
    body = b"Action=ListUsers&Version=2010-05-08&MaxItems=many"
    answer = await wire.send(form_call(body), "iam")
    assert (answer.status, answer.code) == (400, "MalformedInput")


async def test_what_the_model_forbids_is_refused_in_the_services_words(wire):
    answer = await wire.call("logs", "CreateLogGroup")
    assert (answer.status, answer.code) == (400, "InvalidParameterException")
    answer = await wire.call("iam", "CreateUser", UserName="no spaces allowed")
    assert (answer.status, answer.code) == (400, "ValidationError")
    answer = await wire.call("sqs", "CreateQueue")
    assert (answer.status, answer.code) == (400, "MissingParameter")


async def test_a_body_larger_than_any_operation_takes_is_refused(wire):
    answer = await wire.send(json_call("AmazonSQS.SendMessage", b" " * (70 * 1024 * 1024 + 1)), "sqs")
    assert (answer.status, answer.code) == (413, "RequestEntityTooLarge")


class CutShort(Body):
    async def read(self, limit_bytes):
        raise BodyCutShort("the connection ended before the body did")

    async def __aiter__(self):
        yield b"half"
        raise BodyCutShort("the connection ended before the body did")


async def test_a_body_cut_short_does_nothing(wire):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    request = written("s3", "PutObject", {"Bucket": "bucket", "Key": "k", "Body": b"half of it"})
    answer = await wire.send(request.with_body(CutShort()), "s3")
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    assert (await wire.call("s3", "ListObjectsV2", Bucket="bucket")).parsed["KeyCount"] == 0


# Signatures


PER_PROTOCOL = [  # service, a call, its refusals: mismatch, unknown key, missing
    ("sqs", "ListQueues", "InvalidSignatureException", "UnrecognizedClientException", 400),
    ("logs", "DescribeLogGroups", "InvalidSignatureException", "UnrecognizedClientException", 400),
    ("iam", "ListUsers", "SignatureDoesNotMatch", "InvalidClientTokenId", 403),
    ("sts", "GetCallerIdentity", "SignatureDoesNotMatch", "InvalidClientTokenId", 403),
    ("lambda", "ListFunctions", "InvalidSignatureException", "UnrecognizedClientException", 403),
    ("s3", "ListBuckets", "SignatureDoesNotMatch", "InvalidAccessKeyId", 403),
]


@pytest.mark.parametrize(("service", "operation", "mismatch", "_", "status"), PER_PROTOCOL)
async def test_a_wrong_secret_is_refused(wire, service, operation, mismatch, _, status):
    answer = await wire.call(service, operation, key=("test", "wrong"))
    assert (answer.status, answer.code) == (status, mismatch)
    assert answer.message.startswith("The request signature we calculated does not match the signature you provided.")


@pytest.mark.parametrize(("service", "operation", "_", "unknown", "status"), PER_PROTOCOL)
async def test_an_unknown_key_is_refused(wire, service, operation, _, unknown, status):
    answer = await wire.call(service, operation, key=("AKIAIOSFODNN7EXAMPLE", "test"))
    assert (answer.status, answer.code) == (status, unknown)


@pytest.mark.parametrize(("service", "operation", "_", "unknown", "status"), PER_PROTOCOL)
async def test_a_forged_session_token_is_refused(wire, service, operation, _, unknown, status):
    answer = await wire.call(service, operation, key=("ASIAIOSFODNN7EXAMPLE", "test", "forged"))
    expected = (400, "InvalidToken") if service == "s3" else (status, unknown)
    assert (answer.status, answer.code) == expected


@pytest.mark.parametrize(
    ("service", "operation", "status", "code"),
    [
        ("sqs", "ListQueues", 400, "MissingAuthenticationTokenException"),
        ("logs", "DescribeLogGroups", 400, "MissingAuthenticationTokenException"),
        ("iam", "ListUsers", 403, "MissingAuthenticationToken"),
        ("s3", "ListBuckets", 403, "AccessDenied"),
    ],
)
async def test_whoever_signs_nothing_is_nobody(wire, service, operation, status, code):
    answer = await wire.call(service, operation, key=None)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sqs", "ListQueues", "InvalidSignatureException"),
        ("iam", "ListUsers", "SignatureDoesNotMatch"),
        ("s3", "ListBuckets", "RequestTimeTooSkewed"),
    ],
)
@pytest.mark.parametrize(("minutes", "is_accepted"), [(-16, False), (-14, True), (14, True), (16, False)])
async def test_a_signature_holds_for_fifteen_minutes(wire, monkeypatch, service, operation, code, minutes, is_accepted):
    now = auth.get_current_datetime
    for signers in (auth, crt_auth):
        monkeypatch.setattr(signers, "get_current_datetime", lambda *a, **k: now(*a, **k) + timedelta(minutes=minutes))
    answer = await wire.call(service, operation)
    assert (answer.status == 200) == is_accepted
    if not is_accepted:
        assert answer.code == code


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("dynamodb", "ListTables", "InvalidSignatureException"),
        ("iam", "ListUsers", "SignatureDoesNotMatch"),
        ("s3", "ListBuckets", "InvalidAccessKeyId"),
    ],
)
async def test_an_old_signature_is_refused_before_its_key_is_unknown(wire, monkeypatch, service, operation, code):
    now = auth.get_current_datetime
    for signers in (auth, crt_auth):
        monkeypatch.setattr(signers, "get_current_datetime", lambda *a, **k: now(*a, **k) - timedelta(minutes=16))
    answer = await wire.call(service, operation, key=("AKIAIOSFODNN7EXAMPLE", "test"))
    assert answer.code == code


async def test_moving_the_clouds_clock_ages_no_signature(wire):
    await wire.cloud.advance(30 * 86_400_000)
    assert (await wire.call("sqs", "ListQueues")).status == 200


async def test_a_changed_body_is_not_the_one_that_was_signed(wire):
    request = json_call("AmazonSQS.CreateQueue", b'{"QueueName":"mine"}')
    answer = await wire.send(request.with_body(Body(b'{"QueueName":"evil"}')), "sqs")
    assert (answer.status, answer.code) == (400, "InvalidSignatureException")
    request = form_call(b"Action=CreateUser&Version=2010-05-08&UserName=mine")
    answer = await wire.send(request.with_body(Body(b"Action=CreateUser&Version=2010-05-08&UserName=evil")), "iam")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert (await wire.cloud.iam.ListUsers())["Users"] == []
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    request = signed("PUT", f"{ENDPOINT}/bucket/key", {}, b"mine", service="s3")
    answer = await wire.send(request.with_body(Body(b"evil")), "s3")
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert (await wire.call("s3", "ListObjectsV2", Bucket="bucket")).parsed["KeyCount"] == 0


@pytest.mark.parametrize("change", ["path", "query", "host", "method", "date"])
async def test_nothing_that_was_signed_can_be_changed(wire, change):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    await wire.call("s3", "CreateBucket", Bucket="other")
    request = signed("GET", f"{ENDPOINT}/bucket?list-type=2", {}, service="s3")
    changed = {
        "path": replace(request, path="/other"),
        "query": replace(request, query="list-type=2&prefix=x"),
        "host": replace(request, headers=request.headers | {"host": "other.localhost:4566"}),
        "method": replace(request, method="DELETE"),
        "date": replace(request, headers=request.headers | {"x-amz-date": "20261123T190554Z"}),
    }[change]
    assert (await wire.send(request, "s3")).status == 200
    assert (await wire.send(changed, "s3")).status == 403
    assert (await wire.call("s3", "HeadBucket", Bucket="bucket")).status == 200


async def test_a_malformed_authorization_says_what_it_lacks(wire):
    request = json_call("AmazonSQS.ListQueues", b"{}")
    headers = request.headers | {
        "authorization": "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sqs/aws4_request"
    }
    answer = await wire.send(replace(request, headers=headers), "sqs")
    assert (answer.status, answer.code) == (400, "IncompleteSignatureException")
    assert "'SignedHeaders'" in answer.message and "'Signature'" in answer.message


# Faults of our own


async def test_an_unforeseen_error_is_an_internal_failure_logged_with_its_id(wire, monkeypatch, caplog):
    async def broken(call, request):
        raise ZeroDivisionError("one of ours")

    monkeypatch.setitem(wire.cloud.pileus.registry.get("sqs")._functions, "list_queues", broken)
    with caplog.at_level(logging.ERROR):
        answer = await wire.call("sqs", "ListQueues")
    assert (answer.status, answer.code) == (500, "InternalFailure")
    assert "one of ours" not in answer.body.decode()
    assert answer.headers["x-amzn-requestid"] in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert (await wire.call("sqs", "CreateQueue", QueueName="next")).status == 200


async def test_what_fails_in_the_middle_of_a_transition_leaves_nothing(wire, monkeypatch):
    def transition(tx):
        CLOCKS.put(tx, KeptClock("cloud", 1, None))
        raise ZeroDivisionError

    async def half(call, request):
        await call.write(transition)

    monkeypatch.setitem(wire.cloud.pileus.registry.get("sqs")._functions, "list_queues", half)
    assert (await wire.call("sqs", "ListQueues")).status == 500
    assert wire.cloud.store.look(CLOCKS.get, "cloud")[0] is None


async def test_every_answer_names_its_request(wire):
    seen = set()
    for service, operation, header in (
        ("sqs", "ListQueues", "x-amzn-requestid"),
        ("iam", "ListUsers", "x-amzn-requestid"),
        ("sts", "GetCallerIdentity", "x-amzn-requestid"),
        ("logs", "DescribeLogGroups", "x-amzn-requestid"),
        ("s3", "ListBuckets", "x-amz-request-id"),
    ):
        for key in (ROOT, ("test", "wrong"), None):
            seen.add((await wire.call(service, operation, key=key)).headers[header])
    assert len(seen) == 15


async def test_answers_to_head_have_no_body(wire):
    await wire.call("s3", "CreateBucket", Bucket="bucket")
    await wire.call("s3", "PutObject", Bucket="bucket", Key="k", Body=b"content")
    found = await wire.call("s3", "HeadObject", Bucket="bucket", Key="k")
    assert (found.status, found.body, found.headers["content-length"]) == (200, b"", "7")
    for answer in (
        await wire.call("s3", "HeadObject", Bucket="bucket", Key="none"),
        await wire.call("s3", "HeadBucket", Bucket="none-such"),
        await wire.call("s3", "HeadObject", Bucket="bucket", Key="k", key=("test", "wrong")),
        await wire.call("s3", "HeadObject", Bucket="bucket", Key="k", key=None),
    ):
        assert answer.body == b""
    assert answer.status == 403
