"""Results and errors as bytes: what the protocol cases leave to the service."""

import json
from xml.etree import ElementTree

import orjson
import pytest

from pileus.kernel.errors import AccessDenied, AwsError, InternalFailure
from pileus.kernel.http import FilePart, HttpRequest
from pileus.protocol import errors, models
from pileus.protocol.eventstream import Decoder, Message, encode
from pileus.protocol.refusals import SerializationException, UnknownOperation


def headers_of(response) -> dict:
    return dict(response.headers)


def test_none_is_left_out():
    op = models.load("sqs").operation("SendMessage")
    assert op.serialize({"MessageId": "i", "SequenceNumber": None}, "r").body == b'{"MessageId":"i"}'


def test_the_word_null_in_a_text_is_kept():
    op = models.load("sqs").operation("SendMessage")
    assert op.serialize({"MessageId": "null", "SequenceNumber": None}, "r").body == b'{"MessageId":"null"}'
    assert op.parse(HttpRequest("POST", "/"), b'{"MessageBody":"null","DelaySeconds":null}') == {"MessageBody": "null"}


def test_members_that_the_model_does_not_know_are_not_read():
    op = models.load("sqs").operation("SendMessage")
    assert op.parse(HttpRequest("POST", "/"), b'{"MessageBody":"b","Nope":1}') == {"MessageBody": "b"}


def test_an_opaque_shape_comes_as_it_was_sent_and_its_bytes_go_out_as_base64():
    op = models.load("dynamodb").operation("GetItem")
    sent = b'{"TableName":"t","Key":{"k":{"B":"AAE=","Nope":null}}}'
    request = op.parse(HttpRequest("POST", "/"), sent)
    assert request == {"TableName": "t", "Key": {"k": {"B": "AAE=", "Nope": None}}}
    assert op.violations(request) == []
    assert op.serialize({"Item": {"k": {"BS": [b"\0\1"]}}}, "r").body == b'{"Item":{"k":{"BS":["AAE="]}}}'
    error = AwsError("The conditional request failed", code="ConditionalCheckFailedException", Item={"k": {"B": b"k"}})
    assert json.loads(errors.serialize(op.api, op, error, "r").body)["Item"] == {"k": {"B": "aw=="}}


