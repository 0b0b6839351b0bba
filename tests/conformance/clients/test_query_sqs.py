"""SQS in the query protocol, as SDKs older than 2023 speak it: forms in, XML out."""

import hashlib
import urllib.error
import urllib.parse
import urllib.request
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


@pytest.fixture(scope="module")
def ask(endpoint, account):
    """`ask("CreateQueue", QueueName="jobs")`: status and XML. Names may hold dots, as `Attribute.1.Name` does."""

    def send(action: str, path: str = "/", method: str = "POST", **members: str) -> tuple[int, ElementTree.Element]:
        form = urllib.parse.urlencode({"Action": action, "Version": "2012-11-05", **members})
        url, data = endpoint + path, form.encode()
        if method == "GET":
            url, data = f"{url}?{form}", b""
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"} if data else {}
        request = AWSRequest(method=method, url=url, data=data, headers=headers)
        SigV4Auth(Credentials(account, "test"), "sqs", "us-east-1").add_auth(request)
        plain = urllib.request.Request(url, data or None, dict(request.headers.items()), method=method)
        try:
            with urllib.request.urlopen(plain) as response:
                return response.status, ElementTree.fromstring(response.read())
        except urllib.error.HTTPError as error:
            return error.code, ElementTree.fromstring(error.read())

    return send


def text(element: ElementTree.Element, *path: str) -> str | None:
    return element.findtext("/".join(SPACE + name for name in path))


def test_a_message_on_its_way(ask, endpoint, account):
    status, made = ask(
        "CreateQueue", QueueName="jobs", **{"Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "5"}
    )
    url = text(made, "CreateQueueResult", "QueueUrl")
    assert (status, url) == (200, f"{endpoint}/{account}/jobs")
    assert text(made, "ResponseMetadata", "RequestId")
    path = urllib.parse.urlsplit(url).path
    # To the queue's own URL, as the developer guide's examples do.
    attribute = {
        "MessageAttribute.1.Name": "kind",
        "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "x&y",
    }
    status, sent = ask("SendMessage", path, MessageBody="a <b> & c", **attribute)
    digest = hashlib.md5(b"a <b> & c").hexdigest()
    assert (status, text(sent, "SendMessageResult", "MD5OfMessageBody")) == (200, digest)
    asked = {"AttributeName.1": "All", "MessageAttributeName.1": "All", "MaxNumberOfMessages": "10"}
    _, got = ask("ReceiveMessage", path, **asked)
    message = got.find(f"{SPACE}ReceiveMessageResult/{SPACE}Message")
    assert text(message, "Body") == "a <b> & c"
    assert text(message, "MessageAttribute", "Name") == "kind"
    assert text(message, "MessageAttribute", "Value", "StringValue") == "x&y"
    names = {text(found, "Name"): text(found, "Value") for found in message.findall(f"{SPACE}Attribute")}
    assert names["ApproximateReceiveCount"] == "1"
    status, _ = ask("DeleteMessage", path, ReceiptHandle=text(message, "ReceiptHandle"))
    assert status == 200
    _, empty = ask("ReceiveMessage", path)
    assert empty.find(f"{SPACE}ReceiveMessageResult/{SPACE}Message") is None


def test_batches_and_maps(ask):
    _, made = ask("CreateQueue", QueueName="batches", **{"Tag.1.Key": "team", "Tag.1.Value": "a"})
    url = text(made, "CreateQueueResult", "QueueUrl")
    entries = {}
    for n in (1, 2):
        entries |= {
            f"SendMessageBatchRequestEntry.{n}.Id": f"i{n}",
            f"SendMessageBatchRequestEntry.{n}.MessageBody": "x",
        }
    _, sent = ask("SendMessageBatch", QueueUrl=url, **entries)
    found = sent.findall(f"{SPACE}SendMessageBatchResult/{SPACE}SendMessageBatchResultEntry")
    assert [text(entry, "Id") for entry in found] == ["i1", "i2"]
    _, attributes = ask("GetQueueAttributes", QueueUrl=url, **{"AttributeName.1": "ApproximateNumberOfMessages"})
    assert text(attributes, "GetQueueAttributesResult", "Attribute", "Value") == "2"
    _, tags = ask("ListQueueTags", QueueUrl=url)
    assert text(tags, "ListQueueTagsResult", "Tag", "Key") == "team"
    _, listed = ask("ListQueues", QueueNamePrefix="batch")
    assert text(listed, "ListQueuesResult", "QueueUrl") == url


def test_get_does_too(ask):
    status, made = ask("CreateQueue", method="GET", QueueName="by-get")
    assert (status, text(made, "CreateQueueResult", "QueueUrl").rsplit("/", 1)[1]) == (200, "by-get")


def test_errors_have_the_codes_of_the_query_protocol(ask):
    status, error = ask("GetQueueUrl", QueueName="none-such")
    assert (status, text(error, "Error", "Code")) == (400, "AWS.SimpleQueueService.NonExistentQueue")
    assert text(error, "Error", "Type") == "Sender"
    assert text(error, "RequestId")
    status, error = ask("Nonsense")
    assert (status, text(error, "Error", "Code")) == (400, "InvalidAction")
    status, error = ask("SendMessage", MessageBody="x")
    assert (status, text(error, "Error", "Code")) == (400, "MissingParameter")