def test_sqs_in_its_older_protocol():
    op = models.load("sqs").operation("SendMessageBatch")
    form = (
        b"Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=y"
        b"&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=x"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Binary"
        b"&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue=AAE%3D"
    )
    assert op.parse(HttpRequest("POST", "/"), form, "query") == {
        "QueueUrl": "u",
        "Entries": [
            {"Id": "a", "MessageBody": "x", "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"\0\1"}}},
            {"Id": "b", "MessageBody": "y"},
        ],
    }
    answer = models.load("sqs").operation("GetQueueAttributes").serialize({"Attributes": {"A": "1"}}, "r", "query")
    assert answer.body.decode() == (
        '<GetQueueAttributesResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><GetQueueAttributesResult>'
        "<Attribute><Name>A</Name><Value>1</Value></Attribute></GetQueueAttributesResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetQueueAttributesResponse>"
    )


def test_s3_lists_have_their_root_namespace_and_escaped_keys():
    op = models.load("s3").operation("ListObjectsV2")
    result = {
        "Name": "b",
        "KeyCount": 1,
        "Contents": [{"Key": "a&<b>\r\x01", "Size": 3}],
        "RequestCharged": "requester",
    }
    answer = op.serialize(result, "r")
    assert headers_of(answer)["x-amz-request-id"] == "r"
    assert headers_of(answer)["x-amz-request-charged"] == "requester"
    text = answer.body.decode()
    assert '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' in text
    assert "<Contents><Key>a&amp;&lt;b&gt;&#xd;&#x1;</Key><Size>3</Size></Contents>" in text


def test_a_buckets_location_stands_in_the_root():
    op = models.load("s3").operation("GetBucketLocation")
    root = ElementTree.fromstring(op.serialize({"LocationConstraint": "eu-west-1"}, "r").body)
    assert root.text == "eu-west-1"
    assert ElementTree.fromstring(op.serialize({}, "r").body).text is None


def test_streams_pass_through_both_ways():
    request = HttpRequest("PUT", "/b/k", "", {"content-length": "3", "x-amz-meta-a": "1", "content-type": "text/plain"})
    op = models.load("s3").operation("PutObject")
    assert op.has_streaming_input
    params = op.parse(request)
    assert params == {
        "Bucket": "b",
        "Key": "k",
        "Body": request.body,
        "ContentLength": 3,
        "ContentType": "text/plain",
        "Metadata": {"a": "1"},
    }
    assert op.violations(params) == []
    part = FilePart("/data/x", 0, 3)
    answer = models.load("s3").operation("GetObject").serialize({"Body": part, "ContentType": "text/plain"}, "r")
    assert answer.body is part
    assert [value for name, value in answer.headers if name.lower() == "content-type"] == ["text/plain"]


def test_a_line_break_can_not_add_a_header():
    answer = models.load("s3").operation("GetObject").serialize({"CacheControl": "a\r\nSet-Cookie: x"}, "r")
    assert headers_of(answer)["Cache-Control"] == "a  Set-Cookie: x"


def test_an_sqs_error_has_its_query_code_beside_its_name():
    api = models.load("sqs")
    for code in ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"):
        answer = errors.serialize(api, None, AwsError("gone", code=code), "r", "json")
        assert answer.status == 400
        assert json.loads(answer.body) == {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}
        assert headers_of(answer)["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    old = errors.serialize(api, None, AwsError("gone", code="QueueDoesNotExist"), "r", "query")
    assert b"<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in old.body


def test_a_lambda_error_has_the_models_status_and_members():
    error = AwsError("no", code="ResourceNotFoundException", Type="User")
    answer = errors.serialize(models.load("lambda"), None, error, "r")
    assert (answer.status, headers_of(answer)["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert json.loads(answer.body) == {"Type": "User", "Message": "no"}


def test_s3_errors_stand_alone_and_answers_to_head_are_empty():
    api = models.load("s3")
    error = AwsError("Not there <", code="NoSuchKey", status=404, Key="k&")
    answer = errors.serialize(api, api.operation("GetObject"), error, "r")
    root = ElementTree.fromstring(answer.body)
    assert {child.tag: child.text for child in root} == {
        "Code": "NoSuchKey",
        "Message": "Not there <",
        "Key": "k&",
        "RequestId": "r",
        "HostId": "r",
    }
    assert errors.serialize(api, api.operation("HeadObject"), error, "r").body == b""
    assert errors.serialize(api, None, error, "r", method="HEAD").body == b""


@pytest.mark.parametrize(
    ("service", "protocol", "status", "words"),
    [
        (
            "iam",
            "query",
            400,
            b"<Code>InvalidAction</Code><Message>Could not find operation Foo for version 2010-05-08</Message>",
        ),
        (
            "sqs",
            "query",
            400,
            b"<Code>InvalidAction</Code><Message>Could not find operation Foo for version 2012-11-05</Message>",
        ),
        (
            "ec2",
            "ec2",
            400,
            b"<Response><Errors><Error><Code>InvalidAction</Code>"
            b"<Message>The action Foo is not valid for this web service.</Message>",
        ),
        ("s3", "rest-xml", 405, b"<Code>MethodNotAllowed</Code>"),
        ("logs", "json", 400, b'"__type":"UnknownOperationException"'),
    ],
)
def test_an_unknown_operation_in_each_protocols_words(service, protocol, status, words):
    answer = errors.serialize(models.load(service), None, UnknownOperation("x", "Foo"), "r", protocol)
    assert answer.status == status
    assert words in answer.body


def test_our_faults_and_denials():
    api = models.load("iam")
    assert (
        b"<Type>Receiver</Type><Code>InternalFailure</Code>" in errors.serialize(api, None, InternalFailure(), "r").body
    )
    denied = errors.serialize(None, None, AccessDenied("no", code="AccessDeniedException"), "r")
    assert (denied.status, orjson.loads(denied.body)["__type"]) == (403, "AccessDeniedException")


def test_event_messages_survive_being_cut_anywhere():
    sent = [Message(b"abc", {":event-type": "X", "n": 1, "b": True, "raw": b"\0"}), Message()]
    data = b"".join(map(encode, sent))
    for cut in range(len(data) + 1):
        decoder = Decoder()
        assert decoder.feed(data[:cut]) + decoder.feed(data[cut:]) == sent
        assert decoder.is_between_messages


def test_a_broken_event_message_is_refused():
    data = bytearray(encode(Message(b"abc", {"n": "x"})))
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(SerializationException):
            Decoder().feed(bytes(broken))


async def test_events_are_written_as_they_come_and_an_error_ends_them():
    async def events():
        yield {"PayloadChunk": {"Payload": b"abc"}}
        yield {"InvokeComplete": {"ErrorCode": "Unhandled"}}
        raise AwsError("late", code="Late")

    op = models.load("lambda").operation("InvokeWithResponseStream")
    answer = op.serialize({"StatusCode": 200, "EventStream": events()}, "r")
    decoder = Decoder()
    messages = [message async for chunk in answer.body for message in decoder.feed(chunk)]
    assert [(m.headers.get(":event-type"), m.payload) for m in messages] == [
        ("PayloadChunk", b"abc"),
        ("InvokeComplete", b'{"ErrorCode":"Unhandled"}'),
        (None, b""),
    ]
    assert messages[2].headers == {":message-type": "error", ":error-code": "Late", ":error-message": "late"}


async def test_rpc_event_streams_begin_with_the_other_members():
    async def events():
        yield {"sessionStart": {"sessionId": "s"}}

    op = models.load("logs").operation("StartLiveTail")
    answer = op.serialize({"responseStream": events()}, "r")
    decoder = Decoder()
    messages = [message async for chunk in answer.body for message in decoder.feed(chunk)]
    assert [m.headers[":event-type"] for m in messages] == ["initial-response", "sessionStart"]
